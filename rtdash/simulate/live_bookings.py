"""Who takes live bookings: each gets its whole life, on fast forward, and a hotel's rooms are kept
from being oversold.

Nothing is refused for being early (CONTRACT section 4), so guests of today arrive, dine and leave
within minutes. A hotel has only so
many rooms: what comes in must go out again. Beyond a number of future bookings the oldest are
cancelled, and when most of tonight's
rooms are taken, guests who arrive leave again at once (their check-in is undone, the booking
cancelled) instead of staying.
"""

import heapq
from collections import deque
from dataclasses import dataclass, replace
from datetime import date, datetime
from random import Random

from rtdash.domain.venues import RoomType, Venue, business_date
from rtdash.simulate.calibration import Profile
from rtdash.simulate.distributions import draw_poisson, seeded
from rtdash.simulate.hotel import Ending, HotelDemand, Stay
from rtdash.simulate.population import Population
from rtdash.simulate.restaurant import RestaurantDemand
from rtdash.simulate.room_inventory import RoomInventory
from rtdash.simulate.scenarios import Scenario
from rtdash.simulate.script import STEP_LEAST, Ids, Script, TimedOperation
from rtdash.simulate.stay_script import stay_script
from rtdash.simulate.visit_script import visit_script

STEP_MEAN_S = 12.0
"""Mean seconds between two operations of one reservation: the film's speed."""

LATEST_WEEKS = 104
"""How far a booking without a room is put off."""

OPEN_PER_ROOM = 2
"""Future bookings that a hotel keeps open, per room of the house; beyond, the oldest are
cancelled."""


class RestaurantBookingGenerator:
    """Takes a restaurant's live reservations."""

    def __init__(self, venue: Venue, key: str, scenario: Scenario) -> None:
        self._venue = venue
        self._scenario = scenario
        self._rng, self._people, self._ids = seeded(key), Population(key), Ids(key)
        self._demand = RestaurantDemand(venue.zone, seed=key, covers_per_day=1.0)

    def generate(self, instant: datetime, *, booking_only: bool) -> list[TimedOperation]:
        """Return one table's operations, from `instant` on."""
        rng, scenario = self._rng, self._scenario
        if rng.random() < scenario.walk_in_share:
            visit = self._demand.walk_in_at(instant)
        else:
            today = None if scenario.today_share is None else rng.random() < scenario.today_share
            visit = self._demand.visit_at(instant, today=today)
            visit = replace(visit, ending=_ending(visit.ending, scenario, rng))
        visit = replace(visit, party=visit.party + draw_poisson(rng, scenario.extra_guests))
        script = Script(self._venue, self._ids.draw())
        visit_script(
            script, visit, self._venue, self._people.draw(rng, repeated=visit.repeated), rng
        )
        present = business_date(self._venue, visit.start) == business_date(self._venue, instant)
        script.bring_forward(instant, rng, step_mean_s=STEP_MEAN_S, today=present)
        return script.operations[:1] if booking_only else script.operations


