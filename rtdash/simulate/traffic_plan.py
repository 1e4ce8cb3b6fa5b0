"""Plan of traffic for several venues: the past, live traffic, or a sample. Pure: now is an
argument.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile
from operator import attrgetter

from rtdash.domain.venues import Venue, VenueKind
from rtdash.simulate.calibration import TrafficProfile
from rtdash.simulate.live_traffic import first_booking, generate_live
from rtdash.simulate.past import Past
from rtdash.simulate.sample import sample
from rtdash.simulate.scenarios import TrafficScenario, find_scenario
from rtdash.simulate.script import TimedOperation

_LONGEST_S = 10 * 365 * 86_400.0
_SHORT_S = 600.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """Options of the traffic to generate. `rate_per_s` are new reservations over all venues;
    `start` is the run's now (None: the real one).
    """

    rate_per_s: float = 5.0
    duration_s: float = float("inf")
    seed: int = 1
    scenario: TrafficScenario = field(default_factory=lambda: find_scenario("steady"))
    backfill_days: int = 0
    profile: TrafficProfile | None = None
    start: datetime | None = None

    def suits(self, venue: Venue) -> bool:
        """Return whether the profile, if one was chosen, is for such a venue."""
        return self.profile is None or (self.profile is TrafficProfile.RESTAURANT) == (
            venue.kind is VenueKind.RESTAURANT
        )

    def pasts(self, venues: Sequence[Venue], now: datetime) -> dict[str, Past]:
        """Return the pasts by venue; none without `backfill_days`.

        A past begins at a whole hour: a repeat within the hour gives the same operations.
        """
        if not self.backfill_days:
            return {}
        start = self.start or now.replace(minute=0, second=0, microsecond=0)
        return {
            venue.id: Past(venue, self._profile_of(venue), self.seed, start, self.backfill_days)
            for venue in venues
        }

    def live(
        self,
        venues: Sequence[Venue],
        start: datetime,
        pasts: Mapping[str, Past],
        *,
        among: int | None = None,
    ) -> Iterator[TimedOperation]:
        """Yield operations of `venues` from `start` on, in the order in which they are due.

        They have no end, and go on from the pasts. The rate is shared `among` so many venues
        (None: these).
        """
        share = self.rate_per_s / (among or len(venues))
        lives = [
            generate_live(
                venue,
                self._profile_of(venue),
                seed=self.seed,
                start=start,
                scenario=self.scenario,
                rate_per_s=share,
                past=pasts.get(venue.id),
            )
            for venue in venues
        ]
        return heapq.merge(*lives, key=attrgetter("due"))

    def used(self, venues: Sequence[Venue], start: datetime) -> list[Venue]:
        """Return the venues that a run from `start` on has operations for.

        A short run at a low rate books at few of many venues.
        """
        if self.backfill_days or self.duration_s > _SHORT_S:
            return list(venues)
        until = start + timedelta(seconds=self.duration_s)
        share = self.rate_per_s / len(venues)
        return [venue for venue in venues if self._first_booking(venue, start, share) < until]

    def _first_booking(self, venue: Venue, start: datetime, share: float) -> datetime:
        return first_booking(
            venue,
            self._profile_of(venue),
            seed=self.seed,
            start=start,
            scenario=self.scenario,
            rate_per_s=share,
        )

    def dry_run(
        self, venues: Sequence[Venue], now: datetime, *, count: int | None, live: bool
    ) -> Iterator[TimedOperation]:
        """Yield what a run would send: the past if it has one, else live traffic if asked for, else
        `count` whole lives.

        `count` ends the past or the live traffic after so many reservations, in the middle of their
        lives; None: at their own end.
        """
        start = self.start or now
        if self.backfill_days:
            return _first(in_order(self.pasts(venues, now)), count)
        if live:
            until = start + timedelta(seconds=min(self.duration_s, _LONGEST_S))
            return _first(
                takewhile(lambda timed: timed.due < until, self.live(venues, start, {})), count
            )
        shares = _shares(count or 0, len(venues))
        samples = [
            sample(venue, self._profile_of(venue), seed=self.seed, start=start.date(), count=share)
            for venue, share in zip(venues, shares, strict=True)
        ]
        return heapq.merge(*samples, key=attrgetter("due"))

    def _profile_of(self, venue: Venue) -> TrafficProfile:
        return self.profile or (
            TrafficProfile.RESTAURANT if venue.kind is VenueKind.RESTAURANT else TrafficProfile.CITY
        )


def in_order(pasts: Mapping[str, Past]) -> Iterator[TimedOperation]:
    """Yield the pasts of all venues, by instant."""
    return heapq.merge(*(past.operations() for past in pasts.values()), key=attrgetter("due"))


def _first(operations: Iterable[TimedOperation], count: int | None) -> Iterator[TimedOperation]:
    """Yield operations up to the booking after the first `count`."""
    booked = 0
    for timed in operations:
        booked += timed.operation["op"] == "book"
        if count is not None and booked > count:
            return
        yield timed


def _shares(count: int, parts: int) -> list[int]:
    """Split `count` into nearly equal parts, the larger first."""
    return [count // parts + (part < count % parts) for part in range(parts)]
