"""Delays between attempts."""

import random

from rtdash.protocol.backoff import Backoff


class Ticks:
    """A clock that is set: `read` is the clock."""

    def __init__(self):
        self.now_s = 0.0

    def read(self):
        """Monotonic seconds."""
        return self.now_s


def delays(backoff, count):
    return [backoff.next_delay_s() for _ in range(count)]


def test_bounds_double_up_to_the_longest():
    """Each delay lies between 0 and a bound that doubles: full jitter."""
    many = [
        delays(Backoff(random.Random(seed), Ticks().read, first_s=1, longest_s=8), 6)
        for seed in range(500)
    ]
    longest = [max(series[attempt] for series in many) for attempt in range(6)]
    assert all(
        bound * 0.95 < delay <= bound
        for bound, delay in zip([1, 2, 4, 8, 8, 8], longest, strict=True)
    )
    assert all(min(series[attempt] for series in many) < 0.1 for attempt in range(6))


def test_settled_connection_starts_anew():
    """A connection that stood long enough makes the next break a first one."""
    clock = Ticks()
    backoff = Backoff(random.Random(1), clock.read, first_s=1, longest_s=1024, settled_s=10)
    delays(backoff, 8)
    assert not backoff.is_fresh
    backoff.stands()
    clock.now_s += 10
    assert backoff.is_fresh
    assert backoff.next_delay_s() <= 1


def test_brief_connection_goes_on():
    """A server that lets in and throws out at once is tried less and less often."""
    clock = Ticks()
    backoff = Backoff(random.Random(1), clock.read, first_s=1, longest_s=1024, settled_s=10)
    bounds = []
    for _ in range(9):
        backoff.stands()
        clock.now_s += 9
        bounds.append(backoff.next_delay_s())
    assert max(bounds[6:]) > 32


def test_delays_come_from_the_given_generator():
    """The same seed gives the same delays."""
    assert delays(Backoff(random.Random(7), Ticks().read), 5) == delays(
        Backoff(random.Random(7), Ticks().read), 5
    )
