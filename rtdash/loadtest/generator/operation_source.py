"""Operations to publish: bookings, changes and cancellations that a right server never refuses,
each with its scheduled instant in its id.
"""

import itertools
import random
from collections import deque
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

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
    "Zoë Müller",
    "Łukasz Żak",
    "Siobhán O'Neill",
    "Παύλος Νικολάου",
    "李 小龙",
    "Tom & Ana 🏨 Silva",
)
"""Letters of several scripts and lengths in UTF-8, and what HTML would escape."""
_SOURCES = ("Phone", "Website", "Walk-in", "Agent")
_HOTEL_SHARE = 0.2
_CHANGE_SHARE = 0.2
_FIRST_NIGHT = 30
_NIGHTS = 300
_MOST_STAYS = 200
"""Hotel bookings that stand at a time: far below the rooms of so many nights."""
_MOST_TABLES = 1000
_CYCLE = 40
"""Operations from one of each special kind to the next of that kind."""
_LARGE_PARTY = 12
_SOON_MINUTES = 15
_SLOT_S = 900
"""Tables begin at quarters of an hour, several at the same one: lists have ties."""
_SAME_HOUR = 8
"""Operations in a row with tables in the same hour."""
_MOST_DEPOSIT_CENTS = 20_000

JsonObject = dict[str, Any]


class OperationSource:
    """Source of operations for some venues; `prefix` separates the publishers of a run.

    Most change the far future. In each cycle a few make what staff look at: a table within the
    lead of its announcement, a large party, a room for tonight and its cancellation.
    """

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
        self._tonight: deque[tuple[str, str]] = deque()
        self._for_tonight: set[str] = set()
        self.announced: dict[str, list[str]] = {"upcoming_reservation": [], "notification": []}
        """Operations that must be announced, by type of message."""

    def next_operation(self, scheduled: float) -> JsonObject:
        """Return the next operation; `scheduled` is its instant in seconds of the monotonic
        clock.
        """
        number = next(self._numbers)
        own = {"operationId": operation_id(self._run_id, f"{self._prefix}.{number}", scheduled)}
        special = self._special(number, own["operationId"])
        if special is not None:
            return own | special
        is_hotel = bool(self._hotels) and (
            not self._restaurants or self._rng.random() < _HOTEL_SHARE
        )
        return own | (self._hotel(number) if is_hotel else self._restaurant(number))

    def applied(self, operation: JsonObject, reservation_id: str) -> None:
        """Record an acknowledged operation: its reservation may be changed from now on."""
        if operation["op"] != "book":
            return
        if operation["operationId"] in self._for_tonight:
            self._for_tonight.discard(operation["operationId"])
            self._tonight.append((operation["venue"], reservation_id))
            return
        known = self._stays if operation["kind"] == "hotel" else self._tables
        known.append((operation["venue"], reservation_id))

    def _special(self, number: int, operation: str) -> JsonObject | None:
        match number % _CYCLE:
            case 1 if self._restaurants:
                self.announced["upcoming_reservation"].append(operation)
                return self._table(timedelta(minutes=_SOON_MINUTES), self._rng.randint(1, 7))
            case 2 if self._restaurants:
                self.announced["notification"].append(operation)
                return self._table(timedelta(days=2), _LARGE_PARTY)
            case 3 if rooms := [venue for venue in self._hotels if venue.free_tonight]:
                venue = self._rng.choice(rooms)
                self._for_tonight.add(operation)
                return self._stay(
                    venue, business_date_now(venue), self._rng.choice(venue.free_tonight)
                )
            case 8 | 18 | 28 if self._tonight:
                return _cancel(*self._tonight.popleft())
        return None

    def _hotel(self, number: int) -> JsonObject:
        if len(self._stays) > _MOST_STAYS or (self._stays and self._rng.random() < 0.5):
            return _cancel(*self._stays.popleft())
        venue = self._rng.choice(self._hotels)
        night = datetime.now(UTC).date() + timedelta(days=_FIRST_NIGHT + number % _NIGHTS)
        return self._stay(venue, night, self._rng.choice(venue.room_types))

    def _restaurant(self, number: int) -> JsonObject:
        if self._tables and self._rng.random() < _CHANGE_SHARE:
            venue_id, reservation_id = self._rng.choice(self._tables)
            change = {"reservationId": reservation_id, "guests": self._rng.randint(1, 7)}
            return {"op": "amend", "kind": "restaurant", "venue": venue_id, **change}
        hours = 2 + number // _SAME_HOUR % 200
        return self._table(timedelta(hours=hours), self._rng.randint(1, 7))

    def _table(self, ahead: timedelta, guests: int) -> JsonObject:
        venue = self._rng.choice(self._restaurants)
        start = format_instant(next_slot(datetime.now(UTC)) + ahead)
        booking = {"op": "book", "kind": "restaurant", "venue": venue.id, "date": start}
        return booking | self._guest(guests) | self._deposit(venue)

    def _deposit(self, venue: TargetVenue) -> JsonObject:
        """Return the money of a table: of four, one has an amount to pay, and one has paid it."""
        if not venue.has_cents:
            return {}
        amount = self._rng.randint(1, _MOST_DEPOSIT_CENTS) / 100
        return self._rng.choice(({}, {}, {"amount": amount}, {"amount": amount, "paid": amount}))

    def _stay(self, venue: TargetVenue, night: date, room_type: str) -> JsonObject:
        return {
            "op": "book",
            "kind": "hotel",
            "venue": venue.id,
            **self._guest(1),
            "roomType": room_type,
            "checkIn": night.isoformat(),
            "checkOut": (night + timedelta(days=1)).isoformat(),
        }

    def _guest(self, guests: int) -> JsonObject:
        return {
            "customerName": self._rng.choice(_NAMES),
            "guests": guests,
            "source": self._rng.choice(_SOURCES),
        }


def next_slot(instant: datetime) -> datetime:
    """Return the quarter of an hour that comes next, or the instant if it is one."""
    seconds = -(-instant.timestamp() // _SLOT_S) * _SLOT_S
    return datetime.fromtimestamp(seconds, UTC)


def business_date_now(venue: TargetVenue, *, ahead_minutes: int = 0) -> date:
    """Return the venue's business date now, or in so many minutes: local, turning at its closeout
    hour.
    """
    local = datetime.now(ZoneInfo(venue.timezone)) + timedelta(minutes=ahead_minutes)
    return (local - timedelta(hours=venue.closeout_hour)).date()


def _cancel(venue: str, reservation_id: str) -> JsonObject:
    return {"op": "cancel", "kind": "hotel", "venue": venue, "reservationId": reservation_id}
