"""The relay: announcements, notices, looks at the heads, positions, replays, epochs."""

import asyncio
import time

import pytest

from rtdash.broker.base import Notice
from rtdash.broker.memory import MemoryBroker
from rtdash.domain.instants import from_ms
from rtdash.hub import Hub
from rtdash.protocol.channels import Position, Stream
from rtdash.relay import Relay, Start
from rtdash.store.database import StoreUnavailable
from rtdash.store.event_log import StoredEvent
from tests.fakes import BOOKINGS, NOTES, STATS, FakeLog, Member, body_of


class House:
    """A relay over a fake log, with what its hooks were told."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.log = FakeLog()
        self.hub = Hub(loop.call_soon, loop.call_later, time.monotonic)
        self.accepted: list[Stream] = []
        self.resets: list[tuple[Stream, str]] = []
        self.broker = MemoryBroker()
        self.relay = Relay(self.log, self.hub, self.broker, "e1", clock=lambda: from_ms(0), on_accepted=self.accepted.append)
        self.relay.on_reset = lambda stream, reason: self.resets.append((stream, reason))

    async def member(self, stream: Stream = BOOKINGS) -> Member:
        """Somebody who follows from the head."""
        member = Member()
        await self.relay.follow(stream)
        self.hub.join(stream, member)
        return member

    def notice(self, events: list[StoredEvent], epoch: str = "e1") -> None:
        """Another process told of them."""
        self.relay._receive(Notice(events[0].stream, epoch, events[0].seq, tuple(event.body for event in events)))


@pytest.fixture
def run():
    """Run an async test body."""
    with asyncio.Runner() as runner:
        yield runner.run


async def settled(turns: int = 10) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


def seqs(member: Member) -> list[int]:
    return [int(body.split()[3]) for body in member.bodies]


def test_an_announcement_reaches_members_and_the_broker(run) -> None:
    """Own events go to the hub at once, and to others behind the back of the request."""

    async def body() -> None:
        house = House()
        member = await house.member()
        notices = house.broker.listen()
        heard = asyncio.ensure_future(anext(notices))
        await settled()
        running = asyncio.create_task(house.relay.link.run())
        house.relay.announce(house.log.append(BOOKINGS, 2))
        notice = await heard
        while notice.stream != BOOKINGS:
            notice = await anext(notices)
        assert seqs(member) == [1, 2]
        assert (notice.first_seq, notice.bodies, notice.epoch) == (1, (body_of(BOOKINGS, 1), body_of(BOOKINGS, 2)), "e1")
        assert house.accepted == [BOOKINGS]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run(body())


def test_events_of_a_commit_are_told_apart_by_stream(run) -> None:
    """A commit that touches several streams, in turn, is accepted on each."""

    async def body() -> None:
        house = House()
        bookings, notes = await house.member(), await house.member(NOTES)
        events = [event for pair in zip(house.log.append(BOOKINGS, 2), house.log.append(NOTES, 2), strict=True) for event in pair]
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


def test_a_look_at_the_heads_heals_a_lost_notice(run) -> None:
    """Nobody told of the events; the head in the log does."""

    async def body() -> None:
        house = House()
        member = await house.member()
        house.log.append(BOOKINGS, 3)
        await house.relay.look()
        await settled()
        assert seqs(member) == [1, 2, 3]

    run(body())


def test_an_event_accepted_during_a_look_is_not_taken_for_a_lost_log(run) -> None:
    """A head that was read before the event is older than what is known, and that proves nothing."""

    async def body() -> None:
        house = House()
        await house.member()
        house.log.hold()
        looking = asyncio.create_task(house.relay.look())
        await settled()
        house.relay.announce(house.log.append(BOOKINGS))
        house.log.release()
        await looking
        assert house.relay.epoch == "e1"

    run(body())


def test_a_log_behind_what_was_seen_gets_a_new_epoch(run) -> None:
    """A restored backup: everybody is told, and what comes next is numbered on from its head."""

    async def body() -> None:
        house = House()
        member = await house.member()
        house.relay.announce(house.log.append(BOOKINGS, 5))
        await settled()
        house.log.restore({BOOKINGS: 2})
        await house.relay.look()
        assert house.relay.position(BOOKINGS) == Position("e2", 2)
        assert house.resets == [(BOOKINGS, "epoch_changed")]
        house.relay.announce(house.log.append(BOOKINGS))
        await settled()
        assert member.bodies[-1] == body_of(BOOKINGS, 3, "e2")

    run(body())


def test_an_epoch_drawn_elsewhere_is_taken_over(run) -> None:
    """`doctor --new-epoch`, or another process: seen at the next look, told once."""

    async def body() -> None:
        house = House()
        epochs: list[str] = []
        house.relay.on_epoch = epochs.append
        await house.member()
        house.log.epoch = "e7"
        await house.relay.look()
        await house.relay.look()
        assert (house.relay.epoch, epochs, house.resets) == ("e7", ["e7"], [(BOOKINGS, "epoch_changed")])

    run(body())


def test_pruning_that_overtakes_a_stream_resets_its_members(run) -> None:
    """What was next is gone from the log: they are told, and go on behind the hole."""

    async def body() -> None:
        house = House()
        member = await house.member()
        house.log.append(BOOKINGS, 4)
        house.log.prune(BOOKINGS, 3)
        await house.relay.look()
        await settled()
        assert house.resets == [(BOOKINGS, "history_gone")]
        assert seqs(member) == [4]

    run(body())


@pytest.mark.parametrize(
    ("after", "start"),
    [
        (None, Start(BOOKINGS, None, None)),
        (Position("e1", 10), Start(BOOKINGS, recovered=True, after_seq=10)),
        (Position("e1", 4), Start(BOOKINGS, recovered=True, after_seq=4)),
        (Position("e1", 3), Start(BOOKINGS, recovered=False, after_seq=None, reset_reason="history_gone")),
        (Position("e1", 11), Start(BOOKINGS, recovered=False, after_seq=None, reset_reason="beyond_head")),
        (Position("e0", 10), Start(BOOKINGS, recovered=False, after_seq=None, reset_reason="epoch_changed")),
    ],
)
def test_what_can_be_recovered(run, after: Position | None, start: Start) -> None:
    """The log has events 5 to 10: positions 4 to 10 of its epoch, and no others."""

    async def body() -> None:
        house = House()
        house.log.append(BOOKINGS, 10)
        house.log.prune(BOOKINGS, 4)
        await house.relay.follow(BOOKINGS)
        assert await house.relay.prepare(BOOKINGS, after) == start

    run(body())


def test_the_head_is_recoverable_before_the_first_event_and_after_all_are_pruned(run) -> None:
    """However long nothing was sent: nothing can be missing behind the head."""

    async def body() -> None:
        house = House()
        await house.relay.follow(BOOKINGS)
        assert (await house.relay.prepare(BOOKINGS, Position("e1", 0))).recovered
        house.relay.announce(house.log.append(BOOKINGS, 3))
        house.log.prune(BOOKINGS, 3)
        house.hub.flush_now()
        assert (await house.relay.prepare(BOOKINGS, Position("e1", 3))).recovered

    run(body())


def test_a_position_from_a_faster_process_is_caught_up_first(run) -> None:
    """It is beyond our top, but the log has it: no reset."""

    async def body() -> None:
        house = House()
        member = await house.member()
        house.log.append(BOOKINGS, 5)
        start = await house.relay.prepare(BOOKINGS, Position("e1", 4))
        assert (start.recovered, house.hub.top(BOOKINGS)) == (True, 5)
        assert seqs(member) == [1, 2, 3, 4, 5]

    run(body())


def test_a_replay_reads_pages_and_joins_without_a_gap(run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages up to the top, and the top moves meanwhile; then live."""
    monkeypatch.setattr("rtdash.relay.replays.PAGE", 4)

    async def body() -> None:
        house = House()
        house.log.append(BOOKINGS, 10)
        await house.relay.follow(BOOKINGS)
        member = Member(lambda parcel: house.relay.announce(house.log.append(BOOKINGS)) if parcel.last_seq == 6 else None)
        assert await house.relay.replay(BOOKINGS, 2, member) is not None
        house.relay.announce(house.log.append(BOOKINGS))
        await settled()
        assert seqs(member) == list(range(3, 13))
        assert [len(parcel.bodies) for parcel in member.parcels[:2]] == [4, 4]

    run(body())


