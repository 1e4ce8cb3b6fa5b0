"""Reload of a running server: certificate, keys, venues, limits and the addresses that webhooks may
be sent to, while sockets live on. What can't be used is logged and leaves the old in force.
"""

import asyncio
import logging
from collections.abc import Callable

from rtdash.domain.venue_file import VenueFileError
from rtdash.protocol.webhook_addresses import AllowedAddresses
from rtdash.server import service_manager
from rtdash.server.auth.keys import KeyUnusable, read_key_file
from rtdash.server.open_files import fit_to_open_files
from rtdash.server.process_hooks import ReloadRefused
from rtdash.server.services import Services
from rtdash.server.tls import Certificate
from rtdash.server.venue_loading import load_venues
from rtdash.settings import Settings
from rtdash.store.errors import StoreError

CERTIFICATE_INTERVAL_S = 60.0
"""How often the certificate's files are looked at: renewals come by file, often without a signal.
"""

_RELOADED = frozenset({"config", "hooks_allow", "limits", "jwt_key_file", "log_level", "venues"})
"""Settings that a reload takes over; a change of any other one needs a restart."""

_log = logging.getLogger(__name__)


class Reloader:
    """Reloads one after the other. Requests during a reload become one more reload after it."""

    def __init__(
        self,
        services: Services,
        reread: Callable[[], Settings] | None,
        certificate: Certificate | None,
    ) -> None:
        self._services = services
        self._reread = reread
        self._certificate = certificate
        self._loop = asyncio.get_running_loop()
        self._requested = asyncio.Event()

    def request(self) -> None:
        """Request a reload; called by a signal handler."""
        self._loop.call_soon_threadsafe(self._requested.set)

    async def reload_on_request(self) -> None:
        """Reload on request, until cancelled."""
        while True:
            await self._requested.wait()
            self._requested.clear()
            service_manager.notify_reloading()
            try:
                await self._reload()
            except Exception:  # noqa: BLE001
                # the outermost frame of the task: a fault must not end later reloads
                _log.exception("the reload has failed; what is not reloaded stays as it was")
            service_manager.notify(service_manager.READY)

    async def _reload(self) -> None:
        if self._certificate is not None:
            self._certificate.refresh()
        settings = await self._read_settings()
        await self._reload_keys(settings)
        await self._reload_venues(settings)
        _log.info("reloaded: certificate, keys, venues and limits are those of now")

    async def _read_settings(self) -> Settings:
        """Return the new settings with their limits in force; the old ones where they can't be
        used.
        """
        old = self._services.settings
        if self._reread is None:
            return old
        try:
            new = await asyncio.to_thread(self._reread)
        except ReloadRefused as error:
            _log.warning("the settings stay as they were: %s", error)
            return old
        new, _ = fit_to_open_files(new)
        self._services.change_limits(new.limits)
        self._services.webhooks.change_allowed(AllowedAddresses.parse(new.hooks_allow))
        logging.getLogger("rtdash").setLevel(new.log_level.upper())
        changed = [
            name for name, value in new if name not in _RELOADED and value != getattr(old, name)
        ]
        if changed:
            _log.warning("a restart is needed for the new value of %s", ", ".join(changed))
        return new

    async def _reload_keys(self, settings: Settings) -> None:
        keys = self._services.keys
        try:
            fixed = read_key_file(settings.jwt_key_file) if settings.jwt_key_file else ()
        except KeyUnusable as error:
            _log.warning("the keys stay as they were: %s", error)
        else:
            keys.replace_fixed(fixed)
        await keys.refresh()

    async def _reload_venues(self, settings: Settings) -> None:
        services = self._services
        try:
            venues = await load_venues(services.database, settings.venues)
        except (VenueFileError, StoreError, OSError, ValueError) as error:
            _log.warning("the venues stay as they were: %s", error)
            return
        services.change_venues(venues)


async def watch_certificate(certificate: Certificate) -> None:
    """Read the certificate again when its files have changed, until cancelled."""
    while True:
        await asyncio.sleep(CERTIFICATE_INTERVAL_S)
        certificate.refresh()
