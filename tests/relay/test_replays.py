"""Replays: what can be recovered from a position, how it is read and delivered, and what ends
it.
"""

import asyncio

import pytest

from rtdash.protocol.channels import Position
from rtdash.relay import ReplayStart
from rtdash.relay.replays import FLOOR_TTL_S
from tests.fakes import BOOKINGS, NOTES, Member
from tests.relay.relay_fixture import RelayFixture, seqs, settled


@pytest.mark.parametrize(
    ("after", "start"),
    [
        (None, ReplayStart(BOOKINGS, None, None)),
        (Position("e1", 10), ReplayStart(BOOKINGS, recovered=True, after_seq=10)),
        (Position("e1", 4), ReplayStart(BOOKINGS, recovered=True, after_seq=4)),
        (
            Position("e1", 3),
            ReplayStart(BOOKINGS, recovered=False, after_seq=None, reset_reason="history_gone"),
        ),
        (
            Position("e1", 11),
            ReplayStart(BOOKINGS, recovered=False, after_seq=None, reset_reason="beyond_head"),
        ),
        (
            Position("e0", 10),
            ReplayStart(BOOKINGS, recovered=False, after_seq=None, reset_reason="epoch_changed"),
        ),
    ],
)
def test_what_can_be_recovered(run, after: Position | None, start: ReplayStart) -> None:
    """The log has events 5 to 10: positions 4 to 10 of its epoch, and no others."""

    async def body() -> None:
        setup = RelayFixture()
        setup.log.append(BOOKINGS, 10)
        setup.log.prune(BOOKINGS, 4)
        await setup.relay.follow(BOOKINGS)
        assert await setup.relay.prepare(BOOKINGS, after) == start

    run(body())


def test_the_head_is_recoverable_before_the_first_event_and_after_all_are_pruned(run) -> None:
    """However long nothing was sent: nothing can be missing behind the head."""

    async def body() -> None:
        setup = RelayFixture()
        await setup.relay.follow(BOOKINGS)
        assert (await setup.relay.prepare(BOOKINGS, Position("e1", 0))).recovered
        setup.relay.announce(setup.log.append(BOOKINGS, 3))
        setup.log.prune(BOOKINGS, 3)
        setup.hub.flush_now()
        assert (await setup.relay.prepare(BOOKINGS, Position("e1", 3))).recovered

    run(body())


def test_a_position_from_a_faster_process_is_caught_up_first(run) -> None:
    """The position is beyond our top, but the log has it: no reset."""

    async def body() -> None:
        setup = RelayFixture()
        member = await setup.member()
        setup.log.append(BOOKINGS, 5)
        start = await setup.relay.prepare(BOOKINGS, Position("e1", 4))
        assert (start.recovered, setup.hub.top(BOOKINGS)) == (True, 5)
        assert seqs(member) == [1, 2, 3, 4, 5]

    run(body())


def test_a_position_asked_for_while_the_log_is_read_is_looked_for_again(run) -> None:
    """The read under way may be older than the event: a client that knows of it gets no reset for
    that.
    """

    async def body() -> None:
        setup = RelayFixture()
        await setup.relay.follow(BOOKINGS)
        setup.log.hold()
        early = asyncio.create_task(setup.relay.prepare(BOOKINGS, Position("e1", 5)))
        await settled()
        setup.log.append(BOOKINGS, 5)
        late = asyncio.create_task(setup.relay.prepare(BOOKINGS, Position("e1", 5)))
        await settled()
        setup.log.release()
        await early
        assert (await late).recovered

    run(body())


