"""When the hub flushes: at the end of the turn, or a little later where that joins what comes close
together.
"""

import pytest

from rtdash.hub import Hub
from tests.fakes import BOOKINGS, Member, Turns


class DearMember(Member):
    """Member whose delivery takes time."""

    def __init__(self, turns: Turns, cost_s: float) -> None:
        super().__init__(lambda _batch: setattr(turns, "now", turns.now + self.cost_s))
        self.cost_s = cost_s


def test_quiet_traffic_is_never_put_off(hub: Hub, turns: Turns) -> None:
    """However dear the flushes are, one that comes long after another goes out at the end of its
    turn.
    """
    hub.join(BOOKINGS, DearMember(turns, 0.010))
    for seq in range(1, 4):
        turns.now += 0.025
        hub.publish(BOOKINGS, seq, [b"x"])
        assert (len(turns.soon), len(turns.later)) == (1, 0)
        turns.turn()
        assert hub.top(BOOKINGS) == seq


def test_news_of_one_turn_count_as_one(hub: Hub, turns: Turns) -> None:
    """A commit that takes the loop milliseconds to announce is no dense traffic: one that comes
    soon after another is not put off for it.
    """
    hub.join(BOOKINGS, DearMember(turns, 0.005))
    for turn, pause_s in enumerate((*[0.020] * 20, 0.038, 0.002, 0.020)):
        turns.now += pause_s
        for seq in range(3 * turn + 1, 3 * turn + 4):
            hub.publish(BOOKINGS, seq, [b"x"])
            turns.now += 0.001
        assert (len(turns.soon), len(turns.later)) == (1, 0)
        turns.turn()


def test_one_that_was_late_or_dear_puts_off_none_of_those_behind_it(hub: Hub, turns: Turns) -> None:
    """Flushing takes a fifth of the loop: when one flush is late or takes twice as long once, the
    next goes out at once.
    """
    member = DearMember(turns, 0.005)
    hub.join(BOOKINGS, member)
    for seq, pause_s in enumerate((*[0.020] * 20, 0.038, 0.002, 0.020, 0.020, 0.020, 0.020), 1):
        turns.now += pause_s
        member.cost_s = 0.010 if seq == 24 else 0.005
        hub.publish(BOOKINGS, seq, [b"x"])
        assert (len(turns.soon), len(turns.later)) == (1, 0)
        turns.turn()


@pytest.mark.parametrize(
    ("cost_s", "every_s", "share"),
    [
        (0.010, 0.036, 10 / 36),
        (0.010, 0.033, 10 / 45),
        (0.010, 0.001, 10 / 45),
        (0.0008, 0.001, 0.8 / 4.8),
        (0.1, 0.025, 100 / 230),
        (0.2, 0.025, 200 / 320),
        (1.5, 0.001, 1.5 / 1.7),
    ],
    ids=[
        "each by itself",
        "joined",
        "many joined",
        "no pause below 4 ms",
        "one every 230 ms",
        "three eighths left",
        "no pause above 200 ms",
    ],
)
def test_what_comes_closer_shares_a_flush(
    hub: Hub, turns: Turns, cost_s: float, every_s: float, share: float
) -> None:
    """Messages at least 3.5 flush costs apart go out one by one; for closer ones the loop rests
    that long after each flush, within bounds.
    """
    hub.join(BOOKINGS, DearMember(turns, cost_s))
    began, seq, length_s = turns.now, 0, 2_000 * cost_s
    while turns.now < began + length_s:
        while began + seq * every_s <= turns.now:
            seq += 1
            hub.publish(BOOKINGS, seq, [b"x"])
        turns.turn()
        turns.now = max(turns.now, min([began + seq * every_s, *(at for at, _ in turns.later)]))
    assert hub.flushes * cost_s / (turns.now - began) == pytest.approx(share, rel=0.05)


def test_what_others_took_of_the_processor_is_no_cost(turns: Turns) -> None:
    """A flush that a busy machine held up is followed at once by the next."""
    hub = Hub(turns.call_soon, turns.call_later, turns.clock, clock_cpu=lambda: 0.0)
    hub.track(BOOKINGS, 0)
    hub.join(BOOKINGS, DearMember(turns, 0.010))
    hub.publish(BOOKINGS, 1, [b"1"])
    turns.turn()
    hub.publish(BOOKINGS, 2, [b"2"])
    assert (len(turns.soon), len(turns.later)) == (1, 0)


def test_cheap_flushes_are_not_put_off(hub: Hub, turns: Turns) -> None:
    """With few members there is nothing to gain from waiting."""
    hub.join(BOOKINGS, DearMember(turns, 0.0001))
    for seq in (1, 2, 3):
        hub.publish(BOOKINGS, seq, [b"x"])
        assert len(turns.soon) == 1
        turns.turn()
