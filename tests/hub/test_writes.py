"""Members that take the frames of a flush as they are."""

import pytest

from rtdash.hub import EncodedBatch, Hub
from tests.fakes import BOOKINGS, Member, Turns


@pytest.mark.parametrize("is_over", [True, False])
def test_a_write_that_raises_is_tried_with_care(hub: Hub, turns: Turns, is_over: bool) -> None:
    """A socket that is ending raises in the direct write, and its connection knows that: it is
    dropped only if its own `send` raises, too.
    """

    def fail(_: EncodedBatch | bytes) -> None:
        raise RuntimeError("too late")

    ending, behind = Member(None if is_over else fail, write=fail), Member()
    hub.join(BOOKINGS, ending)
    hub.join(BOOKINGS, behind)
    hub.publish(BOOKINGS, 1, [b"one"])
    turns.turn()
    assert ending.bodies == behind.bodies == [b"one"]
    assert (hub.faults, hub.members(BOOKINGS)) == ((0, 2) if is_over else (1, 1))


def test_a_write_takes_the_frames_of_a_flush_as_they_are(hub: Hub, turns: Turns) -> None:
    """Shared by all, once; and nothing goes to a subscriber that has left."""
    wire: list[bytes] = []

    quick = hub.join(BOOKINGS, Member(write=wire.append))
    hub.join(BOOKINGS, Member(write=wire.append))
    hub.publish(BOOKINGS, 1, [b"one", b"two"])
    turns.turn()
    assert wire == [b"\x81\x03one\x81\x03two"] * 2
    assert wire[0] is wire[1]
    hub.leave(quick)
    hub.publish(BOOKINGS, 3, [b"three"])
    turns.turn()
    assert len(wire) == 3
