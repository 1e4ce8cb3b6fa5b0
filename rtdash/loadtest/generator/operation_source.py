"""Operations to publish: bookings, changes and cancellations that a right server never refuses,
each with its scheduled instant in its id.
"""

import itertools
import random
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rtdash.domain.instants import format_instant
from rtdash.loadtest.generator.message_reader import operation_id
from rtdash.loadtest.generator.run_config import TargetVenue

_NAMES = (
    "Ada King",
    "John Smith",
    "Grace Hopper",
    "David Wilson",
    "Mary Shaw",
    "Alan Kay",
    "Barbara Liskov",
    "Ken Iverson",
)
_SOURCES = ("Phone", "Website", "Walk-in", "Agent")
_HOTEL_SHARE = 0.2
_CHANGE_SHARE = 0.2
_FIRST_NIGHT = 30
_NIGHTS = 300
_MOST_STAYS = 200
"""Hotel bookings that stand at a time: far below the rooms of so many nights."""
_MOST_TABLES = 1000


class OperationSource:
    """Source of operations for some venues; `prefix` separates the publishers of a run."""

    def __init__(
        self, run_id: str, prefix: str, venues: Sequence[TargetVenue], rng: random.Random
    ) -> None:
        self._run_id = run_id
        self._prefix = prefix
        self._rng = rng
        self._numbers = itertools.count(1)
        self._hotels = [venue for venue in venues if venue.room_types]
        self._restaurants = [venue for venue in venues if venue.kind == "restaurant"]
        self._stays: deque[tuple[str, str]] = deque()
        self._tables: deque[tuple[str, str]] = deque(maxlen=_MOST_TABLES)

    def draw(self, scheduled: float) -> dict[str, Any]:
        """Return the next operation; `scheduled` is its instant in seconds of the monotonic
        clock.
        """
        number = next(self._numbers)
        operation = {
            "operationId": operation_id(self._run_id, f"{self._prefix}.{number}", scheduled)
        }
        is_hotel = bool(self._hotels) and (
            not self._restaurants or self._rng.random() < _HOTEL_SHARE
        )
        return operation | (self._hotel(number) if is_hotel else self._restaurant(number))

    def applied(self, operation: dict[str, Any], reservation_id: str) -> None:
        """Record an acknowledged operation: its reservation may be changed from now on."""
        if operation["op"] == "book":
            known = self._stays if operation["kind"] == "hotel" else self._tables
            known.append((operation["venue"], reservation_id))

    def _hotel(self, number: int) -> dict[str, Any]:
        if len(self._stays) > _MOST_STAYS or (self._stays and self._rng.random() < 0.5):
            venue_id, reservation_id = self._stays.popleft()
            return {
                "op": "cancel",
                "kind": "hotel",
                "venue": venue_id,
                "reservationId": reservation_id,
            }
        venue = self._rng.choice(self._hotels)
        night = datetime.now(UTC).date() + timedelta(days=_FIRST_NIGHT + number % _NIGHTS)
        room_type = self._rng.choice(venue.room_types)
        stay = {
            "roomType": room_type,
            "checkIn": night.isoformat(),
            "checkOut": (night + timedelta(days=1)).isoformat(),
        }
        return {"op": "book", "kind": "hotel", "venue": venue.id, **self._guest(1), **stay}

    def _restaurant(self, number: int) -> dict[str, Any]:
        if self._tables and self._rng.random() < _CHANGE_SHARE:
            venue_id, reservation_id = self._rng.choice(self._tables)
            change = {"reservationId": reservation_id, "guests": self._rng.randint(1, 7)}
            return {"op": "amend", "kind": "restaurant", "venue": venue_id, **change}
        venue = self._rng.choice(self._restaurants)
        start = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2 + number % 200)
        return {
            "op": "book",
            "kind": "restaurant",
            "venue": venue.id,
            **self._guest(self._rng.randint(1, 7)),
            "date": format_instant(start),
        }

    def _guest(self, guests: int) -> dict[str, Any]:
        return {
            "customerName": self._rng.choice(_NAMES),
            "guests": guests,
            "source": self._rng.choice(_SOURCES),
        }
