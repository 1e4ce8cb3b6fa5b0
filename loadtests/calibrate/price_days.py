"""Prices of days: how alike the rates are that different guests pay for the same day of arrival."""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from statistics import NormalDist, fmean
from typing import Any, NamedTuple

from loadtests.calibrate.columns import Booking

_NORMAL = NormalDist()
_LEAST_PAIRS = 300
_RESIDUAL = 0.7
"""Part of the variance of a segment's month that its leaves leave open; the first guess."""


class Likeness(NamedTuple):
    """Correlation of rates of different stays: on one day, by segment; and over neighbouring days."""

    by_segment: dict[str, float]
    pooled: float
    memory: float


def likeness(bookings: Iterable[Booking]) -> Likeness:
    """Return that of the normal scores of rates within each segment's month."""
    days = _scores(bookings)
    same: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    next_day = [0.0, 0.0]
    for (segment, day), scores in days.items():
        count, total = len(scores), sum(scores)
        same[segment][0] += total * total - sum(score * score for score in scores)
        same[segment][1] += count * (count - 1)
        following = days.get((segment, day + timedelta(days=1)))
        if following and (day + timedelta(days=1)).month == day.month:
            next_day[0] += total * sum(following)
            next_day[1] += count * len(following)
    sums, pairs = (sum(part[place] for part in same.values()) for place in range(2))
    pooled = sums / pairs
    return Likeness(
        {key: part[0] / part[1] if part[1] > _LEAST_PAIRS else 0.0 for key, part in same.items()},
        pooled,
        min(0.9, max(0.0, next_day[0] / next_day[1] / pooled)) if pooled > 0 else 0.0,
    )


def _scores(bookings: Iterable[Booking]) -> dict[tuple[str, date], list[float]]:
    """Return the scores of each segment's day, one a stay."""
    stays: dict[Hashable, Booking] = {one.stay: one for one in bookings if one.rate}
    months: defaultdict[tuple[Any, ...], list[Booking]] = defaultdict(list)
    for one in stays.values():
        months[one.segment, one.arrival.year, one.arrival.month].append(one)
    days: defaultdict[tuple[str, date], list[float]] = defaultdict(list)
    for month in months.values():
        for one, score in zip(_in_order(month), _normal(len(month)), strict=True):
            days[one.segment, one.arrival].append(score)
    return days


def _in_order(month: Sequence[Booking]) -> list[Booking]:
    return sorted(month, key=lambda one: (one.rate, one.lead, one.nights))


def _normal(count: int) -> Iterator[float]:
    return (_NORMAL.inv_cdf((place + 0.5) / count) for place in range(count))


def first_guess(wanted: Likeness, segments: Sequence[str]) -> dict[str, Any]:
    """Return what the chain holds: memory, and the correlation with the day by segment."""
    shares = [
        round(min(0.9, math.sqrt(max(0.0, wanted.by_segment.get(segment, 0.0)) / _RESIDUAL)), 3)
        for segment in segments
    ]
    return {"memory": round(wanted.memory, 3), "shares": shares}


def adjust(law: dict[str, Any], wanted: Likeness, found: Sequence[Likeness]) -> None:
    """Bring the generated likeness nearer to that of the data."""
    pooled = max(0.01, fmean(one.pooled for one in found))
    factor = math.sqrt(min(2.0, max(0.5, max(0.0, wanted.pooled) / pooled)))
    law["shares"] = [round(min(0.95, share * factor), 3) for share in law["shares"]]
    memory = fmean(one.memory for one in found)
    law["memory"] = round(min(0.95, max(0.0, law["memory"] + wanted.memory - memory)), 3)