def test_recent_events_are_replayed_without_the_log(run) -> None:
    """A storm of resumes after a short drop reads nothing, and all of them get the same bytes."""

    async def body() -> None:
        house = House()
        await house.member()
        for _ in range(3):
            house.relay.announce(house.log.append(BOOKINGS))
            await settled()
        reads = len(house.log.reads)
        members = [Member(), Member()]
        for member in members:
            assert await house.relay.replay(BOOKINGS, 1, member)
        assert seqs(members[0]) == [2, 3]
        assert [id(parcel) for parcel in members[0].parcels] == [id(parcel) for parcel in members[1].parcels]
        assert len(house.log.reads) == reads

    run(body())


def test_replays_of_the_same_page_share_one_read(run) -> None:
    """After a restart everybody comes back with the same position; a caller that gives up takes nobody along."""

    async def body() -> None:
        house = House()
        house.log.append(BOOKINGS, 5)
        await house.relay.follow(BOOKINGS)
        house.log.hold(10)
        members = [Member() for _ in range(20)]
        replays = [asyncio.create_task(house.relay.replay(BOOKINGS, 0, member)) for member in members]
        await settled()
        replays[0].cancel()
        await settled()
        house.log.release()
        await asyncio.gather(*replays[1:])
        assert house.log.reads.count(("events", BOOKINGS)) == 1
        assert all(member.parcels[0] is members[1].parcels[0] for member in members[1:])
        assert members[0].parcels == []

    run(body())


