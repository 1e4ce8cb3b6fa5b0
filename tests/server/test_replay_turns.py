"""Turns of replays in a storm, and what clients get that wait for theirs."""

from collections.abc import Awaitable, Callable

import pytest

from rtdash.protocol.messages import encode
from rtdash.server.ws.replay_turns import AT_ONCE, CHECK_S, LONGEST_WAIT_S, PAUSE_S, ReplayTurns
from tests.fakes import BOOKINGS, FakeLog, Turns, body_of
from tests.server.simulated_process import Process, turn
from tests.server.steered_link import SteeredLink
from tests.server.steered_store import SteeredLoop, Store


class Storm:
    """A storm that breaks and ends when a test says so, and the turns within it, as numbers."""

    def __init__(self) -> None:
        self.is_on = True
        self.loop = Turns()
        self.turns = ReplayTurns(lambda: self.is_on, self.loop.call_later, self.loop.clock)
        self.given: list[int] = []

    def wait(self, number: int) -> bool:
        """Ask for a turn."""
        return self.turns.wait(lambda: self.given.append(number))


def test_without_a_storm_none_waits() -> None:
    """The client joins at once."""
    storm = Storm()
    storm.is_on = False
    assert not storm.wait(1)
    assert not storm.loop.later


def test_behind_the_storm_they_go_on_in_order_a_bounded_number_at_a_time() -> None:
    """A moment without one that waits, as between two groups of sessions, is not its end yet."""
    storm = Storm()
    numbers = list(range(AT_ONCE + 1))
    assert all(storm.wait(number) for number in numbers)
    storm.is_on = False
    storm.loop.turn(CHECK_S)
    assert storm.given == []
    storm.loop.turn(CHECK_S)
    assert storm.given == numbers[:AT_ONCE]
    storm.loop.turn(PAUSE_S)
    assert storm.given == numbers
    assert not storm.loop.later
    assert not storm.wait(0)


def test_a_storm_that_lasts_keeps_none_for_long() -> None:
    """Each goes on LONGEST_WAIT_S after it asked."""
    storm = Storm()
    storm.wait(1)
    storm.loop.turn(LONGEST_WAIT_S / 2)
    storm.wait(2)
    storm.loop.turn(LONGEST_WAIT_S / 2)
    assert storm.given == [1]
    storm.loop.turn(LONGEST_WAIT_S / 2)
    assert storm.given == [1, 2]


def test_one_that_fails_keeps_none_of_the_others_waiting() -> None:
    """The event loop reports its error; the next ones have their turn."""

    def fail() -> None:
        raise ValueError("a bug")

    storm = Storm()
    storm.turns.wait(fail)
    storm.wait(1)
    storm.is_on = False
    storm.loop.turn(CHECK_S)
    with pytest.raises(ValueError, match="a bug"):
        storm.loop.turn(CHECK_S)
    storm.loop.turn(CHECK_S)
    assert storm.given == [1]


def returned(test: Callable[[Process, FakeLog, SteeredLink], Awaitable[None]]) -> None:
    """Run `test` with a client that came back in a storm, behind the first of three events."""

    async def run() -> None:
        log = FakeLog()
        log.append(BOOKINGS, 3)
        process = Process(loop, log, Store(loop))
        process.is_storm = True
        try:
            link = SteeredLink(loop, [])
            positions = {"hotel_reservations": {"epoch": "e1", "seq": 1}}
            subscribe = {
                "action": "subscribe",
                "channels": ["hotel_reservations"],
                "positions": positions,
            }
            process.connect(link, "ann").text_received(encode(subscribe).decode())
            await turn(process)
            assert events(link) == [2, 3]
            await test(process, log, link)
            process.is_storm = False
            await wait(process, 2 * CHECK_S)
            assert process.hub.members(BOOKINGS) <= 1
        finally:
            await process.stop()

    loop = SteeredLoop()
    loop.run_until_complete(run())
    loop.close()


async def wait(process: Process, seconds: float) -> None:
    """Let time pass, in steps."""
    for _ in range(5):
        process.loop.now_s += seconds / 4
        await turn(process)


def events(link: SteeredLink) -> list[int]:
    """Take what has come; the numbers of the events among it, or of resets, negative."""
    numbers = {body_of(BOOKINGS, seq, epoch): seq for seq in range(1, 20) for epoch in ("e1", "e2")}
    found: list[int] = []
    while frame := link.take():
        if frame.kind == "text":
            found.append(numbers.get(frame.content, -1 if b'"reset"' in frame.content else 0))
    return [number for number in found if number]


def test_a_client_gets_what_it_missed_at_once_and_later_events_in_its_turn() -> None:
    """Each once, in order; and from then on at once."""

    async def test(process: Process, log: FakeLog, link: SteeredLink) -> None:
        for _ in range(2):
            process.relay.announce(log.append(BOOKINGS))
            await turn(process)
        assert events(link) == []
        await wait(process, LONGEST_WAIT_S)
        assert events(link) == [4, 5]
        process.relay.announce(log.append(BOOKINGS))
        await turn(process)
        assert events(link) == [6]

    returned(test)


def test_a_pong_confirms_no_event_that_waits() -> None:
    """The head has gone on, the client has not."""

    async def test(process: Process, log: FakeLog, link: SteeredLink) -> None:
        process.relay.announce(log.append(BOOKINGS))
        await turn(process)
        connection = link.receiver
        assert connection is not None
        handler = connection.action_handler
        handler.confirm(handler.make_checkpoint())
        assert handler.session is not None
        assert handler.session.confirmed[BOOKINGS] == ("e1", 3)

    returned(test)


def test_one_that_unsubscribes_meanwhile_gets_nothing_more() -> None:
    """Nor does it follow anything when its turn comes."""

    async def test(process: Process, log: FakeLog, link: SteeredLink) -> None:
        assert link.receiver is not None
        unsubscribe = {"action": "unsubscribe", "channels": ["hotel_reservations"]}
        link.receiver.text_received(encode(unsubscribe).decode())
        process.relay.announce(log.append(BOOKINGS))
        await wait(process, LONGEST_WAIT_S)
        assert events(link) == []
        assert not process.hub.has_members(BOOKINGS)

    returned(test)


def test_one_that_goes_meanwhile_is_nothing() -> None:
    """When its turn comes, nothing is followed for it."""

    async def test(process: Process, _log: FakeLog, link: SteeredLink) -> None:
        link.end()
        await wait(process, LONGEST_WAIT_S)
        assert not process.hub.has_members(BOOKINGS)

    returned(test)


def test_a_new_epoch_meanwhile_resets_at_once() -> None:
    """What waited belongs to the old log: the client goes on in the new one, and joins once."""

    async def test(process: Process, log: FakeLog, link: SteeredLink) -> None:
        log.epoch = "e2"
        log.restore({BOOKINGS: 1})
        await process.look()
        await turn(process)
        assert events(link) == [-1]
        process.relay.announce(log.append(BOOKINGS))
        await wait(process, LONGEST_WAIT_S)
        assert events(link) == [2]
        assert process.hub.members(BOOKINGS) == 1

    returned(test)


def test_history_that_is_pruned_meanwhile_resets_in_its_turn() -> None:
    """No event is passed over silently."""

    async def test(process: Process, log: FakeLog, link: SteeredLink) -> None:
        process.relay.announce(log.append(BOOKINGS, 2))
        await turn(process)
        process.hub._replay_cache.evict(BOOKINGS)
        log.prune(BOOKINGS, 5)
        await wait(process, LONGEST_WAIT_S)
        assert events(link) == [-1]

    returned(test)
