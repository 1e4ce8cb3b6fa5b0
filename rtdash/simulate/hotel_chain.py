"""Chain of conditional distributions of hotel bookings, learned from the data set.

Each variable of a booking is drawn given those before it, by a decision tree with
distributions in its leaves (see `loadtests/calibrate` for the fit). Variables are codes; `labels`
holds what the codes stand for, for numbers the lower bounds of classes and the end of the last.
"""

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate, pairwise
from operator import mul
from typing import Any

from rtdash.resources import data_path
from rtdash.simulate.calibration import HOTEL_KEYS, TrafficProfile
from rtdash.simulate.cancellation_days import CLASSES
from rtdash.simulate.conditional_law import ConditionalLaw
from rtdash.simulate.prices import FORMS
from rtdash.simulate.raked_law import RakedLaw

VARIABLES = (
    "month", "weekday", "segment", "lead", "rooms", "nights", "kind", "deposit", "repeated",
    "country", "party", "rate", "outcome", "changes", "elapsed", "form",
)  # fmt: skip
"""Order of the chain; each is drawn given some of those before it."""

OF_BOOKING = ("kind", "deposit", "repeated", "country")
"""Variables that a booking's rooms share, in the order of the chain, after month and weekday of
arrival, segment, class of lead, class of rooms and nights."""

OF_ROOM = ("party", "rate", "outcome", "changes", "elapsed")
"""Variables of each room, after those; the form of its price is drawn given those up to the rate.
"""


