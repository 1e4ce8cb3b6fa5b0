"""Balance of the demo's extra bookings: for each one too many the oldest is cancelled, so that
figures move all the time and stay what a real week could show. Pure.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from rtdash.domain.instants import parse_instant
from rtdash.domain.venues import Venue, business_date
from rtdash.simulate.script import ARRIVALS, TimedOperation

MOST_LATER = 60
"""Extra bookings for later days that are open at a time."""

_CANCEL_AFTER = timedelta(seconds=1)


class PopulationBalance:
    """Filter of a venue's live operations.

    `usual` is the number of reservations that the venue has today without them: a quarter of it
    may be open beside them, and an eighth may arrive. None is made for tomorrow: a demo left
    on would inflate its figures.
    """

    def __init__(self, venue: Venue, usual: int, rng: Random) -> None:
        self._venue = venue
        self._rng = rng
        self._most_today = max(2, usual // 4)
        self._arrivals_left = max(1, usual // 8)
        self._today: deque[str] = deque()
        self._later: deque[str] = deque()
        self._arriving: set[str] = set()
        self._halted: set[str] = set()

    def keep(self, operations: Iterable[TimedOperation]) -> Iterator[TimedOperation]:
        """Yield what is kept of the operations, and the cancellations."""
        for timed in operations:
            operation = timed.operation
            if operation["op"] == "book":
                yield from self._book(timed)
            elif self._is_kept(operation):
                yield timed
                if operation["op"] in {"cancel", "no_show"}:
                    self._forget(operation["reservationId"])

    def _book(self, timed: TimedOperation) -> Iterator[TimedOperation]:
        today = business_date(self._venue, timed.due)
        day = self._day(timed.operation)
        if day == today + timedelta(days=1):
            return
        waiting, most = (
            (self._today, self._most_today) if day <= today else (self._later, MOST_LATER)
        )
        identity = timed.operation["reservationId"]
        if day <= today and self._arrivals_left and self._rng.random() < 1 / 3:
            self._arrivals_left -= 1
            self._arriving.add(identity)
        else:
            waiting.append(identity)
        yield timed
        if len(waiting) > most:
            oldest = waiting[0]
            self._forget(oldest)
            yield self._cancel(oldest, timed.due + _CANCEL_AFTER)

    def _is_kept(self, operation: Any) -> bool:
        """Whether to send it: nothing from the arrival on for what isn't chosen to arrive."""
        identity = operation["reservationId"]
        if identity in self._arriving:
            if operation["op"] == "undo_check_in":  # the generator's way to free a room at once
                self._arriving.remove(identity)
                return False
            return True
        if operation["op"] in ARRIVALS:
            self._halted.add(identity)
        is_open = identity in self._today or identity in self._later
        return is_open and identity not in self._halted

    def _forget(self, identity: str) -> None:
        for waiting in (self._today, self._later):
            if identity in waiting:
                waiting.remove(identity)
        self._halted.discard(identity)
        self._arriving.discard(identity)

    def _day(self, operation: Any) -> date:
        if "checkIn" in operation:
            return date.fromisoformat(operation["checkIn"])
        return business_date(self._venue, parse_instant(operation["date"]))

    def _cancel(self, identity: str, due: datetime) -> TimedOperation:
        return TimedOperation(
            due,
            {
                "operationId": f"{identity}.demo",
                "op": "cancel",
                "kind": self._venue.kind.value,
                "venue": self._venue.id,
                "reservationId": identity,
            },
        )
