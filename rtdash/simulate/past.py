"""A venue's past: whole lives of reservations as operations in the order of their instants, none of which a server must refuse."""

import heapq
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from rtdash.domain.venues import Venue, VenueKind
from rtdash.simulate.arrivals import local_instant
from rtdash.simulate.calibration import Profile, hotel_calibration, restaurant_calibration
from rtdash.simulate.distributions import seeded
from rtdash.simulate.hotel import LONGEST_LEAD_DAYS, Ending, HotelDemand, Stay
from rtdash.simulate.ledger import Ledger
from rtdash.simulate.population import Population
from rtdash.simulate.restaurant import LONGEST_LEAD_DAYS as LONGEST_TABLE_LEAD_DAYS
from rtdash.simulate.restaurant import RestaurantDemand
from rtdash.simulate.script import Ids, Script, TimedOperation
from rtdash.simulate.stay_script import stay_script
from rtdash.simulate.visit_script import visit_script


def generate_past(venue: Venue, profile: Profile | str, *, seed: int, start: datetime, days: int) -> Iterator[TimedOperation]:
    """What happened at `venue` on the `days` days before `start`, at a natural volume for its size, ordered by instant.

    Everything is due before `start` and carries `at`. Reservations that were made earlier and arrive, or are in house, within the days
    are included with their bookings at their time; so are those made within the days for later. A hotel that doesn't allow overbooking
    is never oversold. Raises ValueError when the profile is of the other kind of venue.
    """
    profile = fitting_profile(venue, profile)
    start = start.astimezone(UTC)
    key = f"{seed}/{venue.id}/{profile.value}/past/{start.isoformat()}/{days}"
    first = (start - timedelta(days=days)).astimezone(venue.zone).date()
    if venue.kind is VenueKind.HOTEL:
        scripts = _hotel_scripts(venue, profile, key, first, start)
    else:
        scripts = _restaurant_scripts(venue, key, first, start)
    return (timed.with_at() for timed in _in_order(scripts, start))


def fitting_profile(venue: Venue, profile: Profile | str) -> Profile:
    """The profile by name. Raises ValueError when there is none, or when it is of the other kind of venue."""
    chosen = Profile(profile)
    if (chosen is Profile.RESTAURANT) != (venue.kind is VenueKind.RESTAURANT):
        raise ValueError(f"profile {chosen.value!r} doesn't fit {venue.id!r}, which is a {venue.kind.value}")
    return chosen


_Scripts = Iterator[tuple[datetime, list[TimedOperation]]]
"""Reservations' operations, each with the instant before which nothing comes any more, here or later."""


def _in_order(scripts: _Scripts, end: datetime) -> Iterator[TimedOperation]:
    """All operations due before `end`, by instant; equal instants as they were written."""
    waiting: list[tuple[datetime, int, TimedOperation]] = []
    written = 0
    for floor, operations in scripts:
        while waiting and waiting[0][0] < floor:
            yield heapq.heappop(waiting)[2]
        for timed in operations:
            if timed.due < end:
                written += 1
                heapq.heappush(waiting, (timed.due, written, timed))
    while waiting:
        yield heapq.heappop(waiting)[2]


def _hotel_scripts(venue: Venue, profile: Profile, key: str, first: date, start: datetime) -> _Scripts:
    rng, people, ids, ledger = seeded(key), Population(key), Ids(key), Ledger(venue)
    per_day = venue.total_rooms * hotel_calibration(profile).bookings_per_room_day
    demand = HotelDemand(profile, venue.zone, seed=key, per_day=per_day)
    called_off: list[tuple[datetime, int, Stay, str]] = []
    last = start.astimezone(venue.zone).date()
    warm_up = first - timedelta(days=LONGEST_LEAD_DAYS)
    for stay in demand.stays(warm_up, (last - warm_up).days + 1):
        if stay.check_out <= first or stay.booked_at >= start:
            continue
        while called_off and called_off[0][0] < stay.booked_at:
            _, _, gone, room_type_id = heapq.heappop(called_off)
            ledger.give_back(room_type_id, gone.check_in, gone.nights)
        room_type = ledger.find(stay.guests, stay.check_in, stay.nights, rng)
        if room_type is None:
            continue
        ledger.take(room_type.id, stay.check_in, stay.nights)
        script = Script(venue, ids.draw())
        stay_script(script, stay, room_type, venue, people.draw(rng, repeated=stay.repeated), rng)
        if stay.ending is not Ending.STAYED:
            heapq.heappush(called_off, (script.now, ids.count, stay, room_type.id))
        yield stay.booked_at, script.operations


def _restaurant_scripts(venue: Venue, key: str, first: date, start: datetime) -> _Scripts:
    rng, people, ids = seeded(key), Population(key), Ids(key)
    demand = RestaurantDemand(venue.zone, seed=key, covers_per_day=restaurant_calibration().busy_covers_per_day)
    last = start.astimezone(venue.zone).date() + timedelta(days=LONGEST_TABLE_LEAD_DAYS)
    for index, visits in enumerate(demand.visits(first, (last - first).days + 1)):
        floor = local_instant(first + timedelta(days=index - LONGEST_TABLE_LEAD_DAYS), 0, venue.zone)
        for visit in visits:
            if visit.booked_at < start:
                script = Script(venue, ids.draw())
                visit_script(script, visit, venue, people.draw(rng, repeated=visit.repeated), rng)
                yield floor, script.operations
