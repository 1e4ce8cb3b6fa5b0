"""Generators of live bookings: each gives a booking its whole life, at one of two paces.

At the natural pace operations come at their own instants, over days and months. At the fast pace
whatever precedes the arrival follows the booking within minutes, and so do the arrivals of the
present day while the venue is open; other arrivals of the day wait for their hour.

A hotel's rooms are never oversold: a booking without a room is put off by weeks. Only when the
house is full for `LATEST_WEEKS` do the oldest open bookings make room.
"""

import heapq
from collections import deque
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import Enum

from rtdash.domain.venues import RoomType, Venue, business_date
from rtdash.simulate.calibration import SERVING_HOURS, TrafficProfile
from rtdash.simulate.distributions import draw_poisson, seeded
from rtdash.simulate.hotel import HotelDemand, Stay
from rtdash.simulate.past import LARGEST_BLOCK
from rtdash.simulate.population import Population
from rtdash.simulate.restaurant import RestaurantDemand, Visit
from rtdash.simulate.room_inventory import RoomInventory, house_rate_minor
from rtdash.simulate.scenario_endings import cancelled_on, ending_in, moved
from rtdash.simulate.scenarios import TrafficScenario
from rtdash.simulate.script import STEP_LEAST, ArrivalTime, Ids, Script, TimedOperation
from rtdash.simulate.stay_script import CHECK_IN_HOURS, stay_script
from rtdash.simulate.visit_script import visit_script

STEP_MEAN_S = 12.0
"""Mean seconds between two operations of one reservation at the fast pace."""

LATEST_WEEKS = 520
"""Weeks by which a booking without a room is put off at most."""

_NEAR_WEEKS, _SEARCHED_AGAIN = 26, 0.05
"""Weeks before the last place that was found, from which the next search begins; and the share of
searches that begin at the date that was asked for, where cancellations have left a room."""

MOST_OPEN = 20_000
"""Open bookings that are remembered, so that they can make room."""

_MOST_CANCELLED = 20
"""Open bookings that one new booking makes cancel at most."""


class Pace(Enum):
    """Pace of the lives of reservations."""

    NATURAL = "natural"
    FAST = "fast"


class RestaurantBookingGenerator:
    """Generator of a restaurant's live reservations."""

    def __init__(self, venue: Venue, key: str, scenario: TrafficScenario, pace: Pace) -> None:
        self._venue = venue
        self._scenario = scenario
        self._pace = pace
        self._rng, self._ids = seeded(key), Ids(key)
        self._people = Population(key, timezone=venue.timezone)
        self._demand = RestaurantDemand(venue.zone, seed=key, covers_per_day=1.0)

    def generate(self, instant: datetime, *, booking_only: bool) -> list[TimedOperation]:
        """Return one table's operations, from `instant` on."""
        rng, venue = self._rng, self._venue
        is_open = instant.astimezone(venue.zone).hour in SERVING_HOURS
        visit = self._draw_visit(instant, is_open=is_open)
        more = draw_poisson(rng, self._scenario.extra_guests)
        visit = replace(visit, party=visit.party + more)
        script = Script(venue, self._ids.draw())
        customer = self._people.draw_local(rng, repeated=visit.repeated)
        visit_script(script, visit, venue, customer, rng)
        if self._pace is Pace.FAST:
            today = business_date(venue, visit.start) == business_date(venue, instant)
            arrivals = ArrivalTime.of(today=today, is_open=is_open)
            script.bring_forward(instant, rng, step_mean_s=STEP_MEAN_S, arrivals=arrivals)
        return script.operations[:1] if booking_only else script.operations

    def _draw_visit(self, instant: datetime, *, is_open: bool) -> Visit:
        rng, scenario = self._rng, self._scenario
        if is_open and rng.random() < scenario.walk_in_share:
            return self._demand.walk_in_at(instant)
        forced = scenario.today_share is not None and rng.random() < scenario.today_share
        if forced and scenario.for_friday_dinner:
            visit = self._demand.friday_dinner_at(instant)
        else:
            today = None if scenario.today_share is None else forced
            visit = self._demand.visit_at(instant, today=today)
        return replace(visit, ending=ending_in(visit.ending, scenario, rng))


