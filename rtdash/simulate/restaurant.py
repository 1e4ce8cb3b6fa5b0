"""What a restaurant's guests ask for: day and hour of the visit, party, how long ahead, and how it
ends; walk-ins beside them.

Two directions of one law: `visits` starts from the day of the visit (a past), `visit_at` from the
instant of booking (live traffic).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from rtdash.simulate.arrivals import DayStrength, days_from, local_instant, whole_ms
from rtdash.simulate.calibration import RestaurantCalibration, restaurant_calibration
from rtdash.simulate.distributions import (
    STANDARD_NORMAL,
    Discrete,
    draw_lognormal,
    draw_poisson,
    seeded,
)
from rtdash.simulate.hotel import Ending

LONGEST_LEAD_DAYS = 90
"""The data's "61+" is taken as 61 to 90 days: an assumption about 0.2 % of the reservations."""

START_MINUTES: Discrete[int] = Discrete({0: 0.55, 15: 0.07, 30: 0.31, 45: 0.07})
"""Minutes at which tables are booked. Assumed: the source floors to the hour."""

TURN_VARIATION = 0.3
"""sd / mean of the turn time. Assumed, as in the file's suggested defaults."""

REPEATED_SHARE = 0.25
"""Share of reservations by somebody who came before. Assumed: the data have no customers."""

WALK_IN_PARTY: Discrete[int] = Discrete({1: 0.18, 2: 0.5, 3: 0.15, 4: 0.12, 5: 0.03, 6: 0.02})
"""Parties that come without a reservation. Assumed: smaller than those who reserve, of whom the
data tell."""

_OPEN_ENDED = {"9-12": (9, 12), "13-20": (13, 20), "21+": (21, 30)}


@dataclass(frozen=True, slots=True)
class Visit:
    """A table asked for: `booked_at` and `start` in UTC, equal for a walk-in; `cancel_fraction` as
    in a hotel's stay.
    """

    booked_at: datetime
    start: datetime
    party: int
    minutes: int
    ending: Ending
    cancel_fraction: float
    repeated: bool
    walk_in: bool = False


