"""Limits over all processes, enforced on the connections of this one at each heartbeat."""

from collections.abc import Iterable

from rtdash.protocol.codes import CloseCode
from rtdash.server.ws.action_queue import ResaveSession
from rtdash.server.ws.connection import ServerConnection
from rtdash.server.ws.connection_context import ConnectionContext
from rtdash.server.ws.connection_limits import surplus
from rtdash.server.ws.session_registry import TAKEN_OVER, Heartbeat


def enforce(
    heartbeat: Heartbeat[ServerConnection],
    connections: Iterable[ServerConnection],
    context: ConnectionContext,
) -> bool:
    """Save sessions again that have no row or an unsettled one, close the connections of sessions
    that went to another process, and the newest of users with too many; return whether any was
    closed.

    `connections` are in the order in which they came.
    """
    here = tuple(connections)
    for connection in heartbeat.gone:
        if connection.is_open:
            connection.action_queue.put(ResaveSession(), context.clock())
    for connection in here:
        if connection.is_open and connection.has_unsettled_session:
            connection.action_queue.put(ResaveSession(), context.clock())
    for connection in heartbeat.superseded:
        connection.close(CloseCode.SESSION_TAKEN_OVER, TAKEN_OVER)
    too_many = _too_many(heartbeat, context)
    for sub, number in too_many.items():
        if context.connection_limits.refuses("connections_per_user"):
            _close_newest(here, sub, number, context.limits.connections_per_user)
    return bool(heartbeat.superseded or too_many)


def _too_many(heartbeat: Heartbeat[ServerConnection], context: ConnectionContext) -> dict[str, int]:
    limit, now = context.limits.connections_per_user, context.now()
    if not limit:
        return {}
    return surplus(
        heartbeat.leases,
        context.sessions.process,
        limit,
        lambda sub: context.takeover_credits.count(sub, now),
    )


def _close_newest(
    connections: tuple[ServerConnection, ...], sub: str, number: int, limit: int
) -> None:
    of_user = [
        one for one in connections if one.is_open and one.action_handler.principal.sub == sub
    ]
    for connection in of_user[-number:]:
        connection.close(
            CloseCode.TOO_MANY_CONNECTIONS,
            f"more than {limit} connections of this user are open: close one",
        )
