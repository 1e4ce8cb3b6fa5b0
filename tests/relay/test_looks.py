"""Looks at the heads: what a lost notice, a restored log, another epoch and pruning are found
by.
"""

import asyncio

import pytest

from rtdash.protocol.channels import Position, Stream
from rtdash.relay.head_poller import Reach
from rtdash.store.database import StoreUnavailable
from tests.fakes import BOOKINGS, NOTES, body_of
from tests.relay.relay_fixture import RelayFixture, seqs, settled


def test_a_look_at_the_heads_heals_a_lost_notice(run) -> None:
    """No notice of the events came; the head in the log shows them."""

    async def body() -> None:
        setup = RelayFixture()
        member = await setup.member()
        setup.log.append(BOOKINGS, 3)
        await setup.relay.poll_heads()
        await settled()
        assert seqs(member) == [1, 2, 3]

    run(body())


def test_heads_are_looked_at_only_when_the_log_moved(run) -> None:
    """And a look that failed is made up for, although the move was noticed already."""

    async def body() -> None:
        setup = RelayFixture()
        await setup.relay._poll_if_moved()
        setup.log.is_moved = False
        await setup.relay._poll_if_moved()
        assert setup.relay.counts["looks"] == 1
        setup.log.is_moved, setup.log.fault = True, StoreUnavailable("away", reason="test")
        with pytest.raises(StoreUnavailable):
            await setup.relay._poll_if_moved()
        setup.log.is_moved, setup.log.fault = False, None
        await setup.relay._poll_if_moved()
        assert setup.relay.counts["looks"] == 3

    run(body())


def test_recent_polls_heal_whatever_was_lost(run) -> None:
    """Each finds what was committed since the one before; one that fails leaves it to the next."""

    async def body() -> None:
        setup = RelayFixture()
        member = await setup.member()
        await setup.relay.poll_heads()
        setup.log.append(BOOKINGS, 2)
        setup.log.append(NOTES)
        setup.log.fault = StoreUnavailable("away", reason="test")
        with pytest.raises(StoreUnavailable):
            await setup.relay.poll_heads(Reach.RECENT)
        setup.log.fault = None
        await setup.relay.poll_heads(Reach.RECENT)
        setup.log.append(BOOKINGS)
        await setup.relay.poll_heads(Reach.RECENT)
        await settled()
        assert seqs(member) == [1, 2, 3]
        assert setup.changed.count(NOTES) == 1, "its figures are read anew, once"

    run(body())


def test_a_recent_poll_costs_what_has_changed(run) -> None:
    """However many streams are followed, only those that have changed are looked at."""

    async def body() -> None:
        setup = RelayFixture()
        for number in range(50):
            await setup.relay.follow(Stream(f"venue-{number}", BOOKINGS.channel))
        await setup.relay.poll_heads()
        looked_at = _CountingDict(setup.relay._sequencer._streams)
        setup.relay._sequencer._streams = looked_at
        setup.log.append(Stream("venue-7", BOOKINGS.channel))
        await setup.relay._poll_if_moved()
        await settled()
        assert looked_at.keys_used == {Stream("venue-7", BOOKINGS.channel)}

    run(body())


def test_a_fault_of_the_store_in_a_gap_is_healed_later(run) -> None:
    """The read that failed is taken up again at the next tick, even if the file has not moved
    since.
    """

    async def body() -> None:
        setup = RelayFixture()
        member = await setup.member()
        events = setup.log.append(BOOKINGS, 2)
        setup.log.fault = StoreUnavailable("away", reason="test")
        setup.notice(events[1:])
        await settled()
        setup.log.fault, setup.log.is_moved = None, False
        setup.relay._is_poll_due = False
        await setup.relay._poll_if_moved()
        await settled()
        assert seqs(member) == [1, 2]

    run(body())


def test_an_event_accepted_during_a_look_is_not_taken_for_a_lost_log(run) -> None:
    """A head that was read before the event is older than what is known, and that proves
    nothing.
    """

    async def body() -> None:
        setup = RelayFixture()
        await setup.member()
        setup.log.hold()
        polling = asyncio.create_task(setup.relay.poll_heads())
        await settled()
        setup.relay.announce(setup.log.append(BOOKINGS))
        setup.log.release()
        await polling
        assert setup.relay.epoch == "e1"

    run(body())


def test_a_log_behind_what_was_seen_gets_a_new_epoch(run) -> None:
    """A restored backup: all subscribers get a reset, and what comes next is numbered on from its
    head.
    """

    async def body() -> None:
        setup = RelayFixture()
        member = await setup.member()
        setup.relay.announce(setup.log.append(BOOKINGS, 5))
        await settled()
        setup.log.restore({BOOKINGS: 2})
        await setup.relay.poll_heads()
        assert setup.relay.position(BOOKINGS) == Position("e2", 2)
        assert setup.resets == [(BOOKINGS, "epoch_changed")]
        setup.relay.announce(setup.log.append(BOOKINGS))
        await settled()
        assert member.bodies[-1] == body_of(BOOKINGS, 3, "e2")

    run(body())


