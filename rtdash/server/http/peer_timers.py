"""Timers of one HTTP connection: how long the server waits for a peer's head, for its body, and
for the peer to read an answer.
"""

import asyncio
from collections.abc import Callable
from enum import Enum

BODY_TIMEOUT_S = 60.0
"""For a whole body: the largest one, 8 MiB, then needs 1.1 Mbit/s."""
UNREAD_TIMEOUT_S = 30.0
"""How long an answer may wait in the buffer for a peer that doesn't read it."""


class PeerPhase(Enum):
    """Part of a request that the server waits for, by the limit that bounds it."""

    HEAD = "handshake_timeout_s"
    BODY = "body_timeout_s"


def _ignore(limit: str) -> None:
    """Do nothing: the connection has ended."""


class PeerTimers:
    """Timers of a peer: at most one for what comes in, and one for what goes out. `on_late` gets
    the name of the limit that has passed.
    """

    __slots__ = ("_head_s", "_incoming", "_loop", "_on_late", "_outgoing", "awaited")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, head_s: float, on_late: Callable[[str], None]
    ) -> None:
        self._loop = loop
        self._head_s = head_s
        self._on_late = on_late
        self._incoming: asyncio.TimerHandle | None = None
        self._outgoing: asyncio.TimerHandle | None = None
        self.awaited: PeerPhase | None = None

    def expect(self, phase: PeerPhase | None) -> None:
        """Wait for the whole of a head or of a body from now on, or for nothing. What is awaited
        already keeps its time.
        """
        if phase is self.awaited:
            return
        if self._incoming is not None:
            self._incoming.cancel()
            self._incoming = None
        self.awaited = phase
        patience_s = BODY_TIMEOUT_S if phase is PeerPhase.BODY else self._head_s
        if phase is not None and patience_s:
            self._incoming = self._loop.call_later(patience_s, self._on_late, phase.value)

    def expect_reading(self) -> None:
        """Wait for the peer to read from now on."""
        if self._outgoing is None:
            self._outgoing = self._loop.call_later(UNREAD_TIMEOUT_S, self._end_unread)

    def has_read(self) -> None:
        """Note that the peer has read."""
        if self._outgoing is not None:
            self._outgoing.cancel()
            self._outgoing = None

    def stop(self) -> None:
        """Wait for nothing more, and let go of the connection, which knows this object."""
        self.expect(None)
        self.has_read()
        self._on_late = _ignore

    def _end_unread(self) -> None:
        self._outgoing = None
        self._on_late("unread_timeout_s")