class HotelBookingGenerator:
    """Takes a hotel's live bookings and keeps its rooms from being oversold."""

    def __init__(
        self, venue: Venue, profile: Profile, key: str, scenario: Scenario, inventory: RoomInventory
    ) -> None:
        self._venue = venue
        self._scenario = scenario
        self._rng, self._people, self._ids = seeded(key), Population(key), Ids(key)
        self._demand = HotelDemand(profile, venue.zone, seed=key, per_day=1.0)
        self._inventory = inventory
        self._asked: deque[Stay] = deque()
        self._open: deque[_HeldRoom] = deque()
        self._leaving: list[tuple[datetime, int, _HeldRoom]] = []
        self._most_open = max(4, venue.total_rooms * OPEN_PER_ROOM)

    def generate(self, instant: datetime, *, booking_only: bool) -> list[TimedOperation]:
        """Return a booking's operations from `instant` on, before them the cancellation of an old booking
        when there are too many.
        """
        today = business_date(self._venue, instant)
        self._inventory.forget_before(today)
        cancelled = self._make_room(instant)
        wanted = self._next_stay(instant, today)
        stay, room_type = self._accommodate(wanted)
        early = self._scenario.early_arrivals and stay is not wanted and wanted.check_in == today
        script = Script(self._venue, self._ids.draw())
        stay_script(
            script,
            stay,
            room_type,
            self._venue,
            self._people.draw(self._rng, repeated=stay.repeated),
            self._rng,
        )
        script.bring_forward(
            instant, self._rng, step_mean_s=STEP_MEAN_S, today=early or stay.check_in == today
        )
        if booking_only:
            del script.operations[1:]
        self._hold(_HeldRoom(script, stay, room_type.id), today, early=early)
        return [*cancelled, *script.operations]

    def _next_stay(self, instant: datetime, today: date) -> Stay:
        """Return the next of what was asked for, as of `instant`: the rooms of a block come one after the
        other.
        """
        scenario, rng = self._scenario, self._rng
        if not self._asked:
            here = (today - instant.astimezone(self._venue.zone).date()).days
            arrives_today = scenario.today_share is not None and rng.random() < scenario.today_share
            self._asked.extend(
                self._demand.stays_at(instant, lead_days=here if arrives_today else None)
            )
        stay = self._asked.popleft()
        return replace(stay, booked_at=instant, ending=_ending(stay.ending, scenario, rng))

    def _accommodate(self, stay: Stay) -> tuple[Stay, RoomType]:
        """Return a room for the stay, weeks later if need be; if there is none at all, one that the hotel
        will refuse.
        """
        found = self._inventory.find_room(
            stay.guests, stay.check_in, stay.nights, self._rng, weeks=LATEST_WEEKS
        )
        room_type, check_in = found or (self._venue.room_types[0], stay.check_in)
        return (stay if check_in == stay.check_in else replace(stay, check_in=check_in)), room_type

    def _hold(self, held: "_HeldRoom", today: date, *, early: bool) -> None:
        """Take the room, and remember when it becomes free again."""
        stay, script = held.stay, held.script
        self._inventory.sell(held.room_type_id, stay.check_in, stay.nights)
        final = script.operations[-1].operation["op"]
        if any(timed.operation["op"] == "check_out" for timed in script.operations):
            if not early and not self._inventory.is_crowded(today):
                return
            script.leave_at_once()
            final = "cancel"
        if final in {"cancel", "no_show"}:
            heapq.heappush(self._leaving, (script.now, self._ids.count, held))
        else:
            self._open.append(held)

    def _make_room(self, instant: datetime) -> list[TimedOperation]:
        """Give back what was left by now; cancel the oldest open booking when there are too many
        and its film is over.
        """
        while self._leaving and self._leaving[0][0] < instant:
            heapq.heappop(self._leaving)[2].release(self._inventory)
        if len(self._open) <= self._most_open or instant - self._open[0].script.now < STEP_LEAST:
            return []
        held = self._open.popleft()
        held.release(self._inventory)
        held.script.step(instant, "cancel")
        return held.script.operations[-1:]


@dataclass(frozen=True, slots=True)
class _HeldRoom:
    """A room that is held for a stay."""

    script: Script
    stay: Stay
    room_type_id: str

    def release(self, inventory: RoomInventory) -> None:
        inventory.release(self.room_type_id, self.stay.check_in, self.stay.nights)


def _ending(ending: Ending, scenario: Scenario, rng: Random) -> Ending:
    """Return the scenario's say in who calls off: some more of those who would have come, or some less."""
    if ending is Ending.STAYED:
        # Somebody calls off about every third time, so the surplus falls on twice as many who
        # don't.
        return Ending.CANCELLED if rng.random() < (scenario.called_off - 1) / 2 else ending
    return Ending.STAYED if rng.random() < 1 - scenario.called_off else ending
