"""Conditional law with factors that give each segment its months, each weekday its own shares,
again.

The leaves of a tree pool months that are alike in few bookings (see
`loadtests/calibrate/raking.py`).
"""

from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import accumulate
from operator import getitem, itemgetter, mul, sub
from typing import Any

from rtdash.simulate.conditional_law import ConditionalLaw

_MOST_KEPT = 16_384
"""Distributions that are kept; each takes half a KiB at most."""


class RakedLaw:
    """Law of a variable's code, given month, weekday, segment and more: a tree's shares times
    factors.

    `raw` holds `bands`, the band of each code, and `margins`: each the places `of` the codes that
    decide, and `factors` in hundredths by those codes, in turn, and by band.
    """

    def __init__(self, law: ConditionalLaw, raw: Mapping[str, Any]) -> None:
        self._law = law
        self._bands: Sequence[int] = raw["bands"]
        self._margins: Sequence[Mapping[str, Any]] = raw["margins"]
        places = sorted({place for margin in self._margins for place in margin["of"]})
        assert len(places) > 1, "with a single place the key is no tuple"
        self._pick = itemgetter(*places)
        self._kept: dict[tuple[int, tuple[int, ...]], array[float]] = {}

    def draw(self, codes: Sequence[int], rank: float) -> int:
        """Return the code at `rank` of 0 ≤ rank < 1."""
        return bisect_right(self.given(codes), rank)

    def given(self, codes: Sequence[int]) -> Sequence[float]:
        """Return the cumulative shares of the codes; the last is 1."""
        cumulative = self._law.given(codes)
        # Leaves live as long as the law, so that their identity is a key.
        key = (id(cumulative), self._pick(codes))
        return self._kept.get(key) or self._weigh(key, cumulative, codes)

    def _weigh(
        self,
        key: tuple[int, tuple[int, ...]],
        cumulative: Sequence[float],
        codes: Sequence[int],
    ) -> Sequence[float]:
        of_band: Sequence[float] = [1.0] * (self._bands[-1] + 1)
        for margin in self._margins:
            factors = reduce(getitem, map(codes.__getitem__, margin["of"]), margin["factors"])
            of_band = list(map(mul, of_band, factors))
        shares = map(sub, cumulative, (0.0, *cumulative))
        sums = list(accumulate(map(mul, shares, map(of_band.__getitem__, self._bands))))
        weighed = array("d", [*(part / sums[-1] for part in sums[:-1]), 1.0])
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[key] = weighed
        return weighed
