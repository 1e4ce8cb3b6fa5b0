"""A business date at the front desk: arrivals, departures and guests in house of a hotel, parties
of a restaurant. Sums only; rows come from outside.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from rtdash.domain.reservations import NOT_COMING, Status
from rtdash.domain.venues import Venue

NIGHTS_AHEAD = 14
"""Nights of the occupancy, tonight included."""
OVERDUE_DAYS = 30
"""Time for which a guest counts as in house after the end of a stay that was never checked out."""
SLOT_MINUTES = 30

_STAYED = frozenset({Status.CHECKED_IN, Status.CHECKED_OUT})


class StayRow(NamedTuple):
    """A stay that arrives, departs or is in house on a date."""

    status: Status
    guests: int
    check_in: date
    check_out: date


class PartyRow(NamedTuple):
    """A restaurant's reservation; `start` in UTC."""

    status: Status
    guests: int
    start: datetime


class DayChanges(NamedTuple):
    """Reservations that were booked and that were cancelled on a business date."""

    booked: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class Movements:
    """A hotel's business date. Expected arrivals and departures include those that have happened.

    Cancelled stays and no-shows count nowhere. `in_house` are reservations, `guests_in_house`
    their guests.
    """

    expected_arrivals: int
    arrived: int
    expected_departures: int
    departed: int
    in_house: int
    guests_in_house: int


class PartyCount(NamedTuple):
    """Parties and their guests."""

    parties: int
    guests: int


@dataclass(frozen=True, slots=True)
class Slot:
    """Half an hour of a restaurant's business date, by the local time at which it begins."""

    time: time
    count: PartyCount


@dataclass(frozen=True, slots=True)
class Covers:
    """A restaurant's business date. Expected parties include those that sit and that have left;
    cancelled ones and no-shows count nowhere. `slots` are in the order of their instants.
    """

    expected: PartyCount
    seated: PartyCount
    completed: PartyCount
    slots: tuple[Slot, ...]


def count_movements(stays: Iterable[StayRow], day: date, today: date) -> Movements:
    """Count the stays that touch `day`; `today` is the present business date.

    In house today are the stays that are checked in now; on a past date, those that had that night;
    on a later one, those that are checked in and go beyond it.
    """
    coming = [stay for stay in stays if stay.status not in NOT_COMING]
    arrivals = [stay for stay in coming if stay.check_in == day]
    departures = [stay for stay in coming if stay.check_out == day]
    in_house = [stay for stay in coming if _is_in_house(stay, day, today)]
    return Movements(
        expected_arrivals=len(arrivals),
        arrived=sum(stay.status in _STAYED for stay in arrivals),
        expected_departures=len(departures),
        departed=sum(stay.status is Status.CHECKED_OUT for stay in departures),
        in_house=len(in_house),
        guests_in_house=sum(stay.guests for stay in in_house),
    )


def count_covers(parties: Iterable[PartyRow], venue: Venue) -> Covers:
    """Count the parties of one business date, in all and by half hour of the venue's wall clock."""
    coming = [party for party in parties if party.status not in NOT_COMING]
    by_slot: dict[datetime, list[PartyRow]] = {}
    for party in coming:
        by_slot.setdefault(_slot_start(party.start, venue), []).append(party)
    return Covers(
        expected=_sum(coming),
        seated=_sum(party for party in coming if party.status is Status.SEATED),
        completed=_sum(party for party in coming if party.status is Status.COMPLETED),
        slots=tuple(Slot(start.time(), _sum(by_slot[start])) for start in sorted(by_slot)),
    )


def _is_in_house(stay: StayRow, day: date, today: date) -> bool:
    if stay.check_in > day or stay.status not in _STAYED:
        return False
    if day == today:
        return stay.status is Status.CHECKED_IN
    return stay.check_out > day and (day < today or stay.status is Status.CHECKED_IN)


def _slot_start(start: datetime, venue: Venue) -> datetime:
    local = start.astimezone(venue.zone)
    return local - timedelta(
        minutes=local.minute % SLOT_MINUTES,
        seconds=local.second,
        microseconds=local.microsecond,
    )


def _sum(parties: Iterable[PartyRow]) -> PartyCount:
    guests = Counter(party.guests for party in parties)
    return PartyCount(guests.total(), sum(size * number for size, number in guests.items()))
