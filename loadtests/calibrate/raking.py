"""Raking: factors by which a variable's shares meet those of each segment's months, of weekdays, and
of whatever else decides.

A tree's leaves pool months that are alike in few bookings; the factors give each month its own
prices, nights and countries again. Source: Deming, Stephan (1940), Annals of Mathematical
Statistics 11:427-444.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from operator import mul
from typing import Any, NamedTuple, TypeAlias

from rtdash.simulate.conditional_law import ConditionalLaw

BANDS = 18
"""Groups of neighbouring codes, about equally frequent."""

PRIOR_ROWS = 6.0
"""Rows of factor 1 in each cell."""

MONTH, WEEKDAY, SEGMENT = range(3)
"""Columns of the codes."""

CALENDAR = ((SEGMENT, MONTH), (WEEKDAY,))
"""Margins of most variables: each the columns that decide."""

_Group: TypeAlias = tuple[int, tuple[int, ...]]
"""Rows that are alike: identity of their leaf, and the codes of all columns that decide."""

_Cell: TypeAlias = tuple[int, ...]

_ROUNDS = 8
_LEAST, _MOST = 3, 900
"""Bounds of a factor, in hundredths."""


class Rows(NamedTuple):
    """Coded rows, the weight of each, and the number of codes of each column."""

    codes: Sequence[Sequence[int]]
    weights: Sequence[float]
    sizes: Sequence[int]


def fit_factors(
    tree: Mapping[str, Any],
    rows: Rows,
    target: int,
    *,
    margins: Sequence[Sequence[int]] = CALENDAR,
    bands: int = BANDS,
) -> dict[str, Any]:
    """Return `bands`, the band of each code, and `margins`: the columns `of` each, and its `factors`
    in hundredths by their codes, in turn, and by band.

    `target` is the column of the tree's variable.
    """
    law = ConditionalLaw(tree, rows.sizes)
    band_of = _bands(Counter(row[target] for row in rows.codes), rows.sizes[target], bands)
    count = band_of[-1] + 1
    columns = sorted({column for margin in margins for column in margin})
    groups: defaultdict[_Group, float] = defaultdict(float)
    leaves: dict[int, list[float]] = {}
    for row, weight in zip(rows.codes, rows.weights, strict=True):
        leaf = law.given(row)
        if id(leaf) not in leaves:
            leaves[id(leaf)] = _band_shares(leaf, band_of, count)
        groups[id(leaf), tuple(row[column] for column in columns)] += weight
    fits = [_Margin(margin, columns, count) for margin in margins]
    for fit in fits:
        fit.observe(rows, [band_of[row[target]] for row in rows.codes])
    for _ in range(_ROUNDS):
        for fit in fits:
            fit.rake(groups, leaves, fits)
    return {"bands": band_of, "margins": [fit.to_dict(rows.sizes) for fit in fits]}


class _Margin:
    """Factors of the cells of one margin: of a segment's months, or of weekdays."""

    def __init__(self, of: Sequence[int], columns: Sequence[int], count: int) -> None:
        self._of = of
        self._places = [columns.index(column) for column in of]
        self._count = count
        self._observed: dict[_Cell, list[float]] = {}
        self.factors: dict[_Cell, list[float]] = {}

    def observe(self, rows: Rows, targets: Sequence[int]) -> None:
        """Add up the weights of each cell by band."""
        for row, band, weight in zip(rows.codes, targets, rows.weights, strict=True):
            cell = tuple(row[column] for column in self._of)
            self._observed.setdefault(cell, [0.0] * self._count)[band] += weight
        self.factors = {cell: [1.0] * self._count for cell in self._observed}

    def cell(self, codes: Sequence[int]) -> _Cell:
        """Return the cell of a group's codes."""
        return tuple(codes[place] for place in self._places)

    def rake(
        self,
        groups: Mapping[_Group, float],
        leaves: Mapping[int, Sequence[float]],
        margins: Sequence[_Margin],
    ) -> None:
        """Fit the factors to what was observed, the other margins' being as they are."""
        expected = {cell: [0.0] * self._count for cell in self._observed}
        for (leaf, codes), rows in groups.items():
            parts: list[float] = list(leaves[leaf])
            for margin in margins:
                parts = list(map(mul, parts, margin.factors[margin.cell(codes)]))
            total = sum(parts)
            of_cell = expected[self.cell(codes)]
            for band, part in enumerate(parts):
                of_cell[band] += rows * part / total
        for cell, factors in self.factors.items():
            for band, due in enumerate(expected[cell]):
                # The prior counts for the product of all rounds, so that it is no matter of them.
                seen, plain = self._observed[cell][band], due / factors[band]
                factors[band] = (seen + PRIOR_ROWS) / (plain + PRIOR_ROWS)

    def to_dict(self, sizes: Sequence[int]) -> dict[str, Any]:
        """Return the margin as the chain holds it."""

        def nested(cell: _Cell, columns: Sequence[int]) -> list[Any]:
            if columns:
                return [nested((*cell, code), columns[1:]) for code in range(sizes[columns[0]])]
            return _hundredths(self.factors.get(cell, [1.0] * self._count))

        return {"of": list(self._of), "factors": nested((), self._of)}


def _bands(counts: Mapping[int, int], size: int, most: int) -> list[int]:
    """Return the band of each class: the first alone, the others as evenly as their classes allow."""
    whole = sum(counts.values()) - counts[0]
    bands, reached = [0], 0
    for code in range(1, size):
        bands.append(1 + min(most - 1, most * reached // whole))
        reached += counts[code]
    ranks = {band: rank for rank, band in enumerate(sorted(set(bands)))}
    return [ranks[band] for band in bands]


def _band_shares(leaf: Sequence[float], bands: Sequence[int], count: int) -> list[float]:
    shares = [0.0] * count
    for code, (before, after) in enumerate(pairwise((0.0, *leaf))):
        shares[bands[code]] += after - before
    return shares


def _hundredths(factors: Sequence[float]) -> list[int]:
    return [min(_MOST, max(_LEAST, round(100 * factor))) for factor in factors]
