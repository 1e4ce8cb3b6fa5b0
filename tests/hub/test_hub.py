"""The hub: which subscriber gets what, in which order, at which moment."""

import logging

import pytest

from rtdash.hub import EncodedBatch, Hub, Subscription
from rtdash.protocol.channels import Stream
from rtdash.protocol.frames import text_frame
from tests.fakes import BOOKINGS, NOTES, STATS, Member, Turns


def test_events_reach_every_member_in_order_at_the_end_of_the_turn(hub: Hub, turns: Turns) -> None:
    """Nothing is delivered while the turn lasts; then each member gets all of it as one batch."""
    members = [Member(), Member()]
    for member in members:
        hub.join(BOOKINGS, member)
    hub.publish(BOOKINGS, 1, [b"one", b"two"])
    hub.publish(BOOKINGS, 3, [b"three"])
    assert members[0].batches == []
    turns.turn()
    assert [member.bodies for member in members] == [[b"one", b"two", b"three"]] * 2
    assert (members[0].batches[0].first_seq, members[0].batches[0].last_seq) == (1, 3)


def test_members_share_the_bytes_of_a_flush(hub: Hub, turns: Turns) -> None:
    """The frames are made once: every member writes the same object."""
    members = [Member(), Member()]
    for member in members:
        hub.join(BOOKINGS, member)
    hub.publish(BOOKINGS, 1, [b"one", b"two"])
    turns.turn()
    first, second = (member.batches[0] for member in members)
    assert first.frames is second.frames
    assert first.deflated is second.deflated
    assert first.frames == text_frame(b"one") + text_frame(b"two")


def test_top_moves_at_the_flush_and_not_before(hub: Hub, turns: Turns) -> None:
    """A position taken before the flush does not yet include what is pending; a subscriber that
    joins then gets it.
    """
    hub.publish(BOOKINGS, 1, [b"one"])
    assert hub.top(BOOKINGS) == 0
    member = Member()
    hub.join(BOOKINGS, member)
    turns.turn()
    assert hub.top(BOOKINGS) == 1
    assert member.bodies == [b"one"]


def test_tops_are_those_of_the_streams_that_are_carried(hub: Hub, turns: Turns) -> None:
    """A stream of states has no position, and one that is carried no longer has none either."""
    hub.track(NOTES, 7)
    hub.join(STATS, Member())
    hub.publish(BOOKINGS, 1, [b"one", b"two"])
    assert hub.tops() == {BOOKINGS: 0, NOTES: 7}
    turns.turn()
    hub.untrack(NOTES)
    assert hub.tops() == {BOOKINGS: 2}


def test_who_joins_during_a_flush_starts_behind_it(hub: Hub, turns: Turns) -> None:
    """The position taken in the middle of a flush includes the flush, so the flush must not reach
    the newcomer.
    """
    late, tops = Member(), []

    def join_late(_batch: EncodedBatch) -> None:
        if not tops:
            tops.append(hub.top(BOOKINGS))
            hub.join(BOOKINGS, late)

    hub.join(BOOKINGS, Member(join_late))
    hub.publish(BOOKINGS, 1, [b"one"])
    turns.turn()
    hub.publish(BOOKINGS, 2, [b"two"])
    turns.turn()
    assert tops == [1]
    assert late.bodies == [b"two"]


def test_who_leaves_during_a_flush_is_not_reached_by_it_any_more(hub: Hub, turns: Turns) -> None:
    """A delivery that closes another connection ends that one's membership in the same step."""
    left: list[Subscription] = []
    first = Member(lambda _batch: hub.leave(left[0]))
    hub.join(BOOKINGS, first)
    second = Member()
    left.append(hub.join(BOOKINGS, second))
    third = Member()
    hub.join(BOOKINGS, third)
    hub.publish(BOOKINGS, 1, [b"one"])
    turns.turn()
    assert (first.bodies, second.bodies, third.bodies) == ([b"one"], [], [b"one"])


def test_a_late_leave_does_not_end_a_newer_membership(hub: Hub, turns: Turns) -> None:
    """Leaving the first subscription again changes nothing for the second of the same
    subscriber.
    """
    member = Member()
    older = hub.join(BOOKINGS, member)
    hub.leave(older)
    hub.join(BOOKINGS, member)
    hub.leave(older)
    hub.publish(BOOKINGS, 1, [b"one"])
    turns.turn()
    assert member.bodies == [b"one"]


def test_a_subscriber_that_raises_is_dropped_and_the_others_get_theirs(
    hub: Hub, turns: Turns, caplog: pytest.LogCaptureFixture
) -> None:
    """The fault is counted and logged, and the subscriber isn't asked again."""

    def burst(_batch: EncodedBatch) -> None:
        raise OSError("the transport is gone")

    faulty, behind = Member(burst), Member()
    hub.join(BOOKINGS, faulty)
    hub.join(BOOKINGS, behind)
    with caplog.at_level(logging.ERROR):
        hub.publish(BOOKINGS, 1, [b"one"])
        turns.turn()
    hub.publish(BOOKINGS, 2, [b"two"])
    turns.turn()
    assert behind.bodies == [b"one", b"two"]
    assert faulty.bodies == [b"one"]
    assert (hub.faults, hub.members(BOOKINGS)) == (1, 1)
    assert (faulty.is_open, behind.is_open) == (False, True)
    assert "dropped" in caplog.text


