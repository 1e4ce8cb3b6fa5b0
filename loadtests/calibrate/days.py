"""Unevenness of days: how much the strength of a day must vary, so that daily counts vary as seen."""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from statistics import fmean, pvariance
from typing import Any
from zoneinfo import ZoneInfo

from loadtests.calibrate.rows import FIRST, LAST, Row
from rtdash.simulate.calibration import TrafficProfile
from rtdash.simulate.hotel import HotelDemand, Stay
from rtdash.simulate.hotel_chain import HotelChain

YEAR = date(2022, 9, 1)
WARM_UP = 740
"""Days after which arrivals are complete: the longest lead."""

_ROUNDS = 3
_SEEDS = 6


def unevenness(days: Iterable[date], first: date, last: date) -> float:
    """Return the relative variance of daily counts within months: variance over squared mean."""
    counts = Counter(days)
    months: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        months[day.year, day.month].append(counts[day])
    return fmean(pvariance(month) / max(fmean(month), 1) ** 2 for month in months.values())


def unevenness_of_rows(rows: Sequence[Row]) -> tuple[float, float]:
    """Return that of bookings, in the year in which they are complete, and of arrivals."""
    return (
        unevenness((row.booked_on for row in rows), date(2016, 1, 1), date(2016, 12, 31)),
        unevenness((row.arrival for row in rows), FIRST, LAST),
    )


def unevenness_of_stays(stays: Sequence[Stay]) -> tuple[float, float]:
    """Return that of bookings and of arrivals, of `generate`d stays after the warm-up."""
    first, last = YEAR + timedelta(days=WARM_UP), YEAR + timedelta(days=WARM_UP + 364)
    return (
        unevenness((stay.booked_at.date() for stay in stays), first, last),
        unevenness((stay.check_in for stay in stays), first, last),
    )


def generate(chain: HotelChain, seed: int, *, days: int, first: date = YEAR) -> list[Stay]:
    """Return the bookings of so many days from `first` on, at the volume of the data."""
    demand = HotelDemand(
        TrafficProfile.CITY, ZoneInfo("Europe/Lisbon"), seed=f"calibrate/{seed}",
        per_day=chain.rows_per_day, chain=chain,
    )  # fmt: skip
    return list(demand.stays(first, days))


def fit_days(chain: dict[str, Any], rows: Sequence[Row]) -> None:
    """Set `created_variance` and `arrival_variance` so that generated days are as uneven."""
    wanted = unevenness_of_rows(rows)
    for _ in range(_ROUNDS):
        runs = [
            unevenness_of_stays(generate(HotelChain(chain), seed, days=WARM_UP + 365))
            for seed in range(_SEEDS)
        ]
        found = [fmean(run[place] for run in runs) for place in range(2)]
        print(f"days: wanted {wanted}, found {found}", file=sys.stderr)
        for place, name in enumerate(("created_variance", "arrival_variance")):
            # Strengths average 1 over a weekday's four or five days of a month: a fifth is lost.
            chain[name] = round(max(0.005, chain[name] + (wanted[place] - found[place]) / 0.77), 3)
