"""What a replay gets of the events that the hub has sent out lately."""

import pytest

from rtdash.hub import Hub
from rtdash.hub.replay_cache import BATCH_OVERHEAD_BYTES
from tests.fakes import BOOKINGS, Member, Turns


def test_recent_events_are_kept_as_they_went_out(hub: Hub, turns: Turns) -> None:
    """A replay gets the very batches that members got, or the rest of one, or several as one;
    nothing where the log must be read.
    """
    member = Member()
    hub.join(BOOKINGS, member)
    for first in (1, 3):
        hub.publish(BOOKINGS, first, [b"%d" % first, b"%d" % (first + 1)])
        turns.turn()
    assert hub.recent(BOOKINGS, 2) is member.batches[1]
    rest = hub.recent(BOOKINGS, 1)
    assert rest is not None
    assert (rest.first_seq, rest.last_seq, rest.bodies) == (2, 4, (b"2", b"3", b"4"))
    assert hub.recent(BOOKINGS, 1) is rest, "whoever comes for the same events gets the same bytes"
    assert hub.recent(BOOKINGS, 4) is None
    hub.publish(BOOKINGS, 5, [b"pending"])
    assert hub.recent(BOOKINGS, 4) is None


def test_recent_events_are_bounded(hub: Hub, turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bytes allowed the oldest go, and are then read from the log."""
    monkeypatch.setattr(
        "rtdash.hub.replay_cache.STREAM_LIMIT_BYTES", 2 * (BATCH_OVERHEAD_BYTES + 5)
    )
    for seq in range(1, 5):
        hub.publish(BOOKINGS, seq, [b"12345"])
        turns.turn()
    assert hub.recent(BOOKINGS, 1) is None
    assert hub.recent(BOOKINGS, 2) is not None


def test_recent_events_go_out_in_runs(
    hub: Hub, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As much at once as is allowed, but always something; and the next flush is a part of the next
    run.
    """
    monkeypatch.setattr("rtdash.hub.replay_cache.RUN_LIMIT_BYTES", 10)
    for seq in range(1, 4):
        hub.publish(BOOKINGS, seq, [b"12345"])
        turns.turn()
    first, last = hub.recent(BOOKINGS, 0), hub.recent(BOOKINGS, 2)
    assert first is not None
    assert last is not None
    assert (first.last_seq, last.last_seq) == (2, 3)
    hub.publish(BOOKINGS, 4, [b"a long one, beyond all that is allowed"])
    turns.turn()
    assert [
        batch and batch.last_seq for batch in (hub.recent(BOOKINGS, 2), hub.recent(BOOKINGS, 3))
    ] == [3, 4]
