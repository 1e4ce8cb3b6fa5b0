"""Laws of weekdays and months: arrivals a day, and the share of each in bookings and cancellations."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import timedelta

from loadtests.calibrate.rows import FIRST, LAST, Coder, Row
from rtdash.simulate.cancellation_days import class_of, days_of


def per_day(rows: Sequence[Row]) -> list[list[float]]:
    """Return the mean rows of a day by month and weekday of arrival."""
    days = Counter(
        (day.month - 1, day.weekday())
        for offset in range((LAST - FIRST).days + 1)
        if (day := FIRST + timedelta(days=offset))
    )
    found = Counter(
        (row.arrival.month - 1, row.arrival.weekday())
        for row in rows
        if FIRST <= row.arrival <= LAST
    )
    return [
        [round(found[month, day] / days[month, day], 2) for day in range(7)] for month in range(12)
    ]


def month_weights(rows: Sequence[Row]) -> list[float]:
    """Return a weight for each row, so that each month counts as often as in the full years: those of
    July and August, which 2015 has too, count less.
    """
    every = Counter(row.arrival.month for row in rows)
    full = Counter(row.arrival.month for row in rows if FIRST <= row.arrival <= LAST)
    return [full[row.arrival.month] / every[row.arrival.month] for row in rows]


def created_weekdays(rows: Sequence[Row], coder: Coder) -> list[list[float]]:
    """Return, for each segment, how frequent each weekday of booking is; 1 on average.

    Of leads of a week and more: shorter ones tie it to the weekday of arrival.
    """
    found = Counter((row.segment, row.booked_on.weekday()) for row in rows if row.lead >= 7)
    return [
        _average_one([5 + found[segment, day] for day in range(7)]) for segment in coder.segments
    ]


def created_weeks(rows: Sequence[Row]) -> list[list[float]]:
    """Return how frequent each weekday of booking is in a month of booking, beside all others: about 1."""
    found = Counter((row.booked_on.month, row.booked_on.weekday()) for row in rows)
    months = Counter(row.booked_on.month for row in rows)
    weekdays = Counter(row.booked_on.weekday() for row in rows)
    return [
        [
            round((found[month, day] + 50) / (months[month] * weekdays[day] / len(rows) + 50), 3)
            for day in range(7)
        ]
        for month in range(1, 13)
    ]


def cancelled_weekdays(rows: Sequence[Row], coder: Coder) -> list[list[float]]:
    """Return, for each segment, how frequent each weekday of cancelling is, drawn towards all."""
    gone = [row for row in rows if row.outcome == "Canceled"]
    every = Counter(row.ended_on.weekday() for row in gone)
    found = Counter((row.segment, row.ended_on.weekday()) for row in gone)
    return [
        _average_one([30 * every[day] / len(gone) + found[segment, day] for day in range(7)])
        for segment in coder.segments
    ]


def cancelled_months(rows: Sequence[Row], coder: Coder) -> list[list[float]]:
    """Return, for each segment, how frequent each month of cancelling is beside the classes of leads."""
    found: Counter[tuple[str, int]] = Counter()
    due: defaultdict[tuple[str, int], float] = defaultdict(float)
    for row in rows:
        if row.outcome == "Canceled" and row.lead:
            after = (row.ended_on - row.booked_on).days
            first, last = days_of(class_of(row.lead, after), row.lead)
            found[row.segment, row.ended_on.month] += 1
            for day in range(first, last + 1):
                month = (row.booked_on + timedelta(days=day)).month
                due[row.segment, month] += 1 / (last - first + 1)
    return [
        [
            round(min(5.0, (found[key] + 30) / (due[key] + 30)), 3)
            for key in ((segment, month) for month in range(1, 13))
        ]
        for segment in coder.segments
    ]


def _average_one(counts: Sequence[float]) -> list[float]:
    return [round(count * len(counts) / sum(counts), 3) for count in counts]
