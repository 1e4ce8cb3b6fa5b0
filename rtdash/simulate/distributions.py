"""Random draws from published aggregates: shares, quantiles, and the skewed laws of rates and
clusters.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from random import Random
from statistics import NormalDist
from typing import Generic, TypeVar

T = TypeVar("T")

STANDARD_NORMAL = NormalDist()

GOLDEN, ROOT_2, ROOT_3 = (math.sqrt(5) - 1) / 2, math.sqrt(2) - 1, math.sqrt(3) - 1
ROOT_7 = math.sqrt(7) - 2
"""Steps of even ranks. Sequences that meet in one draw need different steps: of equal steps, every
n-th member has nearly the same rank."""


class Discrete(Generic[T]):
    """Discrete law: values with weights; the weights need not sum to 1, values of weight 0 never
    come.
    """

    __slots__ = ("_cumulative", "values", "weights")

    def __init__(self, weights: Mapping[T, float] | Iterable[tuple[T, float]]) -> None:
        pairs = [(value, weight) for value, weight in dict(weights).items() if weight > 0]
        assert pairs, "nothing to draw from"
        self.values = tuple(value for value, _ in pairs)
        self.weights = tuple(weight for _, weight in pairs)
        self._cumulative = list(accumulate(self.weights))

    def draw(self, rng: Random) -> T:
        """Return one value."""
        return self.at(rng.random())

    def at(self, rank: float) -> T:
        """Return the value at `rank` of 0 ≤ rank < 1, in the order given."""
        return self.values[
            min(bisect_right(self._cumulative, rank * self._cumulative[-1]), len(self.values) - 1)
        ]

    def span(self, value: T) -> tuple[float, float]:
        """Return the ranks that `value` covers: from, to."""
        index = self.values.index(value)
        total = self._cumulative[-1]
        return (self._cumulative[index] - self.weights[index]) / total, self._cumulative[
            index
        ] / total


class Quantiles:
    """Continuous law given by its quantiles, straight lines between them."""

    __slots__ = ("_ranks", "_values")

    def __init__(self, ranks: Sequence[float], values: Sequence[float]) -> None:
        assert (ranks[0], ranks[-1]) == (0, 1), "quantiles span the whole law"
        self._ranks = list(ranks)
        self._values = list(values)

    def at(self, rank: float) -> float:
        """Return the value at `rank` of 0 ≤ rank ≤ 1."""
        upper = min(max(bisect_right(self._ranks, rank), 1), len(self._ranks) - 1)
        low, high = self._ranks[upper - 1], self._ranks[upper]
        share = (rank - low) / (high - low)
        return self._values[upper - 1] + share * (self._values[upper] - self._values[upper - 1])

    def draw(self, rng: Random) -> float:
        """Return one value."""
        return self.at(rng.random())

    def middles(self, count: int) -> list[float]:
        """`count` values of equal probability that stand for the law in sums."""
        return [self.at((index + 0.5) / count) for index in range(count)]


class EvenRanks:
    """Ranks of 0 ≤ rank < 1 that fill each other's gaps: steps of an irrational number (Weyl 1916).

    A hundred draws by them have the shares of a law closely, where independent ones have luck's.
    """

    def __init__(self, rng: Random, step: float = GOLDEN) -> None:
        self._rank = rng.random()
        self._step = step

    def draw(self) -> float:
        """Return the next rank."""
        self._rank = (self._rank + self._step) % 1.0
        return self._rank


def seeded(key: str) -> Random:
    """Return a generator of its own for everything drawn under `key`: the same in every process (a
    text is seeded by its SHA-512).
    """
    return Random(key)  # noqa: S311


def draw_lognormal(rng: Random, mean: float, coefficient_of_variation: float) -> float:
    """Return a lognormal value given by its mean and its sd / mean."""
    variance = math.log1p(coefficient_of_variation**2)
    return mean * math.exp(rng.gauss(-variance / 2, math.sqrt(variance)))


def draw_poisson(rng: Random, mean: float) -> int:
    """Return a Poisson count, by summing exponential gaps: fit for means up to some hundreds."""
    count = 0
    reached = rng.expovariate(1.0) if mean > 0 else math.inf
    while reached < mean:
        count += 1
        reached += rng.expovariate(1.0)
    return count


def draw_cluster_size(rng: Random, theta: float) -> int:
    """Return a log-series size of 1 and more: P(k) ∝ theta^k / k (Kemp 1981, Applied Statistics
    30:249-253, generator LK).
    """
    if theta <= 0:
        return 1
    share = 1 - (1 - theta) ** rng.random()
    return 1 + int(math.log(1 - rng.random()) / math.log(share)) if share > 0 else 1


def cluster_theta(dispersion: float) -> float:
    """Return the log-series parameter with which Poisson clusters give counts of variance / mean =
    `dispersion`.
    """
    return max(0.0, 1 - 1 / dispersion)


def cluster_mean(theta: float) -> float:
    """Return the mean size of such clusters."""
    return 1.0 if theta <= 0 else -theta / ((1 - theta) * math.log1p(-theta))


def draw_geometric(rng: Random, mean: float) -> int:
    """Return a geometric count of 1 and more."""
    if mean <= 1:
        return 1
    return 1 + int(math.log(1 - rng.random()) / math.log(1 - 1 / mean))
