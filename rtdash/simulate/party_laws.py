"""Laws of a restaurant's parties that follow from the published aggregates."""

from collections.abc import Sequence
from random import Random

from rtdash.simulate.calibration import RestaurantCalibration
from rtdash.simulate.distributions import Discrete

WALK_IN_PARTY: Discrete[int] = Discrete({1: 0.18, 2: 0.5, 3: 0.15, 4: 0.12, 5: 0.03, 6: 0.02})
"""Parties that come without a reservation. Assumed: smaller than those with one, as
the data have."""

CALLED_OFF_BY_LEAD_DAYS = ((-1.0, 0.6), (1.0, 1.0), (3.0, 1.2), (8.0, 1.5))
NO_SHOW_BY_PARTY = ((0, 1.05), (3, 1.0), (6, 0.8))
"""Factors of the chances to be called off. Assumed: the published figures are means. They rise with
the lead, and a host of many calls."""

OPEN_ENDED = {"9-12": (9, 12), "13-20": (13, 20), "21+": (21, 30)}


def size_weighted(facts: RestaurantCalibration) -> float:
    """Return E[size²] / E[size] of the parties that reserve: the variance / mean that they give to
    the covers of a day.
    """
    sizes = {
        party: sum(OPEN_ENDED[party]) / 2 if party in OPEN_ENDED else int(party)
        for party in facts.party.values
    }
    pairs = list(zip(sizes.values(), facts.party.weights, strict=True))
    return sum(size**2 * weight for size, weight in pairs) / sum(
        size * weight for size, weight in pairs
    )


def size_weighted_walk_ins() -> float:
    """Return E[size²] / E[size] of walk-ins."""
    pairs = list(zip(WALK_IN_PARTY.values, WALK_IN_PARTY.weights, strict=True))
    return sum(size**2 * weight for size, weight in pairs) / sum(
        size * weight for size, weight in pairs
    )


def mean_size(sizes: Discrete[int]) -> float:
    """Return the mean of a law of sizes."""
    return sum(
        size * weight for size, weight in zip(sizes.values, sizes.weights, strict=True)
    ) / sum(sizes.weights)


def factor_of(by_lower_bound: Sequence[tuple[float, float]], value: float) -> float:
    """Return the factor of the last bound that the value reaches."""
    return next(factor for bound, factor in reversed(by_lower_bound) if value >= bound)


def draw_party(bucket: str, rng: Random) -> int:
    """Return a size in the published bucket; in an open one the smaller are the more frequent."""
    if bucket not in OPEN_ENDED:
        return int(bucket)
    low, high = OPEN_ENDED[bucket]
    return int(low * ((high + 1) / low) ** rng.random())
