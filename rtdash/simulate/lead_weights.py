"""Weights of leads: how far ahead the bookings of a day are made."""

from collections import deque
from datetime import date
from itertools import accumulate, repeat
from operator import mul

from rtdash.simulate.day_strength import DayStrength
from rtdash.simulate.hotel_chain import HotelChain

LONGEST_LEAD_DAYS = 740
"""The data set's longest is 737 days."""


class LeadWeights:
    """Cumulative weights of the leads, in days, of the bookings made on a day.

    The days of arrival that a day of booking can have are a window, which moves with it: from one
    day to the next a single day of arrival is new.
    """

    def __init__(self, chain: HotelChain, strength: DayStrength) -> None:
        self._chain = chain
        self._strength = strength
        self._first = 0
        self._strengths: deque[float] = deque(maxlen=LONGEST_LEAD_DAYS)
        self._months: deque[int] = deque(maxlen=LONGEST_LEAD_DAYS)
        self._weekdays: deque[int] = deque(maxlen=LONGEST_LEAD_DAYS)
        self._cumulative: list[float] = []

    def of(self, day: date) -> list[float]:
        """Return the weights of `day`; quick for the same day again and for the day after it."""
        first = day.toordinal()
        if first != self._first:
            new = 1 if first == self._first + 1 else LONGEST_LEAD_DAYS
            for ordinal in range(first + LONGEST_LEAD_DAYS - new, first + LONGEST_LEAD_DAYS):
                arrival = date.fromordinal(ordinal)
                self._strengths.append(self._strength(arrival))
                self._months.append(arrival.month - 1)
                self._weekdays.append(arrival.weekday())
            self._first = first
            created = repeat((day.month - 1, day.weekday()))
            classes = self._chain.lead_classes
            weights = map(self._chain.lead_weight, self._months, self._weekdays, classes, created)
            self._cumulative = list(accumulate(map(mul, self._strengths, weights)))
        return self._cumulative
