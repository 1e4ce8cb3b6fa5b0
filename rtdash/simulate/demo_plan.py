"""Plan of the demo's bookings: what its first screen needs, the older past, the day as it comes,
and bookings on fast forward for something to look at. Pure.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import attrgetter

from rtdash.domain.venues import Venue, VenueKind, business_date
from rtdash.simulate.arrivals import HOTEL_BOOKING_HOURS
from rtdash.simulate.calibration import TrafficProfile, restaurant_calibration
from rtdash.simulate.distributions import seeded
from rtdash.simulate.live_traffic import generate_live
from rtdash.simulate.past import Past
from rtdash.simulate.population_balance import PopulationBalance
from rtdash.simulate.repeated_week import WEEK, Life, first_day, last_day, repeat_week
from rtdash.simulate.scenarios import TrafficScenario
from rtdash.simulate.script import TimedOperation

FAST_FORWARD = 300
"""A minute brings the bookings of five hours."""

RESTAURANT_VOLUME = 2.0
"""A busy house: with fewer guests a day, one party more is a trend of 50 %."""

_AHEAD = timedelta(days=2)
"""Days that the plan holds beyond now: a demo left on overnight goes on."""

_STEP_S = 900
_QUIETEST = 0.3
"""Least share of the mean rate: a demo at four in the morning isn't silent."""


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """Operations of a demo, each list by instant; `at` is set on those that are over."""

    recent: tuple[TimedOperation, ...]
    """Needed for today's figures, their trends and the coming week."""
    older: tuple[TimedOperation, ...]
    coming: tuple[TimedOperation, ...]
    """Yield what the day still has in store, at its own time."""


def plan_demo(venues: Sequence[Venue], *, seed: int, now: datetime, days: int) -> DemoPlan:
    """Plan the past of `days` days before `now`, and what comes after it.

    With no days there is only what is booked from `now` on.
    """
    recent: list[TimedOperation] = []
    older: list[TimedOperation] = []
    coming: list[TimedOperation] = []
    for venue in venues:
        today = business_date(venue, now)
        lives = _lives(_past(venue, seed, now, days))
        for life in repeat_week(lives, today, seeded(f"demo/{seed}/{venue.id}")):
            over = [timed.with_at() for timed in life if timed.due < now]
            if days or not over:
                coming += life[len(over) :]
            if days:
                is_recent = _is_recent(life, today)
                (recent if is_recent else older).extend(over)
    return DemoPlan(
        *(tuple(sorted(part, key=attrgetter("due"))) for part in (recent, older, coming))
    )


def live_operations(
    venues: Sequence[Venue], plan: DemoPlan, *, seed: int, now: datetime, rate_per_s: float | None
) -> Iterator[TimedOperation]:
    """Yield the operations from `now` on, by `due`, without end: the day as planned, and bookings
    on fast forward, by each venue's size and hour (`rate_per_s`: over all venues, at an even rate).
    """
    streams = []
    for venue in venues:
        rate = rate_per_s / len(venues) if rate_per_s is not None else _natural_rate(venue)
        shape = (1.0,) if rate_per_s is not None else _hours_shape(venue, now)
        scenario = TrafficScenario("demo", "", shape, _STEP_S, today_share=0.3, walk_in_share=0.0)
        stream = generate_live(
            venue, _profile(venue), seed=seed, start=now, scenario=scenario, rate_per_s=rate
        )
        balance = PopulationBalance(venue, _usual_today(venue, plan, now), seeded(f"demo/{seed}"))
        streams.append(balance.keep(stream))
    return heapq.merge(plan.coming, *streams, key=attrgetter("due"))


def _past(venue: Venue, seed: int, now: datetime, days: int) -> Past:
    start = now.replace(minute=0, second=0, microsecond=0) + _AHEAD
    volume = RESTAURANT_VOLUME if venue.kind is VenueKind.RESTAURANT else 1.0
    return Past(venue, _profile(venue), seed, start, days + _AHEAD.days, volume)


def _lives(past: Past) -> list[Life]:
    """Return the operations of each reservation, by instant and without `at`."""
    lives: dict[str, list[TimedOperation]] = {}
    for timed in past.operations():
        operation = {name: value for name, value in timed.operation.items() if name != "at"}
        lives.setdefault(operation["reservationId"], []).append(
            TimedOperation(timed.due, operation)
        )
    return list(lives.values())


def _is_recent(life: Life, today: date) -> bool:
    return first_day(life) <= today + WEEK and last_day(life) >= today - WEEK


def _profile(venue: Venue) -> TrafficProfile:
    return TrafficProfile.RESTAURANT if venue.kind is VenueKind.RESTAURANT else TrafficProfile.CITY


def _bookings_a_day(venue: Venue) -> float:
    """Return roughly how many bookings a venue of that size gets a day."""
    if venue.kind is VenueKind.RESTAURANT:
        return RESTAURANT_VOLUME * restaurant_calibration().busy_covers_per_day / 4
    return max(1.0, venue.total_rooms)


def _natural_rate(venue: Venue) -> float:
    return FAST_FORWARD * _bookings_a_day(venue) / 86_400


def _hours_shape(venue: Venue, now: datetime) -> tuple[float, ...]:
    """Return multipliers of the rate for a day from `now` on, a quarter of an hour each; their mean
    is 1.
    """
    is_restaurant = venue.kind is VenueKind.RESTAURANT
    law = restaurant_calibration().booking_hours if is_restaurant else HOTEL_BOOKING_HOURS
    weights = dict(zip(law.values, law.weights, strict=True))
    mean = sum(weights.values()) / 24
    local = now.astimezone(venue.zone)
    steps = [(local + timedelta(seconds=_STEP_S * step)).hour for step in range(86_400 // _STEP_S)]
    shape = [max(_QUIETEST, weights.get(hour, 0.0) / mean) for hour in steps]
    return tuple(value * len(shape) / sum(shape) for value in shape)


def _usual_today(venue: Venue, plan: DemoPlan, now: datetime) -> int:
    """Return how many reservations the plan has for today at the venue."""
    today = business_date(venue, now).isoformat()
    return sum(
        timed.operation["op"] == "book"
        and timed.operation["venue"] == venue.id
        and (timed.operation.get("checkIn") or timed.operation["date"][:10]) == today
        for timed in plan.recent
    )
