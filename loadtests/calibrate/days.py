"""Unevenness of days: how much their strength and price must vary, and be like those of the day before,
so that daily counts of bookings, arrivals and cancellations, and rates, vary as seen.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import pairwise
from statistics import fmean, pvariance
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from loadtests.calibrate.columns import bookings_of_rows, bookings_of_stays
from loadtests.calibrate.price_days import adjust, first_guess, likeness
from loadtests.calibrate.rows import FIRST, LAST, Row
from rtdash.simulate.calibration import TrafficProfile
from rtdash.simulate.hotel import HotelDemand, Stay
from rtdash.simulate.hotel_chain import HotelChain

DAYS = ("created", "arrival", "cancelled")
"""Days that have a strength each."""

YEAR = date(2024, 8, 22)
"""First day of generation. The first of arrivals that are complete is then a Tuesday, 1 September, as
in the data: each month has as many of each weekday."""

WARM_UP = 740
"""Days after which arrivals are complete: the longest lead."""

RESPONSES = {"created": 2.2, "arrival": 0.9, "cancelled": 0.4}
"""Change of the unevenness that is seen, for a change of the variance."""

_ROUNDS = 2
_SEEDS = 3


class Unevenness(NamedTuple):
    """Relative variance of daily counts within months (variance over squared mean), and the
    correlation of a day's with that of the day before.
    """

    variance: float
    memory: float


def unevenness(days: Iterable[date], first: date, last: date) -> Unevenness:
    """Return that of the events on `days`, from `first` to `last`."""
    counts = Counter(days)
    dates = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    months = [(day.year, day.month) for day in dates]
    lengths, events = Counter(months), Counter[tuple[int, int]]()
    for day, month in zip(dates, months, strict=True):
        events[month] += counts[day]
    series = [
        counts[day] * lengths[month] / max(events[month], lengths[month])
        for day, month in zip(dates, months, strict=True)
    ]
    variance, mean = pvariance(series), fmean(series)
    products = ((one - mean) * (other - mean) for one, other in pairwise(series))
    return Unevenness(variance, fmean(products) / variance)


def unevenness_of_rows(rows: Sequence[Row]) -> list[Unevenness]:
    """Return that of `DAYS`, of the days on which they are complete."""
    made = date(2015, 9, 1), date(2017, 1, 31)
    cancelled = date(2015, 10, 1), date(2017, 6, 30)
    gone = (row.ended_on for row in rows if row.outcome == "Canceled")
    return [
        unevenness((row.booked_on for row in rows), *made),
        unevenness((row.arrival for row in rows), FIRST, LAST),
        unevenness(gone, *cancelled),
    ]


def unevenness_of_stays(stays: Sequence[Stay]) -> list[Unevenness]:
    """Return that of `DAYS`, of `generate`d stays after the warm-up."""
    year = YEAR + timedelta(days=WARM_UP), YEAR + timedelta(days=WARM_UP + 364)
    return [
        unevenness((stay.booked_at.date() for stay in stays), *year),
        unevenness((stay.check_in for stay in stays), *year),
        unevenness((stay.cancelled_on for stay in stays if stay.cancelled_on), *year),
    ]


def generate(chain: HotelChain, seed: int, *, days: int, first: date = YEAR) -> list[Stay]:
    """Return the bookings of so many days from `first` on, at the volume of the data."""
    demand = HotelDemand(
        TrafficProfile.CITY, ZoneInfo("Europe/Lisbon"), seed=f"calibrate/{seed}",
        per_day=chain.rows_per_day, chain=chain,
    )  # fmt: skip
    return list(demand.stays(first, days))


def two_years(stays: Iterable[Stay]) -> list[Stay]:
    """Return those of two years of arrivals after the warm-up, as the data set has them."""
    first = YEAR.toordinal() + WARM_UP
    last = first + (LAST - FIRST).days
    return [stay for stay in stays if first <= stay.check_in.toordinal() <= last]


def fit_days(chain: dict[str, Any], rows: Sequence[Row]) -> None:
    """Set `days` and `price_days` of the chain so that generated days are as uneven as `rows`."""
    wanted = unevenness_of_rows(rows)
    alike = likeness(bookings_of_rows(row for row in rows if FIRST <= row.arrival <= LAST))
    chain["price_days"] = first_guess(alike, chain["labels"]["segment"])
    for _ in range(_ROUNDS):
        runs, prices = [], []
        for seed in range(_SEEDS):
            stays = generate(HotelChain(chain), seed, days=WARM_UP + 365)
            runs.append(unevenness_of_stays(stays))
            prices.append(likeness(bookings_of_stays(stays, chain["mean_rate"])))
        print(f"prices: wanted {alike}, found {prices[0]}", file=sys.stderr)
        adjust(chain["price_days"], alike, prices)
        for place, name in enumerate(DAYS):
            found = Unevenness(*map(fmean, zip(*(run[place] for run in runs), strict=True)))
            print(f"{name} days: wanted {wanted[place]}, found {found}", file=sys.stderr)
            law, due = chain["days"][name], wanted[place]
            # Surges give more than their variance, and much of a cancellation's day is its class.
            step = (due.variance - found.variance) / RESPONSES[name]
            law["variance"] = round(max(0.005, law["variance"] + step), 3)
            law["memory"] = round(min(0.9, max(0.0, law["memory"] + due.memory - found.memory)), 3)