def test_numbers_that_a_new_epoch_gives_again_are_news(run) -> None:
    """The head is what it was before the log was set back, and not the same event."""

    async def body() -> None:
        setup = RelayFixture()
        member = await setup.member()
        setup.log.append(BOOKINGS, 2)
        await setup.relay.poll_heads()
        await settled()
        setup.log.restore({BOOKINGS: 1})
        await setup.relay.poll_heads(Reach.RECENT)
        setup.log.append(BOOKINGS)
        await setup.relay.poll_heads(Reach.RECENT)
        await settled()
        assert member.bodies[-1] == body_of(BOOKINGS, 2, "e2")

    run(body())


def test_an_epoch_drawn_elsewhere_is_taken_over(run) -> None:
    """`doctor --new-epoch`, or another process: seen at the next poll, one reset."""

    async def body() -> None:
        setup = RelayFixture()
        epochs: list[str] = []
        setup.relay.on_epoch = epochs.append
        await setup.member()
        setup.log.epoch = "e7"
        await setup.relay.poll_heads()
        await setup.relay.poll_heads()
        assert (setup.relay.epoch, epochs, setup.resets) == (
            "e7",
            ["e7"],
            [(BOOKINGS, "epoch_changed")],
        )

    run(body())


def test_pruning_that_overtakes_a_stream_resets_its_members(run) -> None:
    """What was next is gone from the log: the members get a reset, and go on behind the hole."""

    async def body() -> None:
        setup = RelayFixture()
        member = await setup.member()
        setup.log.append(BOOKINGS, 4)
        setup.log.prune(BOOKINGS, 3)
        await setup.relay.poll_heads()
        await settled()
        assert setup.resets == [(BOOKINGS, "history_gone")]
        assert seqs(member) == [4]

    run(body())


def test_a_position_beyond_the_log_ends_its_epoch(run) -> None:
    """What a poll saw was lost: all members start over. What may be made up ends none on the
    socket, and by polling one in a while.
    """

    async def body() -> None:
        setup = RelayFixture()
        await setup.member()
        setup.log.append(NOTES, 9)
        await setup.relay.poll_heads()
        setup.log.restore({NOTES: 4})
        await setup.relay.follow(NOTES)
        start = await setup.relay.prepare(NOTES, Position("e1", 9))
        assert (start.recovered, start.reset_reason) == (False, "beyond_head")
        assert setup.relay.position(NOTES) == Position("e2", 4)
        assert setup.resets[0] == (BOOKINGS, "epoch_changed")
        made_up = Position("e2", 1_000)
        assert (await setup.relay.prepare(NOTES, made_up)).reset_reason == "beyond_head"
        assert setup.relay.epoch == "e2"
        await setup.relay.refute(NOTES, made_up, is_believed=True)
        assert setup.relay.epoch == "e3"
        with pytest.raises(StoreUnavailable, match="beyond the end of the log") as refused:
            await setup.relay.refute(NOTES, Position("e3", 1_000), is_believed=True)
        assert refused.value.reason == "beyond_head"
        assert "subscribe without a position" in refused.value.hint
        assert setup.relay.epoch == "e3"

    run(body())


def test_a_stream_opened_with_an_old_head_is_caught_up_by_the_next_poll(run) -> None:
    """A poll sees the new head while the first follower's read of the older one is under way; the
    poll after it finds nothing changed, and the event must come all the same.
    """

    async def body() -> None:
        setup = RelayFixture()
        setup.log.hold()
        joining = asyncio.create_task(setup.member())
        await settled()
        setup.log.append(BOOKINGS)
        await setup.relay.poll_heads()
        setup.log.release()
        await joining
        await setup.relay.poll_heads()
        await settled()
        assert setup.hub.top(BOOKINGS) == 1

    run(body())


def test_a_poll_compares_with_what_was_accepted_and_not_with_the_poll_before(run) -> None:
    """The head was known before the stream was followed from an older one."""

    async def body() -> None:
        setup = RelayFixture()
        setup.log.append(BOOKINGS)
        await setup.relay.poll_heads()
        member = await setup.member()
        setup.relay._sequencer._streams[BOOKINGS].go_to(0)
        setup.hub.track(BOOKINGS, 0)
        await setup.relay.poll_heads()
        await settled()
        assert seqs(member) == [1]

    run(body())


class _CountingDict(dict):
    """A dict that keeps which of its keys were used; going through it uses all."""

    def __init__(self, values: dict) -> None:
        super().__init__(values)
        self.keys_used: set = set()

    def get(self, key, default=None):
        self.keys_used.add(key)
        return super().get(key, default)

    def items(self):
        self.keys_used.update(self)
        return super().items()

    def __iter__(self):
        self.keys_used.update(super().keys())
        return super().__iter__()