class RestaurantDemand:
    """The tables that a restaurant is asked for; `covers_per_day` on average, walk-ins included."""

    def __init__(self, zone: ZoneInfo, *, seed: str, covers_per_day: float) -> None:
        self._zone = zone
        self._facts = restaurant_calibration()
        self._rng = seeded(f"{seed}/restaurant")
        self._correlation = _lead_correlation()
        facts = self._facts
        self._reserved = covers_per_day * (1 - facts.walk_in_share) / facts.mean_party
        self._walked_in = covers_per_day * facts.walk_in_share / _mean(WALK_IN_PARTY)
        # Parties are the clusters here, and by themselves as uneven as what is published; days
        # differ only where they are not.
        reserved, walked_in = _size_weighted(facts), _size_weighted_walk_ins()
        by_parties = (1 - facts.walk_in_share) * reserved + facts.walk_in_share * walked_in
        self._strength = DayStrength(
            seed, max(0.0, facts.dispersion - by_parties) / facts.covers_per_day
        )

    def visits(self, first: date, days: int) -> Iterator[list[Visit]]:
        """Day by day, all visits that start on `days` local dates from `first` on, in no order
        within the day.
        """
        for day in days_from(first, days):
            strength = 7 * self._strength(day)
            reserved = draw_poisson(
                self._rng, self._reserved * self._facts.weekdays[day.weekday()] * strength
            )
            walked_in = draw_poisson(
                self._rng, self._walked_in * self._walk_in_weekday(day.weekday()) * strength
            )
            yield [self._reservation(day) for _ in range(reserved)] + [
                self._walk_in(day) for _ in range(walked_in)
            ]

    def visit_at(self, instant: datetime, *, today: bool | None = None) -> Visit:
        """Return a reservation made at `instant`; `today` forces or forbids a visit on the same local day,
        as far as hours are left.
        """
        local = instant.astimezone(self._zone)
        while True:
            rank, party_rank = self._ranks(same_day=today)
            lead_days = self._lead_days(rank)
            day = local.date() + timedelta(days=lead_days)
            if lead_days == 0 and local.hour >= 22:
                day, lead_days = day + timedelta(days=1), 1
            if (
                self._rng.random() * max(self._facts.weekdays) < self._facts.weekdays[day.weekday()]
                or today
            ):
                break
        start = self._start(day)
        if lead_days == 0:
            start = max(
                start,
                _next_quarter(instant + timedelta(minutes=15 + self._rng.expovariate(1 / 60))),
            )
        return self._visit(instant, start, self._party_size(self._facts.party.at(party_rank)))

    def walk_in_at(self, instant: datetime) -> Visit:
        """Return a party that stands in the door at `instant`."""
        return self._visit(instant, instant, WALK_IN_PARTY.draw(self._rng), walk_in=True)

    def _reservation(self, day: date) -> Visit:
        facts, rng = self._facts, self._rng
        start = self._start(day)
        hour = start.astimezone(self._zone).hour
        parties = (
            facts.party_lunch
            if 11 <= hour < 15
            else facts.party_dinner
            if 17 <= hour < 23
            else facts.party
        )
        party = parties.draw(rng)
        low, high = facts.party.span(party)
        rank = self._lead_rank(low + rng.random() * (high - low))
        return self._visit(self._booked_at(day, start, rank), start, self._party_size(party))

    def _booked_at(self, day: date, start: datetime, rank: float) -> datetime:
        """Return so many hours before for a lead of the same day; else the days of the rank, at an hour at
        which people book.
        """
        facts, rng = self._facts, self._rng
        if rank < facts.same_day_share:
            hours = facts.same_day_hours.at(rank / facts.same_day_share)
            return whole_ms(start - timedelta(hours=hours))
        booked_on = day - timedelta(days=self._lead_days(rank))
        return local_instant(
            booked_on, (facts.booking_hours.draw(rng) + rng.random()) * 3600, self._zone
        )

    def _lead_days(self, rank: float) -> int:
        share = self._facts.same_day_share
        if rank < share:
            return 0
        first, _, last = self._facts.lead_days.at((rank - share) / (1 - share)).partition("-")
        low = int(first.rstrip("+"))
        high = int(last or (LONGEST_LEAD_DAYS if first.endswith("+") else first))
        return self._rng.randint(low, high)

    def _lead_rank(self, party_rank: float) -> float:
        """Return the rank of the lead of a party of that rank: a Gaussian copula leaves both laws as they
        are.
        """
        normal = self._correlation * STANDARD_NORMAL.inv_cdf(min(max(party_rank, 1e-9), 1 - 1e-9))
        normal += math.sqrt(1 - self._correlation**2) * self._rng.gauss(0, 1)
        return min(STANDARD_NORMAL.cdf(normal), 1 - 1e-9)

    def _ranks(self, *, same_day: bool | None) -> tuple[float, float]:
        """Ranks of lead and party; a lead of the same day or not, when that is asked."""
        rank, share = self._rng.random(), self._facts.same_day_share
        if same_day is not None:
            rank = rank * share if same_day else share + rank * (1 - share)
        return rank, self._lead_rank(rank)

    def _start(self, day: date) -> datetime:
        hour = self._facts.hours_by_weekday[day.weekday()].draw(self._rng)
        return local_instant(day, hour * 3600 + START_MINUTES.draw(self._rng) * 60, self._zone)

    def _walk_in(self, day: date) -> Visit:
        second = (self._facts.walk_in_hours.draw(self._rng) + self._rng.random()) * 3600
        return self.walk_in_at(local_instant(day, second, self._zone))

    def _walk_in_weekday(self, weekday: int) -> float:
        """What is left of the covers of a weekday when the reserved ones are taken off."""
        facts = self._facts
        left = facts.cover_weekdays[weekday] - (1 - facts.walk_in_share) * facts.weekdays[weekday]
        return max(0.0, left / facts.walk_in_share)

    def _visit(
        self, booked_at: datetime, start: datetime, party: int, *, walk_in: bool = False
    ) -> Visit:
        rng, facts = self._rng, self._facts
        mean = next(minutes for size, minutes in reversed(facts.turn_minutes) if party >= size)
        minutes = draw_lognormal(rng, mean, TURN_VARIATION)
        return Visit(
            booked_at=booked_at,
            start=start,
            party=party,
            minutes=max(20, 5 * round(minutes / 5)),
            ending=Ending.STAYED if walk_in else self._ending(),
            # No source tells when tables are cancelled; half of the cancellations are taken to come
            # in the last quarter of the lead.
            cancel_fraction=rng.random() ** 0.415,
            repeated=rng.random() < REPEATED_SHARE,
            walk_in=walk_in,
        )

    def _ending(self) -> Ending:
        if self._rng.random() < self._facts.cancel_rate:
            return Ending.CANCELLED
        return Ending.NO_SHOW if self._rng.random() < self._facts.no_show_rate else Ending.STAYED

    def _party_size(self, bucket: str) -> int:
        if bucket not in _OPEN_ENDED:
            return int(bucket)
        low, high = _OPEN_ENDED[bucket]
        return int(low * ((high + 1) / low) ** self._rng.random())


