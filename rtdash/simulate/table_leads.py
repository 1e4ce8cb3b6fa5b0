"""Leads of tables: by the party, by the weekday of booking, and the hour at which it is made.

Each class of parties has normal scores around a mean of its own; the mixture's distribution turns a
score into a rank of the published leads. So the leads of all parties together are the published
ones, and each class has its published median.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import mul
from random import Random

from rtdash.simulate.calibration import RestaurantCalibration, restaurant_calibration
from rtdash.simulate.distributions import STANDARD_NORMAL, Discrete

LONGEST_LEAD_DAYS = 90
"""The data's "61+" is taken as 61 to 90 days: an assumption about 0.2 % of the reservations."""

_STEP, _REACH = 0.1, 5.0
_ROUNDS = 12


class PartyLeads:
    """Ranks of leads by class of parties, and of parties by lead."""

    def __init__(self, parties: Discrete[str], medians: Mapping[str, float]) -> None:
        """Take the rank of the median lead of each class."""
        self._parties = parties
        total = sum(parties.weights)
        self._weights = [weight / total for weight in parties.weights]
        self._means = [STANDARD_NORMAL.inv_cdf(medians[party]) for party in parties.values]
        self._scores = [_STEP * step - _REACH for step in range(int(2 * _REACH / _STEP) + 1)]
        for _ in range(_ROUNDS):
            mean = sum(map(mul, self._weights, self._means))
            spread = sum(
                weight * (one - mean) ** 2
                for weight, one in zip(self._weights, self._means, strict=True)
            )
            self._sigma = math.sqrt(max(0.2, 1 - spread))
            self._ranks = [self._mix(STANDARD_NORMAL.cdf, score) for score in self._scores]
            self._means = [self._score(medians[party]) for party in parties.values]

    def rank_of(self, party: str, rng: Random) -> float:
        """Return a rank of 0 < rank < 1 of the lead of such a party."""
        score = rng.gauss(self._means[self._parties.values.index(party)], self._sigma)
        place = (min(max(score, -_REACH), _REACH - _STEP) + _REACH) / _STEP
        below = int(place)
        low, high = self._ranks[below : below + 2]
        return min(max(low + (place - below) * (high - low), 1e-6), 1 - 1e-6)

    def party_rank(self, rank: float, rng: Random) -> float:
        """Return a rank of the parties, for a lead of that rank."""
        score = self._score(rank)
        densities = [
            weight * STANDARD_NORMAL.pdf((score - mean) / self._sigma)
            for weight, mean in zip(self._weights, self._means, strict=True)
        ]
        party = rng.choices(self._parties.values, densities)[0]
        low, high = self._parties.span(party)
        return low + (high - low) * rng.random()

    def _mix(self, law: Callable[[float], float], score: float) -> float:
        return sum(
            weight * law((score - mean) / self._sigma)
            for weight, mean in zip(self._weights, self._means, strict=True)
        )

    def _score(self, rank: float) -> float:
        above = min(max(bisect_left(self._ranks, rank), 1), len(self._ranks) - 1)
        low, high = self._ranks[above - 1 : above + 1]
        return self._scores[above] - _STEP * (high - rank) / (high - low)


@cache
def party_leads() -> PartyLeads:
    """Return the published leads by party."""
    facts = restaurant_calibration()
    medians = {
        party: _rank_of_lead(facts, hours) for party, hours in facts.lead_median_by_party.items()
    }
    return PartyLeads(facts.party, medians)


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
        first, last = bounds_of(bucket)
        start, end = first * 24 - 12, last * 24 + 12
        if hours < end:
            return share + (1 - share) * (
                low + (high - low) * max(0.0, hours - start) / (end - start)
            )
    return 1 - 1e-6


def bounds_of(bucket: str) -> tuple[int, int]:
    """Return the first and the last day of a published class of leads, such as "2-3" or "61+"."""
    first, _, last = bucket.partition("-")
    low = int(first.rstrip("+"))
    return low, int(last or (LONGEST_LEAD_DAYS if first.endswith("+") else first))


@cache
def later_booking_hours() -> Discrete[int]:
    """Return the hours at which tables for later days are booked.

    The published hours are of all reservations; those for the same day are taken off, as they
    follow from the hour of the visit.
    """
    facts = restaurant_calibration()
    same_day = [0.0] * 24
    middles = facts.same_day_hours.middles(60)
    for weight, hours in zip(facts.weekdays, facts.hours_by_weekday, strict=True):
        total = sum(hours.weights)
        for hour, share in zip(hours.values, hours.weights, strict=True):
            for lead in middles:
                same_day[int(hour + 0.25 - lead) % 24] += weight * share / total / len(middles)
    booking = dict(zip(facts.booking_hours.values, facts.booking_hours.weights, strict=True))
    whole = sum(booking.values())
    return Discrete(
        {
            hour: max(0.0002, weight / whole - facts.same_day_share * same_day[hour])
            for hour, weight in booking.items()
        }
    )


@cache
def booking_weekdays() -> Sequence[float]:
    """Return how much each weekday is preferred for a booking made days ahead.

    Fitted so that all reservations have the published weekdays of booking.
    """
    facts = restaurant_calibration()
    tilts = [1.0] * 7
    for _ in range(_ROUNDS):
        made = [0.0] * 7
        for visit, weight in enumerate(facts.weekdays):
            made[visit] += weight * facts.same_day_share
            for bucket, share in zip(facts.lead_days.values, facts.lead_days.weights, strict=True):
                part = weight * share * (1 - facts.same_day_share) / sum(facts.lead_days.weights)
                low, high = bounds_of(bucket)
                days = [(visit - lead) % 7 for lead in range(low, high + 1)]
                whole = sum(tilts[day] for day in days)
                for day in days:
                    made[day] += part * tilts[day] / whole
        tilts = [
            min(8.0, max(0.1, tilt * wanted / found))
            for tilt, wanted, found in zip(tilts, facts.booking_weekdays, made, strict=True)
        ]
    return tilts


def draw_lead_days(rank: float, visit: int | None, rng: Random) -> int:
    """Return the days of a lead of that rank, for a visit on that weekday (None: on any)."""
    facts = restaurant_calibration()
    share = facts.same_day_share
    if rank < share:
        return 0
    low, high = bounds_of(facts.lead_days.at((rank - share) / (1 - share)))
    if visit is None or low == high:
        return rng.randint(low, high)
    tilts = booking_weekdays()
    days = range(low, high + 1)
    return rng.choices(days, [tilts[(visit - lead) % 7] for lead in days])[0]
