"""Chain of conditional distributions of hotel bookings, learned from the data set.

Each variable of a booking is drawn given those before it, by a decision tree with
distributions in its leaves (see `loadtests/calibrate` for the fit). Variables are codes; `labels`
holds what the codes stand for, for numbers the lower bounds of classes and the end of the last.
"""

import json
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate, pairwise
from operator import mul, sub
from typing import Any, TypeAlias

from rtdash.resources import data_path
from rtdash.simulate.calibration import HOTEL_KEYS, TrafficProfile

VARIABLES = (
    "month", "weekday", "segment", "lead", "rooms", "nights", "kind", "deposit", "repeated",
    "country", "party", "rate", "outcome", "changes", "elapsed",
)  # fmt: skip
"""Order of the chain; each is drawn given some of those before it."""

OF_BOOKING = ("kind", "deposit", "repeated", "country")
"""Variables that a booking's rooms share, in the order of the chain, after month and weekday of
arrival, segment, class of lead, class of rooms and nights."""

OF_ROOM = ("party", "rate", "outcome", "changes", "elapsed")
"""Variables of each room, after those."""


_MOST_SEASONAL = 8192
"""Distributions that are kept; each takes half a KiB at most."""

_Node: TypeAlias = tuple[int, list[Any]]
"""A split: its variable, and the next node for each of the variable's codes. A leaf: -1, and the
cumulative shares of the codes."""


class ConditionalLaw:
    """Distribution of one variable's code, given the codes of those before it."""

    __slots__ = ("_root",)

    def __init__(self, tree: Mapping[str, Sequence[Any]], sizes: Sequence[int]) -> None:
        splits = iter(tree["splits"])
        pairs = zip(splits, splits, strict=True)
        self._root = _read_node(pairs, iter(tree["leaves"]), sizes)

    def draw(self, codes: Sequence[int], rank: float) -> int:
        """Return the code at `rank` of 0 ≤ rank < 1."""
        # The loop of `given` again: a call would cost a fifth, and this is generation's hot path.
        variable, following = self._root
        while variable >= 0:
            variable, following = following[codes[variable]]
        return bisect_right(following, rank)

    def given(self, codes: Sequence[int]) -> list[float]:
        """Return the cumulative shares of the codes; the last is 1."""
        variable, following = self._root
        while variable >= 0:
            variable, following = following[codes[variable]]
        return following