class HotelBookingGenerator:
    """Generator of a hotel's live bookings, which keeps its rooms from being oversold."""

    def __init__(
        self,
        venue: Venue,
        profile: TrafficProfile,
        key: str,
        scenario: TrafficScenario,
        inventory: RoomInventory,
        pace: Pace,
    ) -> None:
        self._venue = venue
        self._scenario = scenario
        self._pace = pace
        self._rng, self._ids = seeded(key), Ids(key)
        self._people = Population(key, timezone=venue.timezone)
        self._demand = HotelDemand(
            profile, venue.zone, seed=key, per_day=1.0,
            most_rooms=max(1, int(venue.total_rooms * LARGEST_BLOCK)),
        )  # fmt: skip
        self._inventory = inventory
        self._rate = house_rate_minor(venue.room_types)
        self._put_off = 0
        self._asked: deque[Stay] = deque()
        self._open: deque[_HeldRoom] = deque(maxlen=MOST_OPEN)
        self._leaving: list[tuple[datetime, int, _HeldRoom]] = []

    def generate(self, instant: datetime, *, booking_only: bool) -> list[TimedOperation]:
        """Return a booking's operations from `instant` on.

        Cancellations of old bookings come before it when the house is full for years.
        """
        venue = self._venue
        today = business_date(venue, instant)
        self._inventory.forget_before(today)
        while self._leaving and self._leaving[0][0] < instant:
            heapq.heappop(self._leaving)[2].release(self._inventory)
        wanted = self._next_stay(instant, today)
        cancelled, stay, room_type = self._accommodate(wanted, instant)
        script = Script(venue, self._ids.draw())
        customer = self._people.draw(
            self._rng, repeated=stay.repeated, country=stay.country, block=stay.block
        )
        stay_script(script, stay, room_type, venue, customer, self._rng)
        if self._pace is Pace.FAST:
            self._bring_forward(script, instant, arrives_today=self._arrives(stay, wanted, today))
        if booking_only:
            del script.operations[1:]
        self._hold(_HeldRoom(script, stay, room_type.id))
        return [*cancelled, *script.operations]

    def _arrives(self, stay: Stay, wanted: Stay, today: date) -> bool:
        """Return whether the guest arrives today; in some scenarios for a later night as well."""
        put_off = stay is not wanted and wanted.check_in == today
        return stay.check_in == today or (put_off and self._scenario.early_arrivals)

    def _bring_forward(self, script: Script, instant: datetime, *, arrives_today: bool) -> None:
        is_open = instant.astimezone(self._venue.zone).hour in CHECK_IN_HOURS
        script.bring_forward(
            instant,
            self._rng,
            step_mean_s=STEP_MEAN_S,
            arrivals=ArrivalTime.of(today=arrives_today, is_open=is_open),
        )

    def _next_stay(self, instant: datetime, today: date) -> Stay:
        """Return the next stay asked for: the rooms of a block come one after the other."""
        scenario, rng = self._scenario, self._rng
        if not self._asked:
            here = (today - instant.astimezone(self._venue.zone).date()).days
            arrives_today = scenario.today_share is not None and rng.random() < scenario.today_share
            self._asked.extend(
                self._demand.stays_at(instant, lead_days=here if arrives_today else None)
            )
        stay = self._asked.popleft()
        ending = ending_in(stay.ending, scenario, rng)
        return stay._replace(
            booked_at=instant,
            ending=ending,
            cancelled_on=cancelled_on(stay, ending, rng),
            rate_factor=stay.rate_factor * (1 - scenario.discount),
        )

    def _accommodate(
        self, stay: Stay, instant: datetime
    ) -> tuple[list[TimedOperation], Stay, RoomType]:
        """Return cancellations that make room, the stay with its dates, and a type of room.

        Without any room it is one that the hotel will refuse.
        """
        cancelled: list[TimedOperation] = []
        for _ in range(_MOST_CANCELLED):
            # A full house is searched once; later attempts follow what a cancellation has freed.
            found = self._find_room(stay)
            if found:
                room_type, check_in = found
                return cancelled, moved(stay, check_in), room_type
            if not self._open or instant - self._open[0].script.now < STEP_LEAST:
                break
            held = self._open.popleft()
            held.release(self._inventory)
            held.script.step(instant, "cancel")
            cancelled.append(held.script.operations[-1])
        return cancelled, stay, self._venue.room_types[0]

    def _find_room(self, stay: Stay) -> tuple[RoomType, date] | None:
        """Find a room on the date that was asked for, or near where the last one was found."""
        near = 0 if self._rng.random() < _SEARCHED_AGAIN else self._put_off - _NEAR_WEEKS
        for weeks in (range(1), range(max(1, near), LATEST_WEEKS)):
            found = self._inventory.find_room(
                stay.guests, stay.check_in, stay.nights, self._rng,
                weeks=weeks, rate_minor=self._rate * stay.rate_factor,
            )  # fmt: skip
            if found:
                self._put_off = max((found[1] - stay.check_in).days // 7, self._put_off - 1)
                return found
        self._put_off = 0
        return None

    def _hold(self, held: "_HeldRoom") -> None:
        """Sell the room, and remember when it is free again."""
        stay, script = held.stay, held.script
        self._inventory.sell(held.room_type_id, stay.check_in, stay.nights)
        ops = {timed.operation["op"] for timed in script.operations}
        if script.operations[-1].operation["op"] in {"cancel", "no_show"}:
            heapq.heappush(self._leaving, (script.now, self._ids.count, held))
        elif "check_in" not in ops and self._pace is Pace.FAST:
            self._open.append(held)


@dataclass(frozen=True, slots=True)
class _HeldRoom:
    """Room that is held for a stay."""

    script: Script
    stay: Stay
    room_type_id: str

    def release(self, inventory: RoomInventory) -> None:
        inventory.release(self.room_type_id, self.stay.check_in, self.stay.nights)
