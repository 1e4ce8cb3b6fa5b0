"""Decision trees of conditional distributions, as in sequential CART synthesis.

Source: Nowok, Raab, Dibben (2016), synthpop, Journal of Statistical Software 74(11). Every split
sends a set of codes of one variable to one side, so that ordered and unordered variables are alike.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

LEAST_EVENTS = 20
"""Blocks of rooms (a single booking is one) that every leaf holds at least."""

PRIOR = 8.0
"""Rows that the distribution of the parent counts for in that of a child."""

PRICE = 1.0
"""Gain in log likelihood that each free parameter of a split must bring; AIC asks for 1."""

_ORDERINGS = 4
_PARTS = 1000
_NEGLIGIBLE = 1
"""Weight, in thousandths, that is left out: mostly what the parent lends to codes that aren't there."""


@dataclass(frozen=True, slots=True)
class Table:
    """Coded rows: `columns[variable][row]`, the number of codes of each variable, and `events[row]`,
    which rows of one block share.
    """

    columns: Sequence[Sequence[int]]
    sizes: Sequence[int]
    events: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Split:
    gain: float
    variable: int
    mask: int


class TreeFit:
    """Fit of one conditional distribution: of `target`, given the `predictors`.

    The codes of `apart`, a predictor, are set apart first, so that none of them is too small to be
    heard.
    """

    def __init__(
        self,
        table: Table,
        target: int,
        predictors: Sequence[int],
        *,
        apart: int | None = None,
        price: float = PRICE,
    ) -> None:
        self._apart = apart
        self._price = price
        self._table = table
        self._target = table.columns[target]
        self._codes = table.sizes[target]
        self._predictors = predictors
        codes = self._codes
        self._joint = {
            variable: [
                x * codes + y for x, y in zip(table.columns[variable], self._target, strict=True)
            ]
            for variable in predictors
        }

    def fit(self, rows: Sequence[int]) -> dict[str, Any]:
        """Return the tree: `splits` in preorder (variable and mask; a leaf is -1), `leaves`."""
        counts = self._count(rows)
        splits: list[int] = []
        leaves: list[list[int]] = []
        whole = [count / len(rows) for count in counts]
        for variable, mask, shares in self._grow(rows, counts, whole):
            splits += (variable,) if variable < 0 else (variable, mask)
            if variable < 0:
                leaves.append(_sparse(shares))
        return {"splits": splits, "leaves": leaves}

    def _grow(
        self, rows: Sequence[int], counts: Sequence[int], prior: Sequence[float]
    ) -> Iterator[tuple[int, int, Sequence[float]]]:
        total = len(rows)
        shares = [
            (count + PRIOR * share) / (total + PRIOR)
            for count, share in zip(counts, prior, strict=True)
        ]
        split = self._best_split(rows, counts)
        if split is None:
            yield -1, 0, shares
            return
        yield split.variable, split.mask, shares
        column = self._table.columns[split.variable]
        for side in (1, 0):
            part = [row for row in rows if split.mask >> column[row] & 1 == side]
            yield from self._grow(part, self._count(part), shares)

    def _count(self, rows: Sequence[int]) -> list[int]:
        found = Counter(map(self._target.__getitem__, rows))
        return [found[code] for code in range(self._codes)]

    def _best_split(self, rows: Sequence[int], counts: Sequence[int]) -> _Split | None:
        events = len(set(map(self._table.events.__getitem__, rows)))
        kinds = sum(1 for count in counts if count)
        if events < 2 * LEAST_EVENTS or kinds < 2:
            return None
        # Rooms of a block are alike, and so less evidence than their number: half-way, on the scale
        # of logarithms, between that and the number of blocks.
        evidence = math.sqrt(events / len(rows))
        pick = itemgetter(*rows)
        if split := self._split_apart(pick, counts, rows):
            return split
        best = None
        for variable in self._predictors:
            split = self._best_mask(variable, Counter(pick(self._joint[variable])), counts)
            if split and (best is None or split.gain > best.gain):
                best = split
        if best is None or best.gain * evidence < self._price * (kinds - 1) + 3:
            return None
        return best if self._is_backed(best, rows) else None

    def _split_apart(
        self, pick: itemgetter[Any], counts: Sequence[int], rows: Sequence[int]
    ) -> _Split | None:
        """Return a split that sets codes of `apart` apart, whatever it gains, where one can be."""
        if self._apart is None:
            return None
        cells = Counter(pick(self._joint[self._apart]))
        split = self._best_mask(self._apart, cells, counts)
        return split if split and self._is_backed(split, rows) else None

    def _is_backed(self, split: _Split, rows: Sequence[int]) -> bool:
        column = self._table.columns[split.variable]
        inside = {self._table.events[row] for row in rows if split.mask >> column[row] & 1}
        outside = {self._table.events[row] for row in rows if not split.mask >> column[row] & 1}
        return min(len(inside), len(outside)) >= LEAST_EVENTS

    def _best_mask(
        self, variable: int, cells: Counter[int], counts: Sequence[int]
    ) -> _Split | None:
        by_code: dict[int, list[int]] = {}
        for cell, count in cells.items():
            code, target = divmod(cell, self._codes)
            by_code.setdefault(code, [0] * self._codes)[target] += count
        if len(by_code) < 2:
            return None
        whole = _log_likelihood(counts)
        best = None
        for order in _orders(by_code, counts):
            left, right, mask = [0] * self._codes, list(counts), 0
            for code in order[:-1]:
                mask |= 1 << code
                for target, count in enumerate(by_code[code]):
                    if count:
                        left[target] += count
                        right[target] -= count
                if min(sum(left), sum(right)) < LEAST_EVENTS:
                    continue
                gain = _log_likelihood(left) + _log_likelihood(right) - whole
                if best is None or gain > best.gain:
                    best = _Split(gain, variable, mask)
        return best


def _orders(by_code: dict[int, list[int]], counts: Sequence[int]) -> Iterator[list[int]]:
    """Yield orders in which to cut the codes: their own, and by the share of each frequent target.

    For two targets the order by share holds the best of all subsets (Breiman 1984, section 4.2).
    """
    yield sorted(by_code)
    frequent = sorted(range(len(counts)), key=counts.__getitem__, reverse=True)[:_ORDERINGS]
    for target in frequent:
        yield sorted(by_code, key=lambda code: by_code[code][target] / sum(by_code[code]))


def _log_likelihood(counts: Sequence[int]) -> float:
    total = sum(counts)
    return sum(count * math.log(count / total) for count in counts if count)


def _sparse(shares: Sequence[float]) -> list[int]:
    """Return step and weight, one after the other, of the codes with more than a negligible weight.

    A step is the distance from the code before; the first is the code itself.
    """
    leaf, before = [], 0
    for code, share in enumerate(shares):
        if (weight := round(share * _PARTS)) > _NEGLIGIBLE:
            leaf += (code - before, weight)
            before = code
    return leaf
