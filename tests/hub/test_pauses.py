"""When the hub flushes: at the end of the turn, or a little later where that joins what comes close together."""

import pytest

from rtdash.hub import Hub
from tests.fakes import BOOKINGS, Member, Turns


class DearMember(Member):
    """One whose delivery takes time."""

    def __init__(self, turns: Turns, cost_s: float) -> None:
        super().__init__(lambda _parcel: setattr(turns, "now", turns.now + cost_s))


def test_quiet_traffic_is_never_put_off(hub: Hub, turns: Turns) -> None:
    """However dear the flushes are, one that comes long after another goes out at the end of its turn."""
    hub.join(BOOKINGS, DearMember(turns, 0.010))
    for seq in range(1, 4):
        turns.now += 0.025
        hub.publish(BOOKINGS, seq, [b"x"])
        assert (len(turns.soon), len(turns.later)) == (1, 0)
        turns.turn()
        assert hub.top(BOOKINGS) == seq


def test_close_flushes_are_joined_into_larger_ones(hub: Hub, turns: Turns) -> None:
    """Right after a dear flush the next waits a few milliseconds and takes all that came meanwhile."""
    member = DearMember(turns, 0.002)
    hub.join(BOOKINGS, member)
    hub.publish(BOOKINGS, 1, [b"1"])
    turns.turn()
    hub.publish(BOOKINGS, 2, [b"2"])
    assert turns.soon == []
    turns.turn(0.002)
    hub.publish(BOOKINGS, 3, [b"3"])
    turns.turn(0.005)
    assert [parcel.bodies for parcel in member.parcels] == [(b"1",), (b"2", b"3")]


def test_more_than_a_third_of_the_loop_is_load(hub: Hub, turns: Turns) -> None:
    """What comes before the loop has rested twice as long as it flushed waits for three times that."""
    hub.join(BOOKINGS, DearMember(turns, 0.010))
    hub.publish(BOOKINGS, 1, [b"1"])
    turns.turn()
    turns.now += 0.019
    hub.publish(BOOKINGS, 2, [b"2"])
    ((due, _),) = turns.later
    assert due - turns.now == pytest.approx(0.011)
    turns.turn(0.012)
    turns.now += 0.021
    hub.publish(BOOKINGS, 3, [b"3"])
    assert (len(turns.soon), len(turns.later)) == (1, 0)


def test_no_pause_is_shorter_than_four_milliseconds(hub: Hub, turns: Turns) -> None:
    """However little a flush costs that costs something."""
    hub.join(BOOKINGS, DearMember(turns, 0.0008))
    hub.publish(BOOKINGS, 1, [b"1"])
    turns.turn()
    turns.now += 0.003
    hub.publish(BOOKINGS, 2, [b"2"])
    ((due, _),) = turns.later
    assert due - turns.now == pytest.approx(0.001)


def test_no_pause_is_longer_than_a_fifth_of_a_second(hub: Hub, turns: Turns) -> None:
    """However much a flush costs."""
    hub.join(BOOKINGS, DearMember(turns, 1.5))
    hub.publish(BOOKINGS, 1, [b"1"])
    turns.turn()
    hub.publish(BOOKINGS, 2, [b"2"])
    ((due, _),) = turns.later
    assert due - turns.now == pytest.approx(0.2)


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
