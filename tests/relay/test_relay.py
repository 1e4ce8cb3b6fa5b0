"""The relay: announcements, notices, gaps, and who follows what."""

import asyncio

import pytest

from rtdash.protocol.channels import Position
from rtdash.store.database import StoreUnavailable
from tests.fakes import BOOKINGS, NOTES, STATS, body_of
from tests.relay.house import House, seqs, settled


def test_an_announcement_reaches_members_and_the_broker(run) -> None:
    """Own events go to the hub at once, and to others behind the back of the request."""

    async def body() -> None:
        house = House()
        member = await house.member()
        notices = house.broker.listen()
        heard = asyncio.ensure_future(anext(notices))
        await settled()
        running = asyncio.create_task(house.relay.broker_connection.run())
        house.relay.announce(house.log.append(BOOKINGS, 2))
        notice = await heard
        while notice.stream != BOOKINGS:
            notice = await anext(notices)
        assert seqs(member) == [1, 2]
        assert (notice.first_seq, notice.bodies, notice.epoch) == (
            1,
            (body_of(BOOKINGS, 1), body_of(BOOKINGS, 2)),
            "e1",
        )
        assert house.accepted == [BOOKINGS]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run(body())


def test_events_of_a_commit_are_told_apart_by_stream(run) -> None:
    """A commit that touches several streams, in turn, is accepted on each."""

    async def body() -> None:
        house = House()
        bookings, notes = await house.member(), await house.member(NOTES)
        events = [
            event
            for pair in zip(house.log.append(BOOKINGS, 2), house.log.append(NOTES, 2), strict=True)
            for event in pair
        ]
        house.relay.announce(events)
        await settled()
        assert seqs(bookings) == seqs(notes) == [1, 2]

    run(body())


def test_repeated_and_overlapping_notices_are_dropped(run) -> None:
    """A notice that comes again, or brings some known events, delivers only what is new."""

    async def body() -> None:
        house = House()
        member = await house.member()
        events = house.log.append(BOOKINGS, 4)
        for part in (events[:2], events[:2], events[1:3], events):
            house.notice(part)
        await settled()
        assert seqs(member) == [1, 2, 3, 4]
        assert house.log.reads == [("look", None)]

    run(body())


def test_a_gap_is_read_from_the_log_once(run) -> None:
    """However many notices come while the log is read, they share the read."""

    async def body() -> None:
        house = House()
        member = await house.member()
        events = house.log.append(BOOKINGS, 5)
        house.log.hold()
        for event in events[2:]:
            house.notice([event])
            await settled(1)
        assert house.log.reads.count(("events", BOOKINGS)) == 1
        house.log.release()
        await settled()
        assert seqs(member) == [1, 2, 3, 4, 5]

    run(body())


def test_a_notice_of_another_epoch_is_ignored(run) -> None:
    """Its numbers belong to another log."""

    async def body() -> None:
        house = House()
        member = await house.member()
        house.notice(house.log.append(BOOKINGS), epoch="e0")
        await settled()
        assert seqs(member) == []

    run(body())


def test_a_stream_that_nobody_follows_costs_nothing(run) -> None:
    """Its notices are passed over without a read, and nothing is kept of it."""

    async def body() -> None:
        house = House()
        house.notice(house.log.append(BOOKINGS))
        await settled()
        assert house.log.reads == []
        assert house.hub.streams() == ()

    run(body())


def test_what_is_committed_while_the_head_is_read_is_not_lost(run) -> None:
    """The head that comes back may be older than the announcement that came meanwhile."""

    async def body() -> None:
        house = House()
        house.log.hold()
        following = asyncio.create_task(house.relay.follow(BOOKINGS))
        await settled()
        house.relay.announce(house.log.append(BOOKINGS))
        house.log.release()
        await following
        await settled()
        assert house.relay.position(BOOKINGS) == Position("e1", 1)

    run(body())


def test_following_a_stats_stream_follows_the_reservations_behind_it(run) -> None:
    """The figures change with the reservations, whoever follows those."""

    async def body() -> None:
        house = House()
        await house.relay.follow(STATS)
        house.notice(house.log.append(BOOKINGS))
        assert house.accepted == [BOOKINGS]
        house.relay.unfollow(STATS)
        assert house.relay.followed == 0

    run(body())


def test_following_fails_with_the_store_and_leaves_nothing(run) -> None:
    """Nobody is counted when the head can't be read; the next try is a fresh one."""

    async def body() -> None:
        house = House()
        house.log.fault = StoreUnavailable("away", reason="test")
        with pytest.raises(StoreUnavailable):
            await house.relay.follow(BOOKINGS)
        assert house.relay.followed == 0
        house.log.fault = None
        await house.relay.follow(BOOKINGS)
        assert house.relay.followed == 1

    run(body())


def test_closing_ends_what_is_under_way(run) -> None:
    """No task outlives the relay."""

    async def body() -> None:
        house = House()
        house.log.hold(5)
        following = asyncio.create_task(house.relay.follow(BOOKINGS))
        await settled()
        assert house.relay.in_flight == 1
        await house.relay.close()
        with pytest.raises(asyncio.CancelledError):
            await following
        assert (house.relay.in_flight, house.relay.followed) == (0, 0)

    run(body())