class HotelChain:
    """The chain of one hotel. `arrivals` are rows a day by month and weekday, `mean_rate` is in
    EUR.

    The distributions are of rooms, and blocks of rooms are booked at once. So a block of n rooms is
    drawn with the n-th part of its probability, and then gives n rooms.
    """

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.labels: Mapping[str, Sequence[Any]] = raw["labels"]
        self.arrivals: Sequence[Sequence[float]] = raw["arrivals"]
        self.rows_per_day = sum(map(sum, self.arrivals)) / 84
        self.mean_rate: float = raw["mean_rate"]
        self.price_memory: float = raw["price_days"]["memory"]
        self.price_shares: Sequence[float] = raw["price_days"]["shares"]
        self.days: Mapping[str, Mapping[str, float]] = raw["days"]
        self.shared_fate: Sequence[float] = raw["shared_fate"]
        self.shared_country: Sequence[float] = raw["shared_country"]
        self.shared_party: Sequence[float] = raw["shared_party"]
        self.cancelled_weekdays: Sequence[Sequence[float]] = raw["cancelled_weekdays"]
        self.cancelled_months: Sequence[Sequence[float]] = raw["cancelled_months"]
        sizes = [_CODES.get(name) or _count(name, self.labels[name]) for name in VARIABLES]
        trees = {name: ConditionalLaw(tree, sizes) for name, tree in raw["trees"].items()}
        raked = {name: RakedLaw(trees[name], factors) for name, factors in raw["factors"].items()}
        laws: dict[str, ConditionalLaw | RakedLaw] = {**trees, **raked}
        self._trees = trees
        self.nights_law, self.form_law = laws["nights"], laws["form"]
        self.booking_laws = [laws[name] for name in OF_BOOKING]
        self.room_laws = [laws[name] for name in OF_ROOM]
        self.lead_weight = cache(self._weigh_lead)
        self.created_weeks: Sequence[Sequence[float]] = raw["created_weeks"]
        self._created_weekdays: Sequence[Sequence[float]] = raw["created_weekdays"]
        self._created_months = [
            [[part / 100 for part in of_segments] for of_segments in of_created]
            for of_created in raw["created_months"]
        ]
        self._created_leads: Sequence[Sequence[int]] = raw["created_leads"]
        self._tilts = cache(self._tilt_weekdays)
        self._room_weights = cache(self._weigh_rooms)
        self._bookings_of_lead = cache(self._count_bookings)
        bounds = self.labels["lead"]
        self.lead_classes = [
            code for code in range(len(bounds) - 1) for _ in range(bounds[code], bounds[code + 1])
        ]
        self._bookings_per_row = [
            sum(1 / size for size in range(low, high)) / (high - low)
            for low, high in pairwise(self.labels["rooms"])
        ]

    def draw_rooms(self, codes: Sequence[int], rank: float) -> tuple[int, int]:
        """Return the class of a block's size, given the codes before it, and the size.

        `rank` of 0 ≤ rank < 1 decides both.
        """
        weights = self._room_weights(*codes)
        reached = rank * weights[-1]
        code = bisect_right(weights, reached)
        low, high = self.labels["rooms"][code : code + 2]
        below = weights[code - 1] if code else 0.0
        within = (reached - below) / (weights[code] - below)
        # Density 1 / size: within a class each size has as many rooms, not as many blocks.
        return code, min(int(low * (high / low) ** within), high - 1)

    def segment_weights(
        self, month: int, weekday: int, lead: int, created: tuple[int, int]
    ) -> list[float]:
        """Return cumulative weights of the segments for a class of leads, and for month and weekday
        of booking, per row of an arrival day.
        """
        bookings = self._bookings_of_lead(month, weekday, lead)
        # Within a class of leads only: between classes, the class itself has its weekdays.
        tilts = self._tilts(weekday, lead, created[1])
        months = self._created_months[month][created[0]]
        return list(accumulate(map(mul, bookings, map(mul, tilts, months))))

    def _weigh_lead(self, month: int, weekday: int, lead: int, created: tuple[int, int]) -> float:
        """Return the bookings that are made on one day, so long before a day of that kind."""
        low, high = self.labels["lead"][lead : lead + 2]
        bookings = self.segment_weights(month, weekday, lead, created)[-1]
        return self.arrivals[month][weekday] * bookings / float(high - low)

    def _tilt_weekdays(self, weekday: int, lead: int, created: int) -> list[float]:
        """Return, by segment, the frequency of a weekday of booking within a class of leads."""
        low, high = self.labels["lead"][lead : lead + 2]
        if high - low >= 7:
            # The average over a week is 1.
            return [tilt[created] for tilt in self._created_weekdays]
        days = [(weekday - days) % 7 for days in range(low, high)]
        return [
            tilt[created] * len(days) / sum(tilt[day] for day in days)
            for tilt in self._created_weekdays
        ]

    def _count_bookings(self, month: int, weekday: int, lead: int) -> list[float]:
        """Return the bookings by segment per row of an arrival day."""
        shares = _shares(
            self._trees["segment"].given((month, weekday)), len(self._created_weekdays)
        )
        leads = self._trees["lead"]
        return [
            share
            * _shares(leads.given((month, weekday, segment)), lead + 1)[lead]
            * (self._created_leads[segment][lead] / 100)
            * self._room_weights(month, weekday, segment, lead)[-1]
            for segment, share in enumerate(shares)
        ]

    def _weigh_rooms(self, month: int, weekday: int, segment: int, lead: int) -> list[float]:
        """Return cumulative weights of the classes of block size, a block counting once."""
        cumulative = self._trees["rooms"].given((month, weekday, segment, lead))
        shares = _shares(cumulative, len(self._bookings_per_row))
        return list(
            accumulate(
                share * bookings
                for share, bookings in zip(shares, self._bookings_per_row, strict=True)
            )
        )


@cache
def hotel_chain(profile: TrafficProfile) -> HotelChain:
    """Return the chain of one of the two hotels. Raises KeyError for the restaurant's profile."""
    raw = json.loads(data_path("fixtures", "calibration", "hotel_chain.json").read_text("utf-8"))
    return HotelChain(raw["hotels"][HOTEL_KEYS[profile]])


_CODES = {"month": 12, "weekday": 7, "repeated": 2, "outcome": 3, "elapsed": CLASSES,
          "form": len(FORMS)}  # fmt: skip
_NAMED = {"segment", "kind", "deposit", "country", "party"}


def _count(name: str, labels: Sequence[Any]) -> int:
    """Return the number of codes: of names one each, of bounds one less."""
    return len(labels) if name in _NAMED else len(labels) - 1


def _shares(cumulative: Sequence[float], count: int) -> list[float]:
    """Return the shares of the first `count` codes."""
    shares = [after - before for before, after in pairwise((0.0, *cumulative))]
    return [*shares, *[0.0] * (count - len(shares))]