class HotelChain:
    """The chain of one hotel. `arrivals` are rows a day by month and weekday, `mean_rate` is in EUR.

    The distributions are of rooms, and blocks of rooms are booked at once. So a block of n rooms is
    drawn with the n-th part of its probability, and then gives n rooms.
    """

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.labels: Mapping[str, Sequence[Any]] = raw["labels"]
        self.arrivals: Sequence[Sequence[float]] = raw["arrivals"]
        self.rows_per_day = sum(map(sum, self.arrivals)) / 84
        self.mean_rate: float = raw["mean_rate"]
        self.created_variance: float = raw["created_variance"]
        self.arrival_variance: float = raw["arrival_variance"]
        self.shared_fate: Sequence[float] = raw["shared_fate"]
        self.cancelled_weekdays: Sequence[Sequence[float]] = raw["cancelled_weekdays"]
        self.price_forms = [list(accumulate(shares)) for shares in raw["price_forms"]]
        sizes = [_CODES.get(name) or _count(name, self.labels[name]) for name in VARIABLES]
        self._laws = {name: ConditionalLaw(tree, sizes) for name, tree in raw["trees"].items()}
        self.booking_laws = [self._laws[name] for name in OF_BOOKING]
        self.room_laws = [self._laws[name] for name in OF_ROOM]
        self._factors: Mapping[str, Any] = raw["factors"]
        self._seasonal: dict[tuple[int, int, int], array[float]] = {}
        self.lead_weights = cache(self._weigh_leads)
        self.segment_weights = cache(self._weigh_segments)
        self._created_weekdays: Sequence[Sequence[float]] = raw["created_weekdays"]
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

    def seasonal(self, name: str, codes: Sequence[int]) -> Sequence[float]:
        """Return the cumulative shares of the codes of "nights" or "rate", given the codes before:
        those of the tree, times the factors of segment and month.
        """
        cumulative = self._laws[name].given(codes)
        month, _, segment = codes[:3]
        # Leaves live as long as the chain, so that their identity is a key.
        key = (id(cumulative), month, segment)
        return self._seasonal.get(key) or self._weigh_season(name, key, cumulative)

    def _weigh_season(
        self, name: str, key: tuple[int, int, int], cumulative: Sequence[float]
    ) -> Sequence[float]:
        bands, factors = self._factors[name]["bands"], self._factors[name]["factors"]
        shares = map(sub, cumulative, (0.0, *cumulative))
        of_band = factors[key[2]][key[1]]
        sums = list(accumulate(map(mul, shares, map(of_band.__getitem__, bands))))
        weighed = array("d", [*(part / sums[-1] for part in sums[:-1]), 1.0])
        if len(self._seasonal) >= _MOST_SEASONAL:
            self._seasonal.clear()
        self._seasonal[key] = weighed
        return weighed

    def _weigh_leads(self, month: int, weekday: int) -> list[float]:
        """Return, for each lead in days, the bookings made so long before a day of that kind."""
        rows = self.arrivals[month][weekday]
        weights: list[float] = []
        for code, (low, high) in enumerate(pairwise(self.labels["lead"])):
            by_weekday = [
                rows * self.segment_weights(month, weekday, code, created)[-1] / (high - low)
                for created in range(7)
            ]
            weights += [by_weekday[(weekday - lead) % 7] for lead in range(low, high)]
        return weights

    def _weigh_segments(self, month: int, weekday: int, lead: int, created: int) -> list[float]:
        """Return cumulative weights of the segments for a class of leads and a weekday of
        booking.
        """
        bookings = self._bookings_of_lead(month, weekday, lead)
        # Within a class of leads only: between classes, the class itself has its weekdays.
        tilts = self._tilts(weekday, lead, created)
        return list(accumulate(map(mul, bookings, tilts)))

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
        shares = _shares(self._laws["segment"].given((month, weekday)), len(self._created_weekdays))
        leads = self._laws["lead"]
        return [
            share
            * _shares(leads.given((month, weekday, segment)), lead + 1)[lead]
            * self._room_weights(month, weekday, segment, lead)[-1]
            for segment, share in enumerate(shares)
        ]

    def _weigh_rooms(self, month: int, weekday: int, segment: int, lead: int) -> list[float]:
        """Return cumulative weights of the classes of block size, a block counting once."""
        cumulative = self._laws["rooms"].given((month, weekday, segment, lead))
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


def _read_node(
    splits: Iterator[tuple[int, int]], leaves: Iterator[Sequence[int]], sizes: Sequence[int]
) -> _Node:
    """Read a node and all below it: in preorder, the codes of a split's mask first."""
    variable, mask = next(splits)
    if variable < 0:
        return -1, _cumulative(next(leaves))
    inside = _read_node(splits, leaves, sizes)
    outside = _read_node(splits, leaves, sizes)
    following = [inside if mask >> code & 1 else outside for code in range(sizes[variable])]
    # Splits of one variable in a row become a single one, which makes the way down shorter.
    return variable, [
        node[1][code] if node[0] == variable else node for code, node in enumerate(following)
    ]


def _cumulative(leaf: Iterable[int]) -> list[float]:
    """Return the cumulative shares of codes, of a leaf's steps from code to code and weights in
    turn.
    """
    pairs, code, weights = iter(leaf), 0, {}
    for step, weight in zip(pairs, pairs, strict=True):
        code += step
        weights[code] = weight
    total = sum(weights.values())
    sums = list(accumulate(weights.get(code, 0) for code in range(max(weights) + 1)))
    return [part / total for part in sums[:-1]] + [1.0]


_CODES = {"month": 12, "weekday": 7, "repeated": 2, "outcome": 3}
_NAMED = {"segment", "kind", "deposit", "country", "party"}


def _count(name: str, labels: Sequence[Any]) -> int:
    """Return the number of codes: of names one each, of bounds one less."""
    return len(labels) if name in _NAMED else len(labels) - 1


def _shares(cumulative: Sequence[float], count: int) -> list[float]:
    """Return the shares of the first `count` codes."""
    shares = [after - before for before, after in pairwise((0.0, *cumulative))]
    return [*shares, *[0.0] * (count - len(shares))]
