"""Raking: factors by which a variable's shares meet those of each segment and month.

A tree's leaves pool months that are alike in few bookings; the factors give each month its own
prices and nights again. Source: Deming, Stephan (1940), Annals of Mathematical Statistics 11:427-444.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from rtdash.simulate.hotel_chain import ConditionalLaw

BANDS = 18
"""Groups of neighbouring codes, about equally frequent."""

PRIOR_ROWS = 6.0
"""Rows of factor 1 in each cell."""

_ROUNDS = 8
_LEAST, _MOST = 10, 900
"""Bounds of a factor, in hundredths."""


def fit_factors(
    tree: Mapping[str, Any], codes: Sequence[Sequence[int]], sizes: Sequence[int], places: Any
) -> dict[str, Any]:
    """Return `bands`, the band of each code, and `factors` in hundredths by segment, month and band.

    `places` are the columns of month, segment and of the tree's variable in `codes`.
    """
    month, segment, target = places
    law = ConditionalLaw(tree, sizes)
    bands = _bands(Counter(row[target] for row in codes), sizes[target])
    count = bands[-1] + 1
    groups: Counter[tuple[int, int, int]] = Counter()
    leaves: dict[int, list[float]] = {}
    observed: defaultdict[tuple[int, int], list[int]] = defaultdict(lambda: [0] * count)
    for row in codes:
        leaf = law.given(row)
        if id(leaf) not in leaves:
            leaves[id(leaf)] = _band_shares(leaf, bands, count)
        groups[id(leaf), row[segment], row[month]] += 1
        observed[row[segment], row[month]][bands[row[target]]] += 1
    factors = {cell: [1.0] * count for cell in observed}
    for _ in range(_ROUNDS):
        expected: defaultdict[tuple[int, int], list[float]] = defaultdict(lambda: [0.0] * count)
        for (leaf_id, *cell), rows in groups.items():
            key = (cell[0], cell[1])
            parts = [s * f for s, f in zip(leaves[leaf_id], factors[key], strict=True)]
            total = sum(parts)
            for band, part in enumerate(parts):
                expected[key][band] += rows * part / total
        for key, row_factors in factors.items():
            for band in range(count):
                # The prior counts for the product of all rounds, so that it is no matter of them.
                seen, due = observed[key][band], expected[key][band] / row_factors[band]
                row_factors[band] = (seen + PRIOR_ROWS) / (due + PRIOR_ROWS)
    table = [
        [_hundredths(factors.get((s, m), [1.0] * count)) for m in range(12)]
        for s in range(sizes[segment])
    ]
    return {"bands": bands, "factors": table}


def _bands(counts: Mapping[int, int], size: int) -> list[int]:
    """Return the band of each class: the first alone, the others as evenly as their classes allow."""
    whole = sum(counts.values()) - counts[0]
    bands, reached = [0], 0
    for code in range(1, size):
        bands.append(1 + min(BANDS - 1, BANDS * reached // whole))
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
