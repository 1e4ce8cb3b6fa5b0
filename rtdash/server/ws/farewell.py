"""The `disconnect` message before a close, and what a close may take."""

from rtdash.protocol.codes import RETRY_AFTER_MS, may_reconnect
from rtdash.protocol.messages import disconnect_message, encode
from rtdash.server.ws.connection_context import ConnectionContext

CLOSE_TIMEOUT_S = 5.0
"""Time that a peer may take to read what is left and answer a Close; then the socket is aborted."""

REFUSED_TIMEOUT_S = 1.0
"""The same for a peer that has answered nothing for a while already, or that broke the framing."""

JITTER_MS = 1000
"""Spread of a client's return after a close."""

CLOSE_REASON_BYTES = 123
"""Longest reason that a Close carries (RFC 6455 section 5.5)."""


def farewell(
    context: ConnectionContext, code: int, reason: str, retry_after_ms: int, jitter_ms: int
) -> bytes:
    """Return the encoded `disconnect` before a close; `retry_after_ms` 0 stands for the code's own."""
    return encode(
        disconnect_message(
            code=code,
            reason=reason,
            reconnect=may_reconnect(code),
            retry_after_ms=retry_after_ms or RETRY_AFTER_MS.get(code, 0),
            jitter_ms=jitter_ms,
            timestamp=context.clock(),
        )
    )
