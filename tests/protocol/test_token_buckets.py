"""Token buckets by name: bounded in number, without new tokens for users that have used theirs up."""

import pytest

from rtdash.protocol import rates
from rtdash.protocol.rates import TokenBucket, TokenBuckets


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


def test_a_flood_of_names_looks_at_all_of_them_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each new name would otherwise cost a look at thousands of others."""
    looks = []
    is_full = TokenBucket.is_full
    monkeypatch.setattr(
        TokenBucket, "is_full", lambda self, now: looks.append(now) or is_full(self, now)
    )
    buckets = TokenBuckets(1, 1)
    for number in range(rates.MAX_BUCKETS + 5_000):
        buckets.take(f"address-{number}", 0.0)
        assert len(buckets) <= rates.MAX_BUCKETS
    assert 0 < len(looks) <= 11 * rates.MAX_BUCKETS


def test_no_rate_is_no_limit() -> None:
    """And nothing is remembered."""
    buckets = TokenBuckets(0, 1)
    assert [buckets.take("ann", 0.0) for _ in range(9)] == [0.0] * 9
    assert len(buckets) == 0


def test_a_bucket_is_full_at_the_instant_when_it_has_refilled() -> None:
    """Not before: forgetting it then would be a gift."""
    bucket = TokenBucket(2, 10, 100.0)
    assert bucket.is_full(100.0)
    assert [bucket.take(100.0) for _ in range(4)] == [0.0] * 4
    assert [bucket.is_full(now) for now in (100.0, 101.9, 102.0, 500.0)] == [
        False,
        False,
        True,
        True,
    ]