def test_a_replay_reads_pages_and_joins_without_a_gap(run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages up to the top, and the top moves meanwhile; then live."""
    monkeypatch.setattr("rtdash.relay.replays.PAGE", 4)

    async def body() -> None:
        setup = RelayFixture()
        setup.log.append(BOOKINGS, 10)
        await setup.relay.follow(BOOKINGS)
        member = Member(
            lambda batch: (
                setup.relay.announce(setup.log.append(BOOKINGS)) if batch.last_seq == 6 else None
            )
        )
        assert await setup.relay.replay(BOOKINGS, 2, member) is not None
        setup.relay.announce(setup.log.append(BOOKINGS))
        await settled()
        assert seqs(member) == list(range(3, 13))
        assert [len(batch.bodies) for batch in member.batches[:2]] == [4, 4]

    run(body())


def test_recent_events_are_replayed_without_the_log(run) -> None:
    """A storm of resumes after a short drop reads nothing, and all of them get the same bytes."""

    async def body() -> None:
        setup = RelayFixture()
        await setup.member()
        for _ in range(3):
            setup.relay.announce(setup.log.append(BOOKINGS))
            await settled()
        reads = len(setup.log.reads)
        members = [Member(), Member()]
        for member in members:
            assert await setup.relay.replay(BOOKINGS, 1, member)
        assert seqs(members[0]) == [2, 3]
        assert [id(batch) for batch in members[0].batches] == [
            id(batch) for batch in members[1].batches
        ]
        assert len(setup.log.reads) == reads

    run(body())


def test_replays_of_the_same_page_share_one_read(run) -> None:
    """After a restart all clients come back with the same position; a caller that gives up does not
    end the read of the others.
    """

    async def body() -> None:
        setup = RelayFixture()
        setup.log.append(BOOKINGS, 5)
        await setup.relay.follow(BOOKINGS)
        setup.log.hold(10)
        members = [Member() for _ in range(20)]
        replays = [
            asyncio.create_task(setup.relay.replay(BOOKINGS, 0, member)) for member in members
        ]
        await settled()
        replays[0].cancel()
        await settled()
        setup.log.release()
        await asyncio.gather(*replays[1:])
        assert setup.log.reads.count(("events", BOOKINGS)) == 1
        assert all(member.batches[0] is members[1].batches[0] for member in members[1:])
        assert members[0].batches == []

    run(body())


def test_a_slow_reader_holds_up_its_replay_and_nobody_else(
    run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next page waits until it has drained; live members go on."""
    monkeypatch.setattr("rtdash.relay.replays.PAGE", 2)

    async def body() -> None:
        setup = RelayFixture()
        setup.log.append(BOOKINGS, 6)
        witness, slow = await setup.member(), Member()
        slow.pace.clear()
        replay = asyncio.create_task(setup.relay.replay(BOOKINGS, 0, slow))
        await settled()
        setup.relay.announce(setup.log.append(BOOKINGS))
        await settled()
        assert (seqs(slow), seqs(witness)) == ([1, 2], [7])
        slow.pace.set()
        await replay
        assert seqs(slow) == [1, 2, 3, 4, 5, 6, 7]

    run(body())


def test_a_replay_that_pruning_overtakes_ends_without_a_gap(
    run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replay delivers no further event, and leaves it to the caller to say so."""
    monkeypatch.setattr("rtdash.relay.replays.PAGE", 2)

    async def body() -> None:
        setup = RelayFixture()
        setup.log.append(BOOKINGS, 6)
        await setup.relay.follow(BOOKINGS)
        member = Member(lambda _batch: setup.log.prune(BOOKINGS, 4))
        assert await setup.relay.replay(BOOKINGS, 0, member) is None
        assert seqs(member) == [1, 2]
        assert not setup.hub.has_members(BOOKINGS)

    run(body())


def test_a_replay_ends_with_its_subscriber_its_stream_or_its_epoch(run) -> None:
    """Closed, no longer followed, or of another log: nothing is joined."""

    async def body() -> None:
        for end in ("close", "unfollow", "epoch"):
            setup = RelayFixture()
            setup.log.append(BOOKINGS, 3)
            await setup.relay.follow(BOOKINGS)
            member = Member()
            member.pace.clear()
            replay = asyncio.create_task(setup.relay.replay(BOOKINGS, 0, member))
            await settled()
            if end == "close":
                member.is_open = False
            elif end == "unfollow":
                setup.relay.unfollow(BOOKINGS)
            else:
                setup.log.epoch = "e2"
                await setup.relay.poll_heads()
            member.pace.set()
            assert await replay is None
            assert not setup.hub.has_members(BOOKINGS)

    run(body())


def test_a_page_read_before_a_new_epoch_is_not_delivered(run) -> None:
    """The events of a log that is no longer ours would be taken for those of the new one."""

    async def body() -> None:
        setup = RelayFixture()
        setup.log.append(BOOKINGS, 3)
        await setup.relay.follow(BOOKINGS)
        member = Member()
        setup.log.hold()
        replay = asyncio.create_task(setup.relay.replay(BOOKINGS, 0, member))
        await settled()
        setup.log.epoch = "e2"
        await setup.relay.poll_heads()
        setup.log.release()
        assert await replay is None
        assert seqs(member) == []

    run(body())


def test_nobody_joins_a_stream_that_is_not_followed(run) -> None:
    """Not even at position 0, where there would be nothing to replay."""

    async def body() -> None:
        setup = RelayFixture()
        await setup.relay.follow(BOOKINGS)
        setup.relay.unfollow(BOOKINGS)
        assert await setup.relay.replay(BOOKINGS, 0, Member()) is None
        assert setup.hub.streams() == ()

    run(body())


def test_a_position_of_a_new_epoch_does_not_wait_for_a_read_of_the_old_one(run) -> None:
    """A read that was under way when the log got another name ends without an answer; the position
    is looked for again.
    """

    async def body() -> None:
        setup = RelayFixture()
        await setup.member()
        events = setup.log.append(BOOKINGS, 3)
        setup.log.hold()
        setup.notice(events[2:])
        await settled()
        setup.log.epoch = "e2"
        await setup.relay.poll_heads()
        setup.log.append(BOOKINGS, 2)
        start = asyncio.create_task(setup.relay.prepare(BOOKINGS, Position("e2", 5)))
        await settled()
        setup.log.release()
        assert (await start).recovered

    run(body())


def test_the_floor_is_read_once_in_a_while(run) -> None:
    """For each stream and each epoch by itself; a flood of positions costs one read a second."""

    async def body() -> None:
        setup, now = RelayFixture(), [100.0]
        setup.relay._replays._clock = lambda: now[0]
        for stream, pruned in ((BOOKINGS, 4), (NOTES, 7)):
            setup.log.append(stream, 10)
            setup.log.prune(stream, pruned)
            await setup.relay.follow(stream)

        async def recovered(stream, seq) -> bool | None:
            return (await setup.relay.prepare(stream, Position(setup.log.epoch, seq))).recovered

        together = [recovered(BOOKINGS, 5), recovered(NOTES, 5), recovered(BOOKINGS, 3)]
        assert await asyncio.gather(*together) == [True, False, False]
        assert sorted(setup.log.reads).count(("floor", BOOKINGS)) == 1
        now[0] += FLOOR_TTL_S
        setup.log.prune(BOOKINGS, 6)
        assert await recovered(BOOKINGS, 5), "the floor was read again too early"
        now[0] += 0.1
        assert not await recovered(BOOKINGS, 5)
        assert setup.log.reads.count(("floor", BOOKINGS)) == 2
        await setup.log.draw_epoch("e1")
        await setup.relay.poll_heads()
        assert not await recovered(BOOKINGS, 5)
        assert setup.log.reads.count(("floor", BOOKINGS)) == 3

    run(body())


def test_pages_of_two_streams_are_read_apart(run) -> None:
    """Readers share a page only where it is the same page."""

    async def body() -> None:
        setup = RelayFixture()
        followers = {BOOKINGS: Member(), NOTES: Member()}
        for stream in followers:
            setup.log.append(stream, 3)
            await setup.relay.follow(stream)
        setup.log.hold(2)
        replays = [
            asyncio.create_task(setup.relay.replay(stream, 0, member))
            for stream, member in followers.items()
        ]
        await settled()
        setup.log.release()
        await asyncio.gather(*replays)
        for stream, member in followers.items():
            assert [batch.stream for batch in member.batches] == [stream]

    run(body())
