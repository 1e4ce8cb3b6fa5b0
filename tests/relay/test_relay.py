"""The relay: announcements, notices, gaps, and which stream is followed for whom."""

import asyncio

import pytest

from rtdash.protocol.channels import Position
from rtdash.store.database import StoreUnavailable
from tests.fakes import BOOKINGS, NOTES, STATS, body_of
from tests.relay.relay_fixture import RelayFixture, seqs, settled


def test_an_announcement_reaches_members_and_the_broker(run) -> None:
    """Own events go to the hub at once, and to other processes after the request is answered."""

    async def body() -> None:
        setup = RelayFixture()
        member = await setup.member()
        notices = setup.broker.listen()
        heard = asyncio.ensure_future(anext(notices))
        await settled()
        running = asyncio.create_task(setup.relay.broker_connection.stay_connected())
        setup.relay.announce(setup.log.append(BOOKINGS, 2))
        notice = await heard
        while notice.stream != BOOKINGS:
            notice = await anext(notices)
        assert seqs(member) == [1, 2]
        assert (notice.first_seq, notice.bodies, notice.epoch) == (
            1,
            (body_of(BOOKINGS, 1), body_of(BOOKINGS, 2)),
            "e1",
        )
        assert setup.changed == [BOOKINGS, BOOKINGS]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run(body())


def test_events_of_a_commit_are_told_apart_by_stream(run) -> None:
    """A commit that touches several streams, in turn, is accepted on each."""

    async def body() -> None:
        setup = RelayFixture()
        bookings, notes = await setup.member(), await setup.member(NOTES)
        events = [
            event
            for pair in zip(setup.log.append(BOOKINGS, 2), setup.log.append(NOTES, 2), strict=True)
            for event in pair
        ]
        setup.relay.announce(events)
        await settled()
        assert seqs(bookings) == seqs(notes) == [1, 2]

    run(body())


def test_repeated_and_overlapping_notices_are_dropped(run) -> None:
    """A notice that comes again, or brings some known events, delivers only what is new."""

    async def body() -> None:
        setup = RelayFixture()
        member = await setup.member()
        events = setup.log.append(BOOKINGS, 4)
        for part in (events[:2], events[:2], events[1:3], events):
            setup.notice(part)
        await settled()
        assert seqs(member) == [1, 2, 3, 4]
        assert setup.log.reads == [("heads", None)]

    run(body())


def test_a_gap_is_read_from_the_log_once(run) -> None:
    """However many notices come while the log is read, they share the read."""

    async def body() -> None:
        setup = RelayFixture()
        member = await setup.member()
        events = setup.log.append(BOOKINGS, 5)
        setup.log.hold()
        for event in events[2:]:
            setup.notice([event])
            await settled(1)
        assert setup.log.reads.count(("events", BOOKINGS)) == 1
        setup.log.release()
        await settled()
        assert seqs(member) == [1, 2, 3, 4, 5]

    run(body())


def test_a_notice_of_another_epoch_is_ignored(run) -> None:
    """The notice's numbers belong to another log."""

    async def body() -> None:
        setup = RelayFixture()
        member = await setup.member()
        setup.notice(setup.log.append(BOOKINGS), epoch="e0")
        await settled()
        assert seqs(member) == []

    run(body())


def test_a_stream_that_nobody_follows_costs_nothing(run) -> None:
    """The stream's notices are passed over without a read, and nothing is kept of it."""

    async def body() -> None:
        setup = RelayFixture()
        setup.notice(setup.log.append(BOOKINGS))
        await settled()
        assert setup.log.reads == []
        assert setup.hub.streams() == ()

    run(body())


def test_what_is_committed_while_the_head_is_read_is_not_lost(run) -> None:
    """The head that comes back may be older than the announcement that came meanwhile."""

    async def body() -> None:
        setup = RelayFixture()
        setup.log.hold()
        following = asyncio.create_task(setup.relay.follow(BOOKINGS))
        await settled()
        setup.relay.announce(setup.log.append(BOOKINGS))
        setup.log.release()
        await following
        await settled()
        assert setup.relay.position(BOOKINGS) == Position("e1", 1)

    run(body())


def test_following_a_stats_stream_follows_the_reservations_behind_it(run) -> None:
    """The figures change with the reservations, also where no client follows those."""

    async def body() -> None:
        setup = RelayFixture()
        await setup.relay.follow(STATS)
        setup.notice(setup.log.append(BOOKINGS))
        assert setup.changed == [BOOKINGS, BOOKINGS]
        setup.relay.unfollow(STATS)
        assert setup.relay.followed == 0

    run(body())


def test_following_fails_with_the_store_and_leaves_nothing(run) -> None:
    """No follower is counted when the head can't be read; the next try is a fresh one."""

    async def body() -> None:
        setup = RelayFixture()
        setup.log.fault = StoreUnavailable("away", reason="test")
        with pytest.raises(StoreUnavailable):
            await setup.relay.follow(BOOKINGS)
        assert setup.relay.followed == 0
        setup.log.fault = None
        await setup.relay.follow(BOOKINGS)
        assert setup.relay.followed == 1

    run(body())


def test_closing_ends_what_is_under_way(run) -> None:
    """No task outlives the relay."""

    async def body() -> None:
        setup = RelayFixture()
        setup.log.hold(5)
        following = asyncio.create_task(setup.relay.follow(BOOKINGS))
        await settled()
        assert setup.relay.in_flight == 1
        await setup.relay.cancel_reads()
        with pytest.raises(asyncio.CancelledError):
            await following
        assert (setup.relay.in_flight, setup.relay.followed) == (0, 0)

    run(body())
