"""Days of cancellations: classes of the time between booking and arrival, and days within a class.

Close to booking and arrival the classes count days, between them parts of the lead.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
from random import Random

from rtdash.simulate.day_strength import DayStrength

AFTER = (0, 1, 2, 4, 8)
"""Days after the booking: the lower bounds of the first classes, and the end of the last."""

BEFORE = (0, 1, 2, 4, 8, 15)
"""Days before the arrival: the lower bounds of the last classes, and the end of the first."""

PARTS = (0, 20, 40, 60, 80, 100)
"""Percents of the lead that bound the classes between them. They are wide, so that a day on which a
house clears up can draw the cancellations of weeks: the data's busiest day has 35 times the mean.
"""

CLASSES = len(AFTER) + len(BEFORE) + len(PARTS) - 3

_MOST_KEPT = 4_096
"""Days of each segment with weights that are kept."""


def class_of(lead: int, after: int) -> int:
    """Return the class of a cancellation so many days after booking, of a lead in days."""
    after = min(max(after, 0), lead)
    before = lead - after
    if after == 0 or (after <= before and after < AFTER[-1]):
        return bisect_right(AFTER, after) - 1
    first_before = len(AFTER) - 1
    if before < BEFORE[-1]:
        return first_before + bisect_right(BEFORE, before) - 1
    part = bisect_right(PARTS, 100 * after // lead) - 1
    return first_before + len(BEFORE) - 1 + part


def days_of(code: int, lead: int) -> tuple[int, int]:
    """Return the first and the last day after booking of a class, within a lead of so many days."""
    parts = code - (len(AFTER) - 1) - (len(BEFORE) - 1)
    if code < len(AFTER) - 1:
        first, last = AFTER[code], AFTER[code + 1] - 1
    elif parts < 0:
        before = code - (len(AFTER) - 1)
        first, last = lead - BEFORE[before + 1] + 1, lead - BEFORE[before]
    else:
        first, last = -(-PARTS[parts] * lead // 100), -(-PARTS[parts + 1] * lead // 100) - 1
        if AFTER[-1] <= lead - BEFORE[-1]:
            first, last = max(first, AFTER[-1]), min(last, lead - BEFORE[-1])
    least = 0 if code == 0 else min(1, lead)
    first = min(max(first, least), lead)
    return first, max(first, min(last, lead))


class CancellationDays:
    """Chooser of the day of a cancellation, by weekday, month and the strength of the day.

    `weekdays` and `months` are how frequent each is, by segment.
    """

    def __init__(
        self,
        weekdays: Sequence[Sequence[float]],
        months: Sequence[Sequence[float]],
        strength: DayStrength,
    ) -> None:
        self._weekdays = weekdays
        self._months = months
        self._strength = strength
        self._sums: dict[int, tuple[int, list[float]]] = {}

    def draw(self, code: int, segment: int, booked_on: date, lead: int, rng: Random) -> date:
        """Return a day of the class `code`, for a booking of `segment` made on `booked_on`."""
        begin = booked_on.toordinal()
        first, last = (begin + day for day in days_of(code, lead))
        base, sums = self._cumulate(segment, first, last)
        low, high = first - base, last - base
        reached = sums[low] + rng.random() * (sums[high + 1] - sums[low])
        return date.fromordinal(base + bisect_right(sums, reached, low + 1, high + 1) - 1)

    def _cumulate(self, segment: int, first: int, last: int) -> tuple[int, list[float]]:
        """Return the first day of the sums of weights, and the sums: each of the days before it."""
        base, sums = self._sums.get(segment, (first, [0.0]))
        if first < base or len(sums) > _MOST_KEPT:
            base, sums = first, [0.0]
        of_weekday, of_month = self._weekdays[segment], self._months[segment]
        for ordinal in range(base + len(sums) - 1, last + 1):
            day = date.fromordinal(ordinal)
            weight = of_weekday[day.weekday()] * of_month[day.month - 1] * self._strength(day)
            sums.append(sums[-1] + weight)
        self._sums[segment] = (base, sums)
        return base, sums
