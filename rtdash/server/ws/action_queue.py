"""Queue of a client's actions, one after the other, with a task only while one waits."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rtdash.protocol.actions import Action
from rtdash.protocol.server_session import ErrorReply
from rtdash.server.ws.transport import Transport

MAX_WAITING = 64
"""Actions that wait behind the one under way; with more, the peer is not read until there are
fewer."""


@dataclass(frozen=True, slots=True)
class ResaveSession:
    """Our own request: the session's row is gone, as after a long standstill, and its client shall
    find it when it comes back.
    """

    id: None = None


Item = Action | ErrorReply | ResaveSession


class ActionQueue:
    """Actions in their order, with the instants at which they came. `handle` must not raise;
    `spawn` owns the task.
    """

    __slots__ = ("_handle", "_is_deaf", "_spawn", "_transport", "_waiting", "_worker")

    def __init__(
        self,
        transport: Transport,
        handle: Callable[[Item, datetime], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._transport = transport
        self._handle = handle
        self._spawn = spawn
        self._waiting: deque[tuple[Item, datetime]] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._is_deaf = False

    @property
    def is_busy(self) -> bool:
        """Whether something is under way."""
        return self._worker is not None

    @property
    def is_deaf(self) -> bool:
        """Whether the server doesn't read from the peer at the moment."""
        return self._is_deaf

    def put(self, item: Item, came_at: datetime) -> None:
        """Have it handled behind what waits already."""
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append((item, came_at))
        if self._worker is None:
            self._worker = self._spawn(self._work())
        elif len(self._waiting) > MAX_WAITING and not self._is_deaf:
            self._is_deaf = True
            self._transport.pause_reading()

    def shutdown(self) -> None:
        """Handle nothing more."""
        self._waiting = None
        if self._worker is not None:
            self._worker.cancel()

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._handle(*self._waiting.popleft())
                if self._is_deaf and len(self._waiting or ()) <= MAX_WAITING // 2:
                    self._is_deaf = False
                    self._transport.resume_reading()
        finally:
            self._worker = None
            self._waiting = None
