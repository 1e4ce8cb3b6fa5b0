"""Live traffic: an endless stream of operations, in bursts, at the natural or at a fast pace."""

import heapq
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Protocol

from rtdash.domain.venues import Venue, VenueKind
from rtdash.simulate.calibration import (
    TrafficProfile,
    bookings_per_room_day,
    restaurant_calibration,
)
from rtdash.simulate.distributions import draw_geometric, seeded
from rtdash.simulate.live_bookings import HotelBookingGenerator, Pace, RestaurantBookingGenerator
from rtdash.simulate.past import Past, fitting_profile
from rtdash.simulate.room_inventory import RoomInventory
from rtdash.simulate.scenarios import TrafficScenario
from rtdash.simulate.script import TimedOperation

SLOW = 3.0
"""Multiple of a venue's own volume up to which lives have the natural pace."""

SHARE_OF_ROOMS = 0.25
"""Share of a hotel's rooms that live traffic without a past may sell."""

_DAY_S = 86_400

BURST_MEAN = 2.5
"""Mean number of reservations in a burst of live traffic, which comes within a second or two."""

MOST_PENDING = 50_000
"""Operations that may wait for their instant; beyond, new reservations are only booked."""


class _Generate(Protocol):
    """Generator of one booking at an instant: its operations, or the booking only."""

    def __call__(self, instant: datetime, *, booking_only: bool) -> list[TimedOperation]: ...


def generate_live(
    venue: Venue,
    profile: TrafficProfile | str,
    *,
    seed: int,
    start: datetime,
    scenario: TrafficScenario,
    rate_per_s: float,
    past: Past | None = None,
    share_of_rooms: float = SHARE_OF_ROOMS,
) -> Iterator[TimedOperation]:
    """Yield operations from `start` on, without end and without `at`, ordered by `due`.

    New reservations average `rate_per_s` times the scenario's shape over every minute, and come in
    bursts. Up to `SLOW` times the venue's own volume their lives have the natural pace, else the
    fast one. After a `past` that was loaded, the rest of its last business date follows, and the
    hotel sells exactly the rooms that it left. Without one, `share_of_rooms` of a hotel's rooms may
    be sold, and the rest counts as sold: 1.0 for a hotel that begins empty. Memory is bounded.

    Raises ValueError when the profile is of the other kind of venue, or the rate is not above 0.
    """
    if not rate_per_s > 0:
        raise ValueError("the rate must be above 0")
    profile = fitting_profile(venue, profile)
    start = start.astimezone(UTC)
    key = _key(venue, profile, seed, start, scenario, rate_per_s, share_of_rooms)
    key += f"/{past.key}" if past else ""
    slow = rate_per_s <= SLOW * natural_rate(venue, profile)
    pace = Pace.NATURAL if slow else Pace.FAST
    left, inventory = (
        past.leave(start, fast=not slow)
        if past
        else ([], RoomInventory(venue, share=share_of_rooms))
    )
    if venue.kind is VenueKind.HOTEL:
        generator: HotelBookingGenerator | RestaurantBookingGenerator = HotelBookingGenerator(
            venue, profile, key, scenario, inventory, pace
        )
    else:
        generator = RestaurantBookingGenerator(venue, key, scenario, pace)
    return _merge(
        left, _instants(seeded(f"{key}/instants"), start, scenario, rate_per_s), generator.generate
    )


def first_booking(
    venue: Venue,
    profile: TrafficProfile,
    *,
    seed: int,
    start: datetime,
    scenario: TrafficScenario,
    rate_per_s: float,
) -> datetime:
    """Return the instant of the first booking that `generate_live` gives without a past.

    It needs neither rooms nor menu: a run reads those of the venues that it will use.
    """
    start = start.astimezone(UTC)
    key = _key(venue, profile, seed, start, scenario, rate_per_s, SHARE_OF_ROOMS)
    return next(_instants(seeded(f"{key}/instants"), start, scenario, rate_per_s))


def _key(
    venue: Venue,
    profile: TrafficProfile,
    seed: int,
    start: datetime,
    scenario: TrafficScenario,
    rate_per_s: float,
    share_of_rooms: float,
) -> str:
    return (
        f"{seed}/{venue.id}/{profile.value}/live/{start.isoformat()}/{scenario.name}"
        f"/{rate_per_s}/{share_of_rooms}"
    )


def natural_rate(venue: Venue, profile: TrafficProfile) -> float:
    """Return the reservations a second of a venue of that size."""
    if venue.kind is VenueKind.HOTEL:
        return venue.total_rooms * bookings_per_room_day(profile) / _DAY_S
    facts = restaurant_calibration()
    return facts.busy_covers_per_day / facts.mean_party / _DAY_S


def _instants(
    rng: Random, start: datetime, scenario: TrafficScenario, rate_per_s: float
) -> Iterator[datetime]:
    """Yield the instants of new reservations, minute by minute: so many as the rate says (what is
    left over is carried on), in bursts.
    """
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


def _merge(
    left: Sequence[TimedOperation], instants: Iterator[datetime], generate: _Generate
) -> Iterator[TimedOperation]:
    """Yield what was left over, and new reservations: their first operations at their instants, the
    others when they are due.
    """
    waiting = [(timed.due, number, timed) for number, timed in enumerate(left)]
    heapq.heapify(waiting)
    written = len(waiting)
    for instant in instants:
        while waiting and waiting[0][0] <= instant:
            yield heapq.heappop(waiting)[2]
        for timed in generate(instant, booking_only=len(waiting) >= MOST_PENDING):
            written += 1
            heapq.heappush(waiting, (timed.due, written, timed))
