"""Past of a venue: whole lives of reservations as operations in the order of their instants.

A server has no reason to refuse any of them.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from rtdash.domain.venues import Venue, VenueKind, next_turn
from rtdash.simulate.arrivals import local_instant, whole_ms
from rtdash.simulate.calibration import (
    SERVING_HOURS,
    TrafficProfile,
    bookings_per_room_day,
    restaurant_calibration,
)
from rtdash.simulate.distributions import seeded
from rtdash.simulate.hotel import Ending, HotelDemand, Stay
from rtdash.simulate.lead_weights import LONGEST_LEAD_DAYS
from rtdash.simulate.population import Population
from rtdash.simulate.restaurant import RestaurantDemand
from rtdash.simulate.room_inventory import RoomInventory, house_rate_minor
from rtdash.simulate.script import ARRIVALS, Ids, Script, TimedOperation
from rtdash.simulate.stay_script import CHECK_IN_HOURS, stay_script
from rtdash.simulate.table_leads import LONGEST_LEAD_DAYS as LONGEST_TABLE_LEAD_DAYS
from rtdash.simulate.visit_script import visit_script

LARGEST_BLOCK = 0.4
"""Part of a house's rooms that one block takes at most. Assumed; the data's hotels are larger."""

LEFT_FOR = timedelta(minutes=10)
"""Live traffic brings what a past left for the rest of its day within so much time."""


@dataclass(frozen=True, slots=True)
class Past:
    """Past of a venue, the `days` days before `start`: the same operations for the same options.

    Reservations made earlier are in it when they arrive, or are in house, within the days; so are
    those made within the days for later. A hotel that doesn't allow overbooking is never oversold.
    `volume` multiplies a restaurant's guests; a hotel has its rooms.
    """

    venue: Venue
    profile: TrafficProfile
    seed: int
    start: datetime
    days: int
    volume: float = 1.0

    @property
    def key(self) -> str:
        """Key that differs from that of any other past; everything is drawn under it."""
        key = f"{self.seed}/{self.venue.id}/{self.profile.value}/past/{self.start.isoformat()}/{self.days}"
        return key if self.volume == 1 else f"{key}/{self.volume}"

    def operations(self) -> Iterator[TimedOperation]:
        """Yield the operations before `start`, by instant, with `at`."""
        return (
            timed.with_at()
            for timed in _in_order(self._scripts(RoomInventory(self.venue)), self.start)
        )

    def leave(
        self, instant: datetime, *, fast: bool = True
    ) -> tuple[list[TimedOperation], RoomInventory]:
        """Return the operations left for the last business date, and the rooms that are held.

        They keep their own distance from `start`, from `instant` on; when `fast`, they come within
        `LEFT_FOR`, but for arrivals at an hour at which the venue is closed.
        """
        inventory = RoomInventory(self.venue)
        turn = next_turn(self.venue, self.start)
        pace = LEFT_FOR / (turn - self.start)
        hours = CHECK_IN_HOURS if self.venue.kind is VenueKind.HOTEL else SERVING_HOURS
        is_open = instant.astimezone(self.venue.zone).hour in hours
        left: list[TimedOperation] = []
        for _, operations in self._scripts(inventory):
            is_fast = fast
            for timed in operations:
                is_fast = is_fast and (is_open or timed.operation["op"] not in ARRIVALS)
                if self.start <= timed.due < turn:
                    after = (timed.due - self.start) * (pace if is_fast else 1)
                    left.append(TimedOperation(whole_ms(instant + after), timed.operation))
        return left, inventory

    def _scripts(self, inventory: RoomInventory) -> "_Scripts":
        first = (self.start - timedelta(days=self.days)).astimezone(self.venue.zone).date()
        if self.venue.kind is VenueKind.RESTAURANT:
            return _restaurant_scripts(self, first)
        return _hotel_scripts(self, first, inventory)


def fitting_profile(venue: Venue, profile: TrafficProfile | str) -> TrafficProfile:
    """Return the profile by name. Raises ValueError when there is none, or when it is of the other
    kind of venue.
    """
    chosen = TrafficProfile(profile)
    if (chosen is TrafficProfile.RESTAURANT) != (venue.kind is VenueKind.RESTAURANT):
        raise ValueError(
            f"profile {chosen.value!r} doesn't fit {venue.id!r}, which is a {venue.kind.value}"
        )
    return chosen


_Scripts = Iterator[tuple[datetime, list[TimedOperation]]]
"""Reservations' operations, each with the instant before which nothing comes any more, here or
later."""


def _in_order(scripts: _Scripts, end: datetime) -> Iterator[TimedOperation]:
    """Yield all operations due before `end`, by instant; equal instants as they were written."""
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


def _hotel_scripts(past: Past, first: date, inventory: RoomInventory) -> _Scripts:
    venue, start = past.venue, past.start
    rng, people, ids = (
        seeded(past.key),
        Population(past.key, timezone=venue.timezone),
        Ids(past.key),
    )
    per_day = venue.total_rooms * bookings_per_room_day(past.profile)
    most_rooms = max(1, int(venue.total_rooms * LARGEST_BLOCK))
    demand = HotelDemand(
        past.profile, venue.zone, seed=past.key, per_day=per_day, most_rooms=most_rooms
    )
    house_rate = house_rate_minor(venue.room_types)
    called_off: list[tuple[datetime, int, Stay, str]] = []
    last = start.astimezone(venue.zone).date()
    warm_up = first - timedelta(days=LONGEST_LEAD_DAYS)
    for stay in demand.stays(warm_up, (last - warm_up).days + 1):
        if stay.check_out <= first or stay.booked_at >= start:
            continue
        _release_called_off(called_off, stay.booked_at, inventory)
        rate = house_rate * stay.rate_factor
        found = inventory.find_room(stay.guests, stay.check_in, stay.nights, rng, rate_minor=rate)
        if found is None:
            continue
        room_type = found[0]
        inventory.sell(room_type.id, stay.check_in, stay.nights)
        script = Script(venue, ids.draw())
        customer = people.draw(rng, repeated=stay.repeated, country=stay.country, block=stay.block)
        stay_script(script, stay, room_type, venue, customer, rng)
        if stay.ending is not Ending.STAYED:
            heapq.heappush(called_off, (script.now, ids.count, stay, room_type.id))
        yield stay.booked_at, script.operations
    _release_called_off(called_off, start, inventory)


def _release_called_off(
    called_off: list[tuple[datetime, int, Stay, str]], instant: datetime, inventory: RoomInventory
) -> None:
    """Free the rooms of bookings called off before `instant`."""
    while called_off and called_off[0][0] < instant:
        _, _, stay, room_type_id = heapq.heappop(called_off)
        inventory.release(room_type_id, stay.check_in, stay.nights)


def _restaurant_scripts(past: Past, first: date) -> _Scripts:
    venue, start = past.venue, past.start
    rng, people, ids = (
        seeded(past.key),
        Population(past.key, timezone=venue.timezone),
        Ids(past.key),
    )
    demand = RestaurantDemand(
        venue.zone,
        seed=past.key,
        covers_per_day=past.volume * restaurant_calibration().busy_covers_per_day,
    )
    last = start.astimezone(venue.zone).date() + timedelta(days=LONGEST_TABLE_LEAD_DAYS)
    for index, visits in enumerate(demand.visits(first, (last - first).days + 1)):
        floor = local_instant(
            first + timedelta(days=index - LONGEST_TABLE_LEAD_DAYS), 0, venue.zone
        )
        for visit in visits:
            if visit.booked_at < start:
                script = Script(venue, ids.draw())
                customer = people.draw_local(rng, repeated=visit.repeated)
                visit_script(script, visit, venue, customer, rng)
                yield floor, script.operations
