"""A maximum since each reader last asked."""

from rtdash.server.metrics.sliding_maximum import MAX_READERS, WINDOW_S, SlidingMaximum


class Seconds:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the instant."""
        return self.now


def test_readers_do_not_take_each_others_maximum() -> None:
    """Each gets the largest value since it last asked itself."""
    clock = Seconds()
    largest = SlidingMaximum(clock)
    for value in (1.0, 5.0, 2.0):
        clock.now += 1
        largest.record(value)
    assert (largest.maximum_for("a"), largest.maximum_for("b")) == (5.0, 5.0)
    clock.now += 1
    largest.record(3.0)
    assert (largest.maximum_for("a"), largest.maximum_for("a")) == (3.0, 0.0)
    assert (largest.maximum_for("b"), largest.maximum_for(None)) == (3.0, 5.0)


def test_what_is_kept_is_bounded() -> None:
    """Old values and old readers are forgotten."""
    clock = Seconds()
    largest = SlidingMaximum(clock)
    largest.record(9.0)
    clock.now += WINDOW_S + 1
    largest.record(1.0)
    assert largest.maximum_for("a") == 1.0
    for reader in range(MAX_READERS + 1):
        largest.maximum_for(reader)
    assert len(largest._asked_at) == MAX_READERS
