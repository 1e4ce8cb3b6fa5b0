"""The webhooks of a process: it holds those that no other process holds, and runs a sender for
each. A receiver that is dead, slow or lying costs its own sender's time, and no other's.
"""

import asyncio
import contextlib
import logging
import ssl
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING
from uuid import uuid4

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from rtdash.domain.instants import Clock
from rtdash.protocol.channels import Stream
from rtdash.protocol.webhook_addresses import AllowedAddresses
from rtdash.store import webhook_leases as leases
from rtdash.store.database import Connection, Database, StoreUnavailable
from rtdash.store.webhook_leases import LEASE_S
from rtdash.store.webhooks import Webhook, read_all
from rtdash.webhooks.attempt_pacer import AttemptPacer
from rtdash.webhooks.attempts import Result
from rtdash.webhooks.unsaved_failures import UnsavedFailures, save_failures

if TYPE_CHECKING:
    # Few servers send webhooks, and all should start soon: what connects to receivers is imported
    # where the first one needs it.
    from rtdash.webhooks.sender import Sender

LOOK_S = 1.0
"""How often is looked for events of other processes, and for webhooks to take."""
IDLE_LOOK_S = 5.0
"""The same where the store has no webhook."""
RENEW_S = 3.0
"""How often what is held is renewed, and what has failed is saved, by one commit."""
MARGIN_S = 2.0
"""By how much earlier a process stops than its lease ends."""
RELEASE_TIMEOUT_S = 2.0

_log = logging.getLogger(__name__)