def test_a_slow_reader_holds_up_its_replay_and_nobody_else(run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next page waits until it has drained; live members go on."""
    monkeypatch.setattr("rtdash.relay.replays.PAGE", 2)

    async def body() -> None:
        house = House()
        house.log.append(BOOKINGS, 6)
        witness, slow = await house.member(), Member()
        slow.pace.clear()
        replay = asyncio.create_task(house.relay.replay(BOOKINGS, 0, slow))
        await settled()
        house.relay.announce(house.log.append(BOOKINGS))
        await settled()
        assert (seqs(slow), seqs(witness)) == ([1, 2], [7])
        slow.pace.set()
        await replay
        assert seqs(slow) == [1, 2, 3, 4, 5, 6, 7]

    run(body())


def test_a_replay_that_pruning_overtakes_ends_without_a_gap(run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It delivers no further event, and leaves it to the caller to say so."""
    monkeypatch.setattr("rtdash.relay.replays.PAGE", 2)

    async def body() -> None:
        house = House()
        house.log.append(BOOKINGS, 6)
        await house.relay.follow(BOOKINGS)
        member = Member(lambda _parcel: house.log.prune(BOOKINGS, 4))
        assert await house.relay.replay(BOOKINGS, 0, member) is None
        assert seqs(member) == [1, 2]
        assert not house.hub.has_members(BOOKINGS)

    run(body())


def test_a_replay_ends_with_its_subscriber_its_stream_or_its_epoch(run) -> None:
    """Closed, no longer followed, or of another log: nothing is joined."""

    async def body() -> None:
        for end in ("close", "unfollow", "epoch"):
            house = House()
            house.log.append(BOOKINGS, 3)
            await house.relay.follow(BOOKINGS)
            member = Member()
            member.pace.clear()
            replay = asyncio.create_task(house.relay.replay(BOOKINGS, 0, member))
            await settled()
            if end == "close":
                member.is_open = False
            elif end == "unfollow":
                house.relay.unfollow(BOOKINGS)
            else:
                house.log.epoch = "e2"
                await house.relay.look()
            member.pace.set()
            assert await replay is None
            assert not house.hub.has_members(BOOKINGS)

    run(body())


def test_a_fault_of_the_store_in_a_gap_is_healed_later(run) -> None:
    """The read that failed is taken up again at the next tick, even if the file has not moved since."""

    async def body() -> None:
        house = House()
        member = await house.member()
        events = house.log.append(BOOKINGS, 2)
        house.log.fault = StoreUnavailable("away", reason="test")
        house.notice(events[1:])
        await settled()
        house.log.fault, house.log.has_moved = None, False
        house.relay._is_look_due = False
        await house.relay._look_if_moved()
        await settled()
        assert seqs(member) == [1, 2]

    run(body())


def test_heads_are_looked_at_only_when_the_log_moved(run) -> None:
    """And a look that failed is made up for, although the move was noticed already."""

    async def body() -> None:
        house = House()
        await house.relay._look_if_moved()
        house.log.has_moved = False
        await house.relay._look_if_moved()
        assert house.relay.counts["looks"] == 1
        house.log.has_moved, house.log.fault = True, StoreUnavailable("away", reason="test")
        with pytest.raises(StoreUnavailable):
            await house.relay._look_if_moved()
        house.log.has_moved, house.log.fault = False, None
        await house.relay._look_if_moved()
        assert house.relay.counts["looks"] == 3

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


def test_a_page_read_before_a_new_epoch_is_not_delivered(run) -> None:
    """The events of a log that is no longer ours would be taken for those of the new one."""

    async def body() -> None:
        house = House()
        house.log.append(BOOKINGS, 3)
        await house.relay.follow(BOOKINGS)
        member = Member()
        house.log.hold()
        replay = asyncio.create_task(house.relay.replay(BOOKINGS, 0, member))
        await settled()
        house.log.epoch = "e2"
        await house.relay.look()
        house.log.release()
        assert await replay is None
        assert seqs(member) == []

    run(body())


def test_nobody_joins_a_stream_that_is_not_followed(run) -> None:
    """Not even at position 0, where there would be nothing to replay."""

    async def body() -> None:
        house = House()
        await house.relay.follow(BOOKINGS)
        house.relay.unfollow(BOOKINGS)
        assert await house.relay.replay(BOOKINGS, 0, Member()) is None
        assert house.hub.streams() == ()

    run(body())


def test_a_position_asked_for_while_the_log_is_read_is_looked_for_again(run) -> None:
    """The read under way may be older than the event: one who knows of it gets no reset for that."""

    async def body() -> None:
        house = House()
        await house.relay.follow(BOOKINGS)
        house.log.hold()
        early = asyncio.create_task(house.relay.prepare(BOOKINGS, Position("e1", 5)))
        await settled()
        house.log.append(BOOKINGS, 5)
        late = asyncio.create_task(house.relay.prepare(BOOKINGS, Position("e1", 5)))
        await settled()
        house.log.release()
        await early
        assert (await late).recovered

    run(body())