def test_what_is_published_during_a_flush_comes_in_the_next(hub: Hub, turns: Turns) -> None:
    """Even a flush asked for in the middle waits until the one under way has reached all
    subscribers, or the order would break.
    """

    def publish_more(batch: EncodedBatch) -> None:
        if batch.first_seq == 1:
            hub.publish(BOOKINGS, 2, [b"two"])
            hub.flush_now()

    behind = Member()
    hub.join(BOOKINGS, Member(publish_more))
    hub.join(BOOKINGS, behind)
    hub.publish(BOOKINGS, 1, [b"one"])
    turns.turn()
    assert behind.bodies == [b"one"]
    turns.turn()
    assert behind.bodies == [b"one", b"two"]


def test_state_is_conflated_by_kind_within_a_flush(hub: Hub, turns: Turns) -> None:
    """Of each kind only the latest is sent, and it stays known for subscribers that had to let it
    pass.
    """
    member = Member()
    hub.join(STATS, member)
    hub.publish_state(STATS, "stats_update", b"old")
    hub.publish_state(STATS, "room_availability_update", b"rooms")
    hub.publish_state(STATS, "stats_update", b"new")
    turns.turn()
    assert sorted(member.bodies) == [b"new", b"rooms"]
    assert member.batches[0].last_seq == 0
    hub.publish_state(STATS, "stats_update", b"newer")
    turns.turn()
    assert member.bodies[2:] == [b"newer"]
    assert sorted(hub.states(STATS)) == [b"newer", b"rooms"]


def test_state_without_members_is_not_kept(hub: Hub, turns: Turns) -> None:
    """No subscriber gets anything old: state is known only from the first member on, and forgotten
    with the last.
    """
    hub.publish_state(STATS, "stats_update", b"unseen")
    subscription = hub.join(STATS, Member())
    assert hub.states(STATS) == ()
    hub.publish_state(STATS, "stats_update", b"seen")
    hub.leave(subscription)
    turns.turn()
    assert hub.states(STATS) == ()
    assert STATS not in hub.streams()


def test_streams_do_not_mix(hub: Hub, turns: Turns) -> None:
    """Members of one stream get nothing of another."""
    hub.track(NOTES, 7)
    member = Member()
    hub.join(NOTES, member)
    hub.publish(BOOKINGS, 1, [b"booking"])
    hub.publish(NOTES, 8, [b"note"])
    turns.turn()
    assert member.bodies == [b"note"]


def test_tracking_anew_voids_what_was_pending(hub: Hub, turns: Turns) -> None:
    """After a restart of the stream nothing of before is delivered or kept."""
    member = Member()
    hub.join(BOOKINGS, member)
    hub.publish(BOOKINGS, 1, [b"before"])
    hub.track(BOOKINGS, 40)
    turns.turn()
    hub.publish(BOOKINGS, 41, [b"after"])
    turns.turn()
    assert member.bodies == [b"after"]
    assert hub.recent(BOOKINGS, 0) is None


def test_a_stream_that_ends_in_a_flush_leaves_nothing_behind(hub: Hub, turns: Turns) -> None:
    """The last member's own delivery may end the tracking: no feed and no recent events stay."""

    def end(_batch: EncodedBatch) -> None:
        hub.leave(mine)
        hub.untrack(BOOKINGS)

    mine = hub.join(BOOKINGS, Member(end))
    hub.publish(BOOKINGS, 1, [b"one"])
    turns.turn()
    assert hub.streams() == ()


def test_out_of_order_is_refused(hub: Hub) -> None:
    """The hub takes only what comes next: anything else is the relay's to sort out."""
    with pytest.raises(AssertionError):
        hub.publish(BOOKINGS, 2, [b"two"])


def test_each_fault_of_a_subscriber_is_counted_and_explained(
    hub: Hub, turns: Turns, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the stream and has the traceback; every one counts."""

    def burst(_batch: EncodedBatch) -> None:
        raise OSError("the transport is gone")

    for _ in range(2):
        hub.join(BOOKINGS, Member(burst))
    with caplog.at_level(logging.ERROR):
        hub.publish(BOOKINGS, 1, [b"one"])
        turns.turn()
    assert hub.faults == 2
    assert all(f"{BOOKINGS.venue}/{BOOKINGS.channel}" in one.message for one in caplog.records)
    assert "the transport is gone" in caplog.text
    assert not hub.has_members(BOOKINGS)


def test_one_member_is_enough_to_publish_for(hub: Hub) -> None:
    """A stream has members from the first one on, by itself."""
    assert not hub.has_members(BOOKINGS)
    hub.join(BOOKINGS, Member())
    assert hub.has_members(BOOKINGS)
    assert not hub.has_members(NOTES)


def test_states_of_two_streams_share_a_turn(hub: Hub, turns: Turns) -> None:
    """Neither replaces the other."""
    figures = Stream("another-hotel", STATS.channel)
    members = {}
    for stream in (STATS, figures):
        members[stream] = Member()
        hub.join(stream, members[stream])
        hub.publish_state(stream, "stats_update", stream.venue.encode())
    turns.turn()
    assert {stream: member.bodies for stream, member in members.items()} == {
        stream: [stream.venue.encode()] for stream in members
    }


def test_a_batch_for_replays_is_one_of_its_stream() -> None:
    """With the hub's own bound of compression."""
    turns = Turns()
    hub = Hub(turns.call_soon, turns.call_later, turns.clock, compress_min_bytes=5)
    batch = hub.batch(BOOKINGS, 4, (b"aaaaaaaaaaaaaaaa", b"bbbb"))
    assert (batch.stream, batch.first_seq, batch.last_seq) == (BOOKINGS, 4, 5)
    same = EncodedBatch(BOOKINGS, 4, (b"aaaaaaaaaaaaaaaa", b"bbbb"), 5)
    assert batch.deflated == same.deflated != batch.frames
