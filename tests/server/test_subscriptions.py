"""Replays: how far they go ahead of their client, and what a pong says to have arrived of them."""

from collections.abc import Awaitable, Callable

from rtdash.protocol.messages import encode
from rtdash.server.ws.checkpoints import CHECKPOINT_BYTES
from rtdash.server.ws.connection import ServerConnection
from tests.fakes import BOOKINGS, FakeLog
from tests.server.simulated_process import Process, turn
from tests.server.steered_link import SteeredLink
from tests.server.steered_store import SteeredLoop, Store

HISTORY = 3_000
"""More than a client that doesn't read takes: the replay stands somewhere in the middle."""


def replaying(
    test: Callable[[Process, FakeLog, ServerConnection], Awaitable[None]], **options: int
) -> None:
    """Run `test` with a connection that is in the middle of a replay and doesn't read on; `options`
    of its subscribe.
    """

    async def run() -> None:
        log = FakeLog()
        log.append(BOOKINGS, HISTORY)
        process = Process(loop, log, Store(loop))
        try:
            connection = process.connect(SteeredLink(loop, []), "ann")
            positions = {"hotel_reservations": {"epoch": "e1", "seq": 0}}
            subscribe = {
                "action": "subscribe",
                "channels": ["hotel_reservations"],
                "positions": positions,
                **options,
            }
            connection.text_received(encode(subscribe).decode())
            await turn(process)
            await test(process, log, connection)
        finally:
            await process.stop()

    loop = SteeredLoop()
    loop.run_until_complete(run())
    loop.close()


def pong(connection: ServerConnection, mark: int) -> None:
    """The client answers a ping."""
    connection.pong_received(mark.to_bytes(CHECKPOINT_BYTES, "big"))


def confirmed(connection: ServerConnection) -> tuple[str, int]:
    """From where on the client goes on that comes back with nothing but its session."""
    assert connection.action_handler.session is not None
    return connection.action_handler.session.confirmed[BOOKINGS]


def test_a_pong_confirms_how_far_a_replay_had_come() -> None:
    """At its ping, that is: what went out since may not have arrived."""

    async def test(_process: Process, _log: FakeLog, connection: ServerConnection) -> None:
        pong(connection, connection.action_handler.make_checkpoint())
        assert 0 < confirmed(connection)[1] < HISTORY

    replaying(test)


def test_a_pong_says_nothing_of_a_log_that_came_after_its_ping() -> None:
    """How far a replay had come in the old log is no position in the new one, where everything up
    to it would be passed over.
    """

    async def test(process: Process, log: FakeLog, connection: ServerConnection) -> None:
        mark = connection.action_handler.make_checkpoint()
        log.epoch = "e2"
        log.restore({BOOKINGS: 10})
        await process.look()
        pong(connection, mark)
        assert confirmed(connection) == ("e1", 0)

    replaying(test)


def test_a_replay_waits_for_a_client_that_asked_for_batches() -> None:
    """Page by page, as for any other: nothing piles up in the window, and what is live then finds
    no reader that counts as slow.
    """

    async def test(process: Process, log: FakeLog, connection: ServerConnection) -> None:
        assert connection.send_queue.has_room()
        assert len([read for read in log.reads if read[0] == "events"]) == 1
        process.relay.announce(log.append(BOOKINGS))
        await turn(process)
        assert connection.is_open

    replaying(test, batch=1000)


def test_a_replay_that_meets_a_fault_ends_its_connection() -> None:
    """With an error to the client, a log line and a count: it must not stay open and miss events
    silently.
    """

    async def test(process: Process, log: FakeLog, connection: ServerConnection) -> None:
        log.fault = KeyError("a mistake of ours")
        connection.resume_writing()
        await turn(process)
        assert not connection.is_open
        assert process.metrics.replays.labels("failed")._value.get() == 1

    replaying(test)