class WebhookSenders:
    """Senders of the webhooks that this process holds."""

    def __init__(self, database: Database, clock: Clock, allowed: AllowedAddresses) -> None:
        self.allowed = allowed
        self._database = database
        self._clock = clock
        self._process = uuid4().hex
        self._held_until = float("-inf")
        self._renewed_at = float("-inf")
        self._reading = asyncio.Lock()
        self._pacer = AttemptPacer(time.monotonic)
        self._unsaved = UnsavedFailures()
        self._changed = asyncio.Event()
        self._counts: Counter[str] = Counter()
        self._running: dict[str, tuple[Sender, asyncio.Task[None]]] = {}
        self._by_stream: dict[Stream, list[Sender]] = {}
        self._held: list[Webhook] = []
        self._tls: ssl.SSLContext | None = None
        self._is_loaded = False
        self._is_stale = False

    def change_allowed(self, allowed: AllowedAddresses) -> None:
        """Allow other addresses from now on: what is under way to one that no longer is, ends."""
        if allowed != self.allowed:
            self.allowed, self._is_stale = allowed, True
            self._changed.set()

    def wake(self, streams: Iterable[Stream]) -> None:
        """Wake the senders of streams that have grown by a commit of this process."""
        if self._by_stream:
            for stream in streams:
                for sender in self._by_stream.get(stream, ()):
                    sender.wake()

    def refresh(self) -> None:
        """Look at the webhooks soon: one was added or removed here."""
        self._changed.set()

    async def check(self, url: str) -> str:
        """Return the URL of a receiver as it is kept. A name without an address for now is
        taken. Raises ValueError with what to mend.
        """
        from rtdash.webhooks.receivers import check_url  # noqa: PLC0415

        return await check_url(url, self.allowed)

    async def run(self) -> None:
        """Hold webhooks and run their senders, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._changed.clear()
                    wait_s = await self._look(group)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(wait_s):
                            await self._changed.wait()
        finally:
            if self._renewed_at > 0:
                with contextlib.suppress(StoreUnavailable, TimeoutError):
                    async with asyncio.timeout(RELEASE_TIMEOUT_S):
                        await self._database.write(lambda conn: leases.release(conn, self._process))

    def read_figures(self) -> Iterator[Metric]:
        """Return lags of what is held, and counts of attempts."""
        events = GaugeMetricFamily(
            "rtdash_webhook_lag_events",
            "Events that the receiver of a webhook doesn't have yet",
            labels=["webhook"],
        )
        seconds = GaugeMetricFamily(
            "rtdash_webhook_lag_seconds", "Age of the oldest of them", labels=["webhook"]
        )
        failures = GaugeMetricFamily(
            "rtdash_webhook_failures", "Attempts since its last delivery", labels=["webhook"]
        )
        now = self._clock()
        for one in self._held:
            events.add_metric([one.id], one.lag_events)
            since = one.waiting_since or now
            seconds.add_metric([one.id], max(0.0, (now - since).total_seconds()))
            failures.add_metric([one.id], one.failures)
        attempts = CounterMetricFamily(
            "rtdash_webhook_deliveries", "Deliveries of webhooks by result", labels=["result"]
        )
        for result in Result:
            attempts.add_metric([result.value], self._counts[result.value])
        yield from (events, seconds, failures, attempts)

    async def _look(self, group: asyncio.TaskGroup) -> float:
        """Renew, take and give up webhooks; wake the senders of streams that have grown. Returns
        the seconds to the next look.
        """
        try:
            known, has_free = await self._database.read(self._read)
            is_due = self._running and time.monotonic() - self._renewed_at > RENEW_S
            if has_free or is_due:
                await self._renew()
                known, _ = await self._database.read(self._read)
        except StoreUnavailable as error:
            _log.debug("the webhooks can't be read: %s", error)
            return LOOK_S
        self._held = [
            one for one in known if one.sender == self._process and one.disabled_at is None
        ]
        await self._settle(group)
        return LOOK_S if known else IDLE_LOOK_S

    def _read(self, conn: Connection) -> tuple[Sequence[Webhook], bool]:
        known = read_all(conn)
        return known, bool(known) and leases.has_free(conn, self._process)

    async def _renew(self) -> None:
        asked_at = time.monotonic()
        failures = self._unsaved.take()

        def save(conn: Connection) -> None:
            save_failures(conn, self._process, failures)
            leases.hold(conn, self._process)

        try:
            await self._database.write(save)
        except StoreUnavailable:
            self._unsaved.put_back(failures)
            raise
        self._renewed_at = asked_at
        self._held_until = asked_at + LEASE_S - MARGIN_S

    async def _settle(self, group: asyncio.TaskGroup) -> None:
        """Run a sender for each webhook that is held, and none else."""
        held = {one.id: one for one in self._held}
        is_stale, self._is_stale = self._is_stale, False
        for webhook_id, (sender, task) in list(self._running.items()):
            is_over = is_stale or task.done() or webhook_id not in held
            if is_over or _is_skipped(sender, held[webhook_id]):
                task.cancel()
                del self._running[webhook_id]
                self._unsaved.forget(webhook_id)
        for webhook_id, webhook in held.items():
            if webhook_id not in self._running:
                sender = await self._sender(webhook)
                task = group.create_task(_run(webhook_id, sender), name=f"webhook {webhook_id}")
                self._running[webhook_id] = sender, task
            elif webhook.lag_events:
                self._running[webhook_id][0].wake()
        by_stream: defaultdict[Stream, list[Sender]] = defaultdict(list)
        for webhook_id, (sender, _) in self._running.items():
            by_stream[held[webhook_id].stream].append(sender)
        self._by_stream = dict(by_stream)

    async def _sender(self, webhook: Webhook) -> "Sender":
        if not self._is_loaded:
            await asyncio.to_thread(_load)
            self._is_loaded = True
        from rtdash.webhooks.receivers import new_receiver, new_tls  # noqa: PLC0415
        from rtdash.webhooks.sender import Sender  # noqa: PLC0415

        if webhook.url.startswith("https:") and self._tls is None:
            with contextlib.suppress(OSError):  # each attempt tries again, and says what is wrong
                self._tls = await asyncio.to_thread(new_tls)
        receiver = new_receiver(webhook, self.allowed, self._tls, self._clock)
        return Sender(
            webhook,
            receiver,
            self._database,
            process=self._process,
            clock=self._clock,
            is_held=lambda: time.monotonic() < self._held_until,
            reading=self._reading,
            pacer=self._pacer,
            unsaved=self._unsaved,
            counts=self._counts,
        )


def _load() -> None:
    """Import all that connects to receivers. In a thread: it takes 100 ms, for which the event loop
    would hold every client up.
    """
    from rtdash.webhooks import receivers, sender  # noqa: F401, PLC0415
    from rtdash.webhooks.network import load_backend  # noqa: PLC0415

    load_backend()


def _is_skipped(sender: "Sender", webhook: Webhook) -> bool:
    """Whether an administrator has stepped over something since the sender began."""
    known = sender.webhook
    return (webhook.skipped, webhook.skipped_at) != (known.skipped, known.skipped_at)


async def _run(webhook_id: str, sender: "Sender") -> None:
    """Run a sender; one that ends is begun anew by the next look, if it is still held."""
    from rtdash.webhooks.sender import HoldLost  # noqa: PLC0415

    try:
        await sender.deliver_events()
    except HoldLost:
        _log.debug("webhook %s isn't sent by this process any more", webhook_id)
    except Exception:  # noqa: BLE001
        # the task's outermost frame: a fault with one receiver must not end the others
        _log.exception("the sender of webhook %s has failed, and begins anew", webhook_id)
