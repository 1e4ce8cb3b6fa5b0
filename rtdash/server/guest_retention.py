"""Retention of guests' data: reservations that lie further back than `guest_retention_days` are
anonymised, by one process at a time.
"""

import asyncio
import hmac
import logging
from collections.abc import Callable, Collection, Sequence
from datetime import date, timedelta
from functools import partial
from secrets import token_bytes, token_hex
from typing import Any

from rtdash.domain.instants import Clock
from rtdash.store import expired_guests
from rtdash.store.batch import RowKey
from rtdash.store.database import Database, StoreUnavailable
from rtdash.store.event_log import StoredEvent
from rtdash.store.expired_guests import DueReservation, Places, read_versions_of_dates

INTERVAL_S = 600.0
"""How often it is looked for what is due; ages are counted in days."""
LEASE = timedelta(seconds=60)
"""How long the process that anonymises keeps others from it after its last transaction."""
FOUND = 20_000
"""Reservations of which versions and events are looked for together: the more, the fewer times the
log is gone through."""
ROWS = 50
"""Reservations anonymised in one transaction, so that no write waits long behind it."""
PAUSE_S = 0.1
"""Pause between two transactions, and between two reads: years of reservations leave room for
guests."""

_Look = Callable[..., tuple[Any, ...] | None]

_log = logging.getLogger(__name__)


class GuestRetention:
    """Anonymises what is due. `read_days` gives the setting of now, 0 for never; `on_anonymised`
    hears of the events of each transaction.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        read_days: Callable[[], int],
        on_anonymised: Callable[[Sequence[StoredEvent]], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._read_days = read_days
        self._on_anonymised = on_anonymised
        self._process = token_hex(8)
        # Never stored: the visits of a guest stay one guest's while the process lives, and no alias
        # can be computed from an address afterwards.
        self._secret = token_bytes(32)

    async def anonymise_periodically(self) -> None:
        """Anonymise for ever; a store that is away is asked again."""
        while True:
            try:
                await self.anonymise_due()
            except StoreUnavailable as error:
                _log.warning("guests are anonymised later: %s", error)
            await asyncio.sleep(INTERVAL_S)

    async def anonymise_due(self) -> int:
        """Anonymise all that is due now, unless another process is at it. Returns the number of
        reservations. Raises StoreUnavailable.
        """
        done, after = 0, None
        while (days := self._read_days()) and await self._claim():
            before = (self._clock() - timedelta(days=days)).date()
            due, after = await self._find(before, after)
            if due:
                done += await self._anonymise(due)
            if after is None:
                break
        if done:
            _log.info("%d reservations lie back for long enough: they are anonymised", done)
        return done

    async def _find(
        self, before: date, after: tuple[Any, ...] | None
    ) -> tuple[list[DueReservation], tuple[Any, ...] | None]:
        """Look for what is due behind the key `after`, in bounded reads, until there is enough.
        Returns it, and where to go on; None at the end.
        """
        due: list[DueReservation] = []
        while True:
            read = partial(expired_guests.read_due, before=before, after=after)
            found, after = await self._database.read(read)
            due += found
            if after is None or len(due) >= FOUND:
                return due, after
            await asyncio.sleep(PAUSE_S)

    async def _anonymise(self, due: Sequence[DueReservation]) -> int:
        due = sorted(due, key=lambda one: (one.key.venue_id, one.business_date))
        places = Places()
        moved = set[RowKey]()
        for start in range(0, len(due), ROWS):
            read = partial(read_versions_of_dates, due=due[start : start + ROWS], places=places)
            moved |= set(await self._database.read(read))
        await self._look_through(expired_guests.read_versions, moved, places)
        await self._look_through(expired_guests.read_log, {one.key for one in due}, places)
        done = 0
        for start in range(0, len(due), ROWS):
            if not await self._claim():
                break
            events = await self._database.write(
                partial(
                    expired_guests.anonymise_due,
                    due=due[start : start + ROWS],
                    places=places,
                    now=self._clock(),
                    alias=self._alias,
                )
            )
            self._on_anonymised(events)
            done += len(events)
            await asyncio.sleep(PAUSE_S)
        return done

    async def _look_through(self, read: _Look, due: Collection[RowKey], places: Places) -> None:
        """Go through a whole table, in bounded reads."""
        after: tuple[Any, ...] | None = None
        while due and (
            after := await self._database.read(partial(read, due=due, places=places, after=after))
        ):
            pass

    async def _claim(self) -> bool:
        return await self._database.write(
            partial(expired_guests.claim, process=self._process, lasts=LEASE)
        )

    def _alias(self, customer_key: str) -> str:
        return f"erased-{hmac.digest(self._secret, customer_key.encode(), 'sha256').hex()[:32]}"
