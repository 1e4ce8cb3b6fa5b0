"""Deadlines of a connection, carried out: pings, warnings and the ends that time brings."""

from rtdash.protocol.messages import encode, token_expiring_message
from rtdash.server.ws.checkpoints import CHECKPOINT_BYTES
from rtdash.server.ws.connection import ServerConnection
from rtdash.server.ws.connection_deadlines import CLOSES, DueAction
from rtdash.server.ws.transport import fail


def check_timers(connection: ServerConnection, now: float, *, was_late: bool) -> None:
    """Do what is due by the clock, and plan the next check. `was_late`: the process itself stood
    still, so that silence is not the peer's fault.

    A fault in one connection ends that one alone: it must not stop the wheel for all others.
    """
    try:
        _check(connection, now, was_late=was_late)
    except Exception:  # noqa: BLE001
        fail(connection.transport, connection)


def _check(connection: ServerConnection, now: float, *, was_late: bool) -> None:
    deadlines, queue = connection.deadlines, connection.action_queue
    while connection.is_open:
        due = deadlines.check_timers(
            now,
            connection.transport.buffered_bytes(),
            is_busy=queue.is_busy,
            is_excused=queue.is_deaf or was_late,
        )
        if due is None:
            connection.host.schedule(connection, deadlines.next_at)
            return
        _do(connection, due)


def _do(connection: ServerConnection, due: DueAction) -> None:
    match due:
        case DueAction.PING:
            connection.send_queue.flush()
            number = connection.action_handler.make_checkpoint()
            connection.transport.ping(number.to_bytes(CHECKPOINT_BYTES, "big"))
        case DueAction.WARN:
            expires_at = connection.action_handler.principal.expires_at
            now = connection.context.clock()
            connection.send((encode(token_expiring_message(expires_at=expires_at, timestamp=now)),))
        case _:
            code, reason = CLOSES[due]
            connection.close(code, reason, is_marked=due is not DueAction.DEAD)
