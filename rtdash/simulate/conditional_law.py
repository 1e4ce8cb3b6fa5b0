"""Conditional distribution of one variable's code: a decision tree with distributions in its
leaves.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

_Node: TypeAlias = tuple[int, list[Any]]
"""A split: its variable, and the next node for each of the variable's codes. A leaf: -1, and the
cumulative shares of the codes."""


class ConditionalLaw:
    """Distribution of one variable's code, given the codes of those before it."""

    __slots__ = ("_root",)

    def __init__(self, tree: Mapping[str, Sequence[Any]], sizes: Sequence[int]) -> None:
        self._root = _parse_node(iter(tree["splits"]), iter(tree["leaves"]), sizes)

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


def _parse_node(
    splits: Iterator[int], leaves: Iterator[Sequence[int]], sizes: Sequence[int]
) -> _Node:
    """Read a node and all below it: in preorder, the codes of a split's mask first."""
    variable = next(splits)
    if variable < 0:
        return -1, _cumulative(next(leaves))
    mask = next(splits)
    inside = _parse_node(splits, leaves, sizes)
    outside = _parse_node(splits, leaves, sizes)
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
