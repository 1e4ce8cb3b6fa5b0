from collections import Counter
from statistics import fmean, pvariance

import pytest

from rtdash.simulate.distributions import (
    Discrete,
    Quantiles,
    cluster_mean,
    cluster_theta,
    draw_cluster_size,
    draw_geometric,
    draw_lognormal,
    draw_poisson,
    seeded,
)

DRAWS = 40_000


def test_values_come_by_their_weights():
    """Shares of what is drawn are the weights, which need not sum to 1."""
    law = Discrete({"a": 6.0, "b": 2.0, "never": 0.0})
    rng = seeded("weights")
    drawn = Counter(law.draw(rng) for _ in range(DRAWS))
    assert drawn["a"] / DRAWS == pytest.approx(0.75, abs=0.01)
    assert "never" not in drawn


def test_ranks_run_through_the_values_in_order():
    """A rank finds its value, and a value gives the ranks that it covers."""
    law = Discrete({"low": 1.0, "high": 3.0})
    assert [law.at(rank) for rank in (0.0, 0.24, 0.26, 0.999)] == ["low", "low", "high", "high"]
    assert law.span("high") == (0.25, 1.0)


def test_quantiles_are_met_with_straight_lines_between():
    """At its ranks a law has the given values; between them it is linear."""
    law = Quantiles([0.0, 0.5, 1.0], [0.0, 10.0, 40.0])
    assert [law.at(rank) for rank in (0.0, 0.25, 0.5, 0.75, 1.0)] == [0.0, 5.0, 10.0, 25.0, 40.0]


def test_quantiles_must_span_the_law():
    """Half a law is a mistake of the programmer."""
    with pytest.raises(AssertionError):
        Quantiles([0.0, 0.9], [0.0, 1.0])


def test_lognormal_has_its_mean():
    """The mean asked for is that of the values, not of their logarithms."""
    rng = seeded("lognormal")
    assert fmean(draw_lognormal(rng, 80.0, 0.5) for _ in range(DRAWS)) == pytest.approx(
        80.0, rel=0.02
    )


def test_poisson_counts_are_as_uneven_as_their_mean():
    """Variance and mean of a Poisson count are equal."""
    rng = seeded("poisson")
    drawn = [draw_poisson(rng, 4.0) for _ in range(DRAWS)]
    assert fmean(drawn) == pytest.approx(4.0, rel=0.02)
    assert pvariance(drawn) == pytest.approx(4.0, rel=0.05)


def test_clusters_give_the_dispersion_asked_for():
    """Poisson clusters of log-series sizes have counts of the wanted variance / mean: E[size²] /
    E[size].
    """
    rng, theta = seeded("clusters"), cluster_theta(5.0)
    sizes = [draw_cluster_size(rng, theta) for _ in range(DRAWS)]
    assert fmean(sizes) == pytest.approx(cluster_mean(theta), rel=0.03)
    assert sum(size**2 for size in sizes) / sum(sizes) == pytest.approx(5.0, rel=0.06)


def test_no_dispersion_no_clusters():
    """Independent bookings are clusters of one."""
    assert cluster_theta(1.0) == 0.0
    assert cluster_mean(0.0) == 1.0
    assert draw_cluster_size(seeded("one"), 0.0) == 1


def test_geometric_counts_begin_with_one():
    """A group has at least one room, and on average so many as asked for."""
    rng = seeded("geometric")
    drawn = [draw_geometric(rng, 3.0) for _ in range(DRAWS)]
    assert min(drawn) == 1
    assert fmean(drawn) == pytest.approx(3.0, rel=0.03)
    assert draw_geometric(rng, 1.0) == 1
