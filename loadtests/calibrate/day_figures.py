"""Figures of days, blocks, prices and tails: what pairs of columns don't show."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import date, timedelta
from statistics import fmean, median, pvariance

from loadtests.calibrate.columns import Booking
from loadtests.calibrate.price_days import likeness

TAILS = (0.9, 0.99, 0.999)
SOME = 200
"""Bookings of a segment from which on its medians are compared."""


def figures(bookings: Sequence[Booking]) -> dict[str, float]:
    """Return all figures by name; those of correlations begin with that word."""
    return {
        **_days("bookings", (one.booked_on for one in bookings)),
        **_days("arrivals", (one.arrival for one in bookings)),
        **_days("departures", (one.arrival + timedelta(days=one.nights) for one in bookings)),
        **_days("cancellations", (one.cancelled_on for one in bookings if one.cancelled_on)),
        **_days("rooms in house", _nights_in_house(bookings)),
        **_tails(bookings),
        **_blocks(bookings),
        **_prices(bookings),
        **_segments(bookings),
    }


def _nights_in_house(bookings: Iterable[Booking]) -> Iterable[date]:
    for one in bookings:
        if one.ending == "stayed":
            for night in range(one.nights):
                yield one.arrival + timedelta(days=night)


def _days(name: str, days: Iterable[date]) -> dict[str, float]:
    """Return figures of daily counts, over the middle 80 % of the events, without seasons."""
    counts = Counter(days)
    ordered = sorted(counts.elements())
    first, last = ordered[len(ordered) // 10], ordered[len(ordered) * 9 // 10]
    months: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        months[day.year, day.month].append(counts[day])
    relative = [
        count / (fmean(month) or 1)
        for month in months.values()
        if len(month) > 20
        for count in month
    ]
    ranked = sorted(relative, reverse=True)
    return {
        f"{name} a day, variance within months": pvariance(relative),
        f"{name} a day, largest over mean": ranked[0],
        f"{name} a day, share of the busiest 5 %": sum(ranked[: len(ranked) // 20]) / sum(ranked),
        f"correlation of {name} with the day before": _correlation(relative, 1),
        f"correlation of {name} with the week before": _correlation(relative, 7),
    }


def _correlation(series: Sequence[float], lag: int) -> float:
    mean, spread = fmean(series), pvariance(series)
    pairs = zip(series, series[lag:], strict=False)
    return fmean((one - mean) * (other - mean) for one, other in pairs) / (spread or 1)


def _tails(bookings: Sequence[Booking]) -> dict[str, float]:
    found = {}
    values: dict[str, Callable[[Booking], float]] = {
        "lead": lambda one: one.lead, "nights": lambda one: one.nights,
        "rate": lambda one: one.rate, "rooms": lambda one: one.rooms,
        "revenue": lambda one: one.rate * one.nights,
    }  # fmt: skip
    for name, value in values.items():
        ordered = sorted(map(value, bookings))
        for tail in TAILS:
            found[f"{name}, quantile {tail}"] = ordered[int(len(ordered) * tail)]
    return found


def _blocks(bookings: Sequence[Booking]) -> dict[str, float]:
    stays: defaultdict[Hashable, list[Booking]] = defaultdict(list)
    for one in bookings:
        stays[one.stay].append(one)
    blocks = [rooms for rooms in stays.values() if len(rooms) > 2]
    large = [rooms for rooms in blocks if len(rooms) > 9]

    def share(sides: Sequence[list[Booking]], value: Callable[[Booking], Hashable]) -> float:
        """Return the share of pairs of rooms with equal values."""
        return fmean(
            sum(n * (n - 1) for n in Counter(map(value, rooms)).values())
            / (len(rooms) * (len(rooms) - 1))
            for rooms in sides
        )

    values: dict[str, Callable[[Booking], Hashable]] = {
        "ending": lambda one: one.ending, "price": lambda one: one.rate,
        "party": lambda one: (one.adults, one.children), "country": lambda one: one.country,
        "day of cancelling": lambda one: one.cancelled_on, "changes": lambda one: one.changes,
        "deposit": lambda one: one.deposit,
    }  # fmt: skip
    found = {"share of rooms in stays of 3 and more": sum(map(len, blocks)) / len(bookings),
             "share of rooms in stays of 10 and more": sum(map(len, large)) / len(bookings)}  # fmt: skip
    for name, value in values.items():
        found[f"pairs of rooms of a stay with one {name}"] = share(blocks, value)
        if large:
            found[f"pairs of rooms of a large stay with one {name}"] = share(large, value)
    return found


def _prices(bookings: Sequence[Booking]) -> dict[str, float]:
    counts = Counter(one.rate for one in bookings)
    by_day: defaultdict[tuple[Hashable, ...], list[float]] = defaultdict(list)
    for one in bookings:
        if one.rate:
            by_day[one.segment, one.arrival.year, one.arrival.month, one.arrival].append(
                math.log(one.rate)
            )
    months: defaultdict[tuple[Hashable, ...], list[float]] = defaultdict(list)
    for key, rates in by_day.items():
        months[key[:3]] += rates
    within_days = sum(pvariance(rates) * len(rates) for rates in by_day.values())
    within_months = sum(pvariance(rates) * len(rates) for rates in months.values())
    total = sum(map(len, months.values()))
    alike = likeness(bookings)
    return {
        "correlation of rates of a segment's day": alike.pooled,
        "correlation of such days with the day before": alike.memory,
        "share of free rooms": counts[0.0] / len(bookings),
        "different prices": len(counts),
        "share of the 20 most frequent prices": sum(n for _, n in counts.most_common(20))
        / len(bookings),
        "spread of rates of a segment's month": math.sqrt(within_months / total),
        "spread of rates of a segment's day": math.sqrt(within_days / total),
    }


def _segments(bookings: Sequence[Booking]) -> dict[str, float]:
    by_segment: defaultdict[str, list[Booking]] = defaultdict(list)
    for one in bookings:
        by_segment[one.segment].append(one)
    found = {}
    for segment, ones in sorted(by_segment.items()):
        if len(ones) >= SOME:
            found[f"median lead, {segment}"] = median(one.lead for one in ones) + 1
            found[f"mean nights, {segment}"] = fmean(one.nights for one in ones)
            found[f"mean rate, {segment}"] = fmean(one.rate for one in ones)
            found[f"share cancelled, {segment}"] = fmean(one.ending == "cancelled" for one in ones)
    return found
