"""Live traffic: endless, in bursts, each reservation's life brought forward so that a viewer sees it within minutes.

Nothing is refused for being early (CONTRACT section 4), so guests of today arrive, dine and leave on fast forward. A hotel has only so
many rooms: what comes in must go out again. Beyond a number of future bookings the oldest are cancelled, and when half of tonight's
rooms are taken, guests who arrive leave again at once (their check-in is undone, the booking cancelled) instead of staying.
"""

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from random import Random
from typing import Protocol

from rtdash.domain.venues import RoomType, Venue, VenueKind, business_date
from rtdash.simulate.calibration import Profile
from rtdash.simulate.distributions import draw_geometric, draw_poisson, seeded
from rtdash.simulate.hotel import Ending, HotelDemand, Stay
from rtdash.simulate.ledger import Ledger
from rtdash.simulate.past import fitting_profile
from rtdash.simulate.population import Population
from rtdash.simulate.restaurant import RestaurantDemand
from rtdash.simulate.scenarios import Scenario
from rtdash.simulate.script import Ids, Script, TimedOperation
from rtdash.simulate.stay_script import stay_script
from rtdash.simulate.visit_script import visit_script

BURST_MEAN = 2.5
"""Mean number of reservations in a burst of live traffic, which comes within a second or two."""

STEP_MEAN_S = 12.0
"""Mean seconds between two operations of one reservation: the film's speed."""

MOST_PENDING = 50_000
"""Operations that may wait for their instant; beyond, new reservations are only booked."""

LATEST_WEEKS = 104
"""How far a booking without a room is put off."""

NIGHTS_OPEN = 30
"""Future bookings that a hotel keeps open: as many as room-nights of its share in so many nights, a quarter of them each."""


class _Arrive(Protocol):
    """Books at an instant and tells the operations of that life; of a `brief` one only the booking."""

    def __call__(self, instant: datetime, *, brief: bool) -> list[TimedOperation]: ...


def generate_live(
    venue: Venue,
    profile: Profile | str,
    *,
    seed: int,
    start: datetime,
    scenario: Scenario,
    rate_per_s: float,
    share_of_rooms: float = 0.25,
) -> Iterator[TimedOperation]:
    """Operations from `start` on, without end and without `at`, ordered by `due`; memory is bounded.

    New reservations average `rate_per_s` times the scenario's shape over every minute, and come in bursts. `share_of_rooms` of a hotel's
    rooms may be sold (the rest is taken as sold before, by a past): 1.0 for a hotel that begins empty. Raises ValueError when the profile
    is of the other kind of venue, or the rate is not above 0.
    """
    if not rate_per_s > 0:
        raise ValueError("the rate must be above 0")
    profile = fitting_profile(venue, profile)
    start = start.astimezone(UTC)
    key = f"{seed}/{venue.id}/{profile.value}/live/{start.isoformat()}/{scenario.name}/{rate_per_s}/{share_of_rooms}"
    if venue.kind is VenueKind.HOTEL:
        arrive: _Arrive = _HotelDesk(venue, profile, key, scenario, share_of_rooms).arrive
    else:
        arrive = _RestaurantDesk(venue, key, scenario).arrive
    return _merge(_instants(seeded(f"{key}/instants"), start, scenario, rate_per_s), arrive)


def _instants(rng: Random, start: datetime, scenario: Scenario, rate_per_s: float) -> Iterator[datetime]:
    """The instants of new reservations, minute by minute: so many as the rate says (what is left over is carried on), in bursts."""
    owed = rng.random()
    for minute in count():
        steps = [scenario.multiplier(minute * 60 + second) for second in range(60)]
        owed += rate_per_s * sum(steps)
        whole = int(owed)
        owed -= whole
        seconds: list[float] = []
        while len(seconds) < whole:
            second = rng.choices(range(60), steps)[0] + rng.random()
            for _ in range(min(draw_geometric(rng, BURST_MEAN), whole - len(seconds))):
                seconds.append(second)
                second = min(second + rng.expovariate(1 / 0.4), 59.999)
        for second in sorted(seconds):
            yield start + timedelta(milliseconds=int((minute * 60 + second) * 1000))


def _merge(instants: Iterator[datetime], arrive: _Arrive) -> Iterator[TimedOperation]:
    """New reservations' first operations at their instants, the others when they are due."""
    waiting: list[tuple[datetime, int, TimedOperation]] = []
    written = 0
    for instant in instants:
        while waiting and waiting[0][0] <= instant:
            yield heapq.heappop(waiting)[2]
        for timed in arrive(instant, brief=len(waiting) >= MOST_PENDING):
            written += 1
            heapq.heappush(waiting, (timed.due, written, timed))


