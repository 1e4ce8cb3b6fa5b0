"""Token buckets by name: bounded in number, without a gift to those who have used theirs up."""

import pytest

from rtdash.protocol import rates
from rtdash.protocol.rates import TokenBuckets


def test_forgetting_full_buckets_bounds_memory_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that has just used up its tokens is remembered through a crowd."""
    monkeypatch.setattr(rates, "MAX_BUCKETS", 10)
    buckets = TokenBuckets(2, 3)
    for number in range(50):
        buckets.take(f"user-{number}", 100.0 + number)
        assert len(buckets) <= 10
    for _ in range(3):
        buckets.take("greedy", 150.0)
    for number in range(5):
        buckets.take(f"late-{number}", 150.0)
    assert buckets.take("greedy", 150.0) > 0


def test_a_flood_of_names_drops_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many come at once, only so many are remembered."""
    monkeypatch.setattr(rates, "MAX_BUCKETS", 10)
    buckets = TokenBuckets(1, 1)
    for number in range(50):
        buckets.take(f"address-{number}", 0.0)
    assert len(buckets) == 10
    assert buckets.take("address-49", 0.0) > 0
    assert buckets.take("address-0", 0.0) == 0


def test_no_rate_is_no_limit() -> None:
    """And nothing is remembered."""
    buckets = TokenBuckets(0, 1)
    assert [buckets.take("ann", 0.0) for _ in range(9)] == [0.0] * 9
    assert len(buckets) == 0