@cache
def _lead_correlation() -> float:
    """Return the copula's correlation with which the median leads by party come out best (least squares
    over the normal scores).
    """
    facts = restaurant_calibration()
    points = []
    for party, weight in zip(facts.party.values, facts.party.weights, strict=True):
        low, high = facts.party.span(party)
        lead = STANDARD_NORMAL.inv_cdf(_rank_of_lead(facts, facts.lead_median_by_party[party]))
        points.append((STANDARD_NORMAL.inv_cdf((low + high) / 2), lead, weight))
    return sum(x * y * w for x, y, w in points) / sum(x * x * w for x, _, w in points)


def _rank_of_lead(facts: RestaurantCalibration, hours: float) -> float:
    """Return the share of leads below so many hours, by whole days."""
    if hours < 12:
        return (
            next(rank / 100 for rank in range(101) if facts.same_day_hours.at(rank / 100) >= hours)
            * facts.same_day_share
        )
    share = facts.same_day_share
    for bucket in facts.lead_days.values:
        low, high = facts.lead_days.span(bucket)
        first, _, last = bucket.partition("-")
        start, end = int(first.rstrip("+")) * 24 - 12, int(last or first.rstrip("+")) * 24 + 12
        if hours < end:
            return share + (1 - share) * (
                low + (high - low) * max(0.0, hours - start) / (end - start)
            )
    return 1 - 1e-6


def _size_weighted(facts: RestaurantCalibration) -> float:
    """Return E[size²] / E[size] of the parties that reserve: the variance / mean that they give to the
    covers of a day.
    """
    sizes = {
        party: sum(_OPEN_ENDED[party]) / 2 if party in _OPEN_ENDED else int(party)
        for party in facts.party.values
    }
    pairs = list(zip(sizes.values(), facts.party.weights, strict=True))
    return sum(size**2 * weight for size, weight in pairs) / sum(
        size * weight for size, weight in pairs
    )


def _size_weighted_walk_ins() -> float:
    pairs = list(zip(WALK_IN_PARTY.values, WALK_IN_PARTY.weights, strict=True))
    return sum(size**2 * weight for size, weight in pairs) / sum(
        size * weight for size, weight in pairs
    )


def _mean(sizes: Discrete[int]) -> float:
    return sum(
        size * weight for size, weight in zip(sizes.values, sizes.weights, strict=True)
    ) / sum(sizes.weights)


def _next_quarter(instant: datetime) -> datetime:
    quarter = instant.replace(second=0, microsecond=0) + timedelta(minutes=-instant.minute % 15)
    return quarter if quarter > instant else quarter + timedelta(minutes=15)
