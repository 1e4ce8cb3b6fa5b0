"""The timing wheel, the keepalive of a peer, and its checkpoints: by clocks that tests set."""

from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdash.hub import Hub
from rtdash.protocol.channels import Channel, Stream
from rtdash.server.ws.checkpoints import Checkpoints
from rtdash.server.ws.keepalive import Keepalive, KeepaliveAction, KeepaliveConfig
from rtdash.server.ws.timing_wheel import HORIZON_S, TICK_S, TimingWheel
from tests.fakes import Turns

RULES = KeepaliveConfig(25, 10)
STREAM = Stream("harbour-grill", Channel.RESTAURANT_RESERVATIONS)


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 50)), max_size=40))
def test_the_wheel_looks_in_time_and_once(plans: list[tuple[int, float]]) -> None:
    """Whatever was planned, each item is due once, and within a tick of the earliest instant that
    was planned for it.
    """
    timing_wheel: TimingWheel[int] = TimingWheel(0.0)
    for item, at in plans:
        timing_wheel.schedule(item, at)
    seen: dict[int, float] = {}
    for step in range(1, 520):
        for item in timing_wheel.due(step * TICK_S):
            assert item not in seen
            seen[item] = step * TICK_S
    earliest = {item: min(at for one, at in plans if one == item) for item, _ in plans}
    assert seen.keys() == earliest.keys()
    assert all(0 <= seen[item] - at <= 2 * TICK_S + 1e-6 for item, at in earliest.items())


def test_the_wheel_looks_at_the_far_away_before_its_horizon() -> None:
    """Something planned for never is looked at all the same, and nothing that was forgotten is."""
    timing_wheel: TimingWheel[str] = TimingWheel(0.0)
    timing_wheel.schedule("far", inf)
    timing_wheel.schedule("gone", 1.0)
    timing_wheel.cancel("gone")
    assert list(timing_wheel.due(HORIZON_S + 1)) == ["far"]


def test_pings_are_spread() -> None:
    """The first pings of many connections made at once fall evenly over the interval."""
    first = sorted(Keepalive(RULES, 0.0, serial).next_at for serial in range(1, 1001))
    assert max(second - one for one, second in pairwise(first)) < 0.1
    assert first[-1] <= 25


def test_silence_after_a_ping_is_death() -> None:
    """A ping when it is due, and death exactly pong_timeout later if nothing came."""
    keepalive = Keepalive(RULES, 0.0, 0)
    assert keepalive.check_timers(24.9, 0, is_excused=False) is KeepaliveAction.FINE
    assert keepalive.check_timers(25.0, 0, is_excused=False) is KeepaliveAction.PING
    assert keepalive.check_timers(34.9, 0, is_excused=False) is KeepaliveAction.FINE
    assert keepalive.check_timers(35.0, 0, is_excused=False) is KeepaliveAction.DEAD


def test_without_a_timeout_silence_is_nothing() -> None:
    """The peer is asked again and again, and never given up."""
    keepalive = Keepalive(KeepaliveConfig(25, inf), 0.0, 0)
    assert {keepalive.check_timers(25.0 * turn, 0, is_excused=False) for turn in range(1, 100)} == {
        KeepaliveAction.PING
    }


def test_a_buffer_that_has_emptied_has_shrunk() -> None:
    """The ping stood behind what was in it: the peer has just had it, and gets its time to
    answer.
    """
    keepalive = Keepalive(RULES, 0.0, 0)
    assert keepalive.check_timers(25.0, 500_000, is_excused=False) is KeepaliveAction.PING
    assert keepalive.check_timers(35.0, 0, is_excused=False) is KeepaliveAction.FINE
    assert keepalive.check_timers(45.0, 0, is_excused=False) is KeepaliveAction.DEAD


def test_any_frame_in_time_is_life() -> None:
    """Whatever came after the ping counts."""
    keepalive = Keepalive(RULES, 0.0, 0)
    keepalive.check_timers(25.0, 0, is_excused=False)
    keepalive.heard_at = 26.0
    assert keepalive.check_timers(35.0, 0, is_excused=False) is KeepaliveAction.FINE
    assert keepalive.check_timers(50.0, 0, is_excused=False) is KeepaliveAction.PING


@pytest.mark.parametrize(
    ("buffered", "is_excused", "verdict"),
    [
        (400, False, KeepaliveAction.FINE),
        (500, False, KeepaliveAction.DEAD),
        (500, True, KeepaliveAction.FINE),
    ],
)
def test_the_deadline_stands_still(
    buffered: int, is_excused: bool, verdict: KeepaliveAction
) -> None:
    """While the buffer shrinks, and while the server doesn't read; not while the buffer only stays
    as it was.
    """
    keepalive = Keepalive(RULES, 0.0, 0)
    keepalive.check_timers(25.0, 500, is_excused=False)
    assert keepalive.check_timers(35.0, buffered, is_excused=is_excused) is verdict


def test_a_mark_says_where_streams_stood() -> None:
    """A mark keeps the tops of its instant, however far they move on, until it is too old for any
    pong.
    """
    turns = Turns()
    hub = Hub(turns.call_soon, turns.call_later, turns.clock)
    hub.track(STREAM, 4)
    checkpoints = Checkpoints(hub, keep_s=60)
    first = checkpoints.make(0.0)
    assert checkpoints.make(1.0) == first
    hub.publish(STREAM, 5, [b"{}"])
    hub.flush_now()
    second = checkpoints.make(2.0)
    assert (checkpoints.seq(first, STREAM), checkpoints.seq(second, STREAM)) == (4, 5)
    checkpoints.make(100.0)
    assert checkpoints.seq(first, STREAM) is None