class _RestaurantDesk:
    """Takes a restaurant's live reservations."""

    def __init__(self, venue: Venue, key: str, scenario: Scenario) -> None:
        self._venue = venue
        self._scenario = scenario
        self._rng, self._people, self._ids = seeded(key), Population(key), Ids(key)
        self._demand = RestaurantDemand(venue.zone, seed=key, covers_per_day=1.0)

    def arrive(self, instant: datetime, *, brief: bool) -> list[TimedOperation]:
        """One table's operations, from `instant` on."""
        rng, scenario = self._rng, self._scenario
        if rng.random() < scenario.walk_in_share:
            visit = self._demand.walk_in_at(instant)
        else:
            today = None if scenario.today_share is None else rng.random() < scenario.today_share
            visit = self._demand.visit_at(instant, today=today)
            visit = replace(visit, ending=_ending(visit.ending, scenario, rng))
        visit = replace(visit, party=visit.party + draw_poisson(rng, scenario.extra_guests))
        script = Script(self._venue, self._ids.draw())
        visit_script(script, visit, self._venue, self._people.draw(rng, repeated=visit.repeated), rng)
        present = business_date(self._venue, visit.start) == business_date(self._venue, instant)
        script.bring_forward(instant, rng, step_mean_s=STEP_MEAN_S, today=present)
        return script.operations[:1] if brief else script.operations


class _HotelDesk:
    """Takes a hotel's live bookings and keeps its rooms from being oversold."""

    def __init__(self, venue: Venue, profile: Profile, key: str, scenario: Scenario, share_of_rooms: float) -> None:
        self._venue = venue
        self._scenario = scenario
        self._rng, self._people, self._ids = seeded(key), Population(key), Ids(key)
        self._demand = HotelDemand(profile, venue.zone, seed=key, per_day=1.0)
        self._ledger = Ledger(venue, share=share_of_rooms)
        self._asked: deque[Stay] = deque()
        self._open: deque[_Held] = deque()
        self._leaving: list[tuple[datetime, int, _Held]] = []
        self._most_open = max(4, int(venue.total_rooms * share_of_rooms * NIGHTS_OPEN / 4))

    def arrive(self, instant: datetime, *, brief: bool) -> list[TimedOperation]:
        """A booking's operations from `instant` on, before them the cancellation of an old booking when there are too many."""
        today = business_date(self._venue, instant)
        self._ledger.forget_before(today)
        cancelled = self._make_room(instant)
        stay, room_type = self._accommodate(self._next_stay(instant, today))
        script = Script(self._venue, self._ids.draw())
        stay_script(script, stay, room_type, self._venue, self._people.draw(self._rng, repeated=stay.repeated), self._rng)
        script.bring_forward(instant, self._rng, step_mean_s=STEP_MEAN_S, today=stay.check_in == today)
        if brief:
            del script.operations[1:]
        self._hold(_Held(script, stay, room_type.id), today)
        return [*cancelled, *script.operations]

    def _next_stay(self, instant: datetime, today: date) -> Stay:
        """The next of what was asked for, as of `instant`: the rooms of a block come one after the other."""
        scenario, rng = self._scenario, self._rng
        if not self._asked:
            here = (today - instant.astimezone(self._venue.zone).date()).days
            arrives_today = scenario.today_share is not None and rng.random() < scenario.today_share
            self._asked.extend(self._demand.stays_at(instant, lead_days=here if arrives_today else None))
        stay = self._asked.popleft()
        return replace(stay, booked_at=instant, ending=_ending(stay.ending, scenario, rng))

    def _accommodate(self, stay: Stay) -> tuple[Stay, RoomType]:
        """A room for the stay, weeks later if need be; after two years without one, one that the hotel will refuse."""
        for weeks in range(LATEST_WEEKS):
            moved = replace(stay, check_in=stay.check_in + timedelta(weeks=weeks))
            room_type = self._ledger.find(stay.guests, moved.check_in, stay.nights, self._rng)
            if room_type is not None:
                return moved, room_type
        return stay, self._venue.room_types[0]

    def _hold(self, held: "_Held", today: date) -> None:
        """Take the room, and remember when it becomes free again."""
        stay, script = held.stay, held.script
        self._ledger.take(held.room_type_id, stay.check_in, stay.nights)
        final = script.operations[-1].operation["op"]
        if final == "check_out" or (final == "pay" and stay.check_in == today):
            if not self._ledger.is_crowded(today):
                return
            script.leave_at_once()
            final = "cancel"
        if final in {"cancel", "no_show"}:
            heapq.heappush(self._leaving, (script.now, self._ids.count, held))
        else:
            self._open.append(held)

    def _make_room(self, instant: datetime) -> list[TimedOperation]:
        """Give back what was left by now; cancel the oldest open booking when there are too many and its film is over."""
        while self._leaving and self._leaving[0][0] < instant:
            heapq.heappop(self._leaving)[2].give_back(self._ledger)
        if len(self._open) <= self._most_open or self._open[0].script.now >= instant:
            return []
        held = self._open.popleft()
        held.give_back(self._ledger)
        held.script.step(instant, "cancel")
        return held.script.operations[-1:]


@dataclass(frozen=True, slots=True)
class _Held:
    """A room that is held for a stay."""

    script: Script
    stay: Stay
    room_type_id: str

    def give_back(self, ledger: Ledger) -> None:
        ledger.give_back(self.room_type_id, self.stay.check_in, self.stay.nights)


def _ending(ending: Ending, scenario: Scenario, rng: Random) -> Ending:
    """The scenario's say in who calls off: some more of those who would have come, or some less."""
    if ending is Ending.STAYED:
        # Somebody calls off about every third time, so the surplus falls on twice as many who don't.
        return Ending.CANCELLED if rng.random() < (scenario.called_off - 1) / 2 else ending
    return Ending.STAYED if rng.random() < 1 - scenario.called_off else ending
