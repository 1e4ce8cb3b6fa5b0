"""Carries out what the reconnector decides: sockets, tokens, polling and time, with asyncio."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rtdash.client import connection_events as events
from rtdash.client.addresses import rest_url
from rtdash.client.api_errors import NotAllowed, Problem, Unreachable
from rtdash.client.connection_events import Action, Event
from rtdash.client.connection_states import ConnectionChange, State
from rtdash.client.receive_queue import DeliveryQueue
from rtdash.client.reconnector import ReconnectMachine
from rtdash.client.timing import Timing
from rtdash.client.token_source import TokenSource, present_token
from rtdash.client.websocket_connection import (
    ConnectionDropped,
    ConnectionRejected,
    WebSocketConnection,
    open_websocket,
)
from rtdash.protocol.client_session import ClientSession
from rtdash.protocol.received import Message, Subscribed

if TYPE_CHECKING:
    from rtdash.client.polling import Poller

Delivery = Message | Subscribed | ConnectionChange
"""Items for the application's side."""

_ABNORMAL = 1006


class ConnectionLoop:
    """`run` goes on until it is cancelled or the server refuses for good. It owns every task that
    it starts. `compression` as in `websockets`: None offers none.
    """

    def __init__(
        self,
        url: str,
        session: ClientSession,
        token: TokenSource,
        queue: DeliveryQueue[Delivery],
        reconnector: ReconnectMachine,
        *,
        timing: Timing,
        clock: Callable[[], float],
        compression: str | None = "deflate",
    ) -> None:
        self._url = url
        self._token = token
        self._queue = queue
        self._reconnector = reconnector
        self._timing = timing
        self._clock = clock
        self._compression = compression
        self._session = session
        self._poller: Poller | None = None
        self._changed = asyncio.Event()
        self._first_by: float | None = None
        self._refusal: NotAllowed | None = None
        self._end: events.Show | None = None
        self._group: asyncio.TaskGroup
        self._asking: asyncio.Task[None] | None = None
        self._socket: asyncio.Task[None] | None = None
        self._polling: asyncio.Task[None] | None = None
        self._outgoing: asyncio.Queue[str | None] = asyncio.Queue()

    async def run(self, first_timeout_s: float | None) -> None:
        """Keep the client connected.

        Raises Unreachable when nothing at all came within `first_timeout_s`; ConnectionRejected or
        NotAllowed when the server refuses for good; what the token source raises.
        """
        if first_timeout_s is not None:
            self._first_by = self._clock() + first_timeout_s
        try:
            async with asyncio.TaskGroup() as self._group:
                self._handle(events.Start())
                await self._follow_clock()
                self._cancel(self._asking, self._socket, self._polling)
        except BaseExceptionGroup as failures:
            # one task's failure ends all; the group wraps it, and the caller expects it bare
            raise failures.exceptions[0] from None
        finally:
            if self._poller is not None:
                await self._poller.close()
        raise self._ending()

    async def _follow_clock(self) -> None:
        """Wake the reconnector when something is due, until it has ended."""
        while self._end is None:
            self._changed.clear()
            times = [at for at in (self._reconnector.due_at, self._first_by) if at is not None]
            wait_s = max(0.0, min(times) - self._clock()) if times else None
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                self._handle(events.Due())
                if self._first_by is not None and self._clock() >= self._first_by:
                    unreachable = Unreachable(rest_url(self._url), self._reconnector.reason)
                    self._queue.put(ConnectionChange(State.CLOSED, str(unreachable)))
                    raise unreachable from None

    def _ending(self) -> Exception:
        assert self._end is not None, "the clock is followed until the end"
        code, detail = self._end.code or _ABNORMAL, self._end.detail or ""
        if self._refusal is not None:
            return self._refusal
        if self._end.is_refused:
            return NotAllowed(403, title=detail)
        return ConnectionRejected(code, detail)

    def _handle(self, event: Event) -> None:
        """Give the event to the reconnector, and do what it decides. Never waits."""
        self.perform(self._reconnector.handle(self._clock(), event))
        self._changed.set()

    def perform(self, actions: Iterable[Action]) -> None:
        """Do what is decided; never waits. What is sent while no socket is open is left out."""
        for action in actions:
            self._act(action)

    def _act(self, action: Action) -> None:
        match action:
            case events.AskToken(request):
                self._cancel(self._asking)
                self._asking = self._start(self._ask_token(request))
            case events.Open(attempt, token):
                self._socket = self._start(self._converse(attempt, token))
            case events.Send(text):
                self._outgoing.put_nowait(text)
            case events.SendPing():
                self._outgoing.put_nowait(None)
            case events.Drop():
                self._drop()
            case events.Poll():
                self._cancel(self._polling)
                self._polling = self._start(self._poll(action))
            case events.StopPolling():
                self._cancel(self._polling)
            case events.Deliver(received):
                self._queue.put(received)
            case events.Show():
                self._show(action)

    def _start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        return self._group.create_task(work)

    def _cancel(self, *tasks: "asyncio.Task[None] | None") -> None:
        """Cancel tasks, but for the one that is running: it ends by itself."""
        for task in tasks:
            if task is not None and task is not asyncio.current_task():
                task.cancel()

    def _drop(self) -> None:
        self._cancel(self._socket)
        self._socket = None

    def _show(self, show: events.Show) -> None:
        if show.state is not State.CONNECTING:
            self._first_by = None
        if show.state is State.CLOSED:
            self._end = show
        detail = show.detail if self._end is None else str(self._ending())
        self._queue.put(ConnectionChange(show.state, detail, show.retry_in_s))

    async def _ask_token(self, request: int) -> None:
        try:
            token = await present_token(self._token)
        except OSError as error:  # TimeoutError is one
            self._handle(events.NoToken(request, str(error) or type(error).__name__))
        except NotAllowed as refusal:
            self._refuse(refusal)
        else:
            self._handle(events.TokenCame(request, token))

    def _refuse(self, refusal: NotAllowed) -> None:
        """End for good, for a reason that only this side knows."""
        self._refusal = refusal
        self._handle(events.Stop())

    async def _converse(self, attempt: int, token: str) -> None:
        """Open one socket, and serve it until its end."""
        outgoing: asyncio.Queue[str | None] = asyncio.Queue()
        self._outgoing = outgoing
        try:
            opening = open_websocket(
                self._url,
                token,
                open_within_s=self._timing.open_within_s,
                compression=self._compression,
            )
            async with opening as connection:
                self._handle(events.Opened(attempt))
                writing = self._start(self._write(connection, outgoing, attempt))
                try:
                    await self._read(connection, attempt)
                finally:
                    writing.cancel()
        except ConnectionDropped as drop:
            self._handle(
                events.Closed(attempt, drop.code, drop.reason, drop.detail, drop.retry_after_s)
            )
        except NotAllowed as refusal:
            self._refuse(refusal)

    async def _read(self, connection: WebSocketConnection, attempt: int) -> None:
        """Take frames in, while the application has room, until the socket is dropped."""
        while self._socket is asyncio.current_task():
            self._handle(events.Heard(attempt, await connection.receive()))
            if not self._queue.has_room:
                # while nothing is read, silence is ours and not the server's
                self._handle(events.Wake("paused"))
                await self._queue.room()
                self._handle(events.Wake("reading"))

    async def _write(
        self, connection: WebSocketConnection, outgoing: "asyncio.Queue[str | None]", attempt: int
    ) -> None:
        """Send what is decided; None is a ping. A lost connection is reported by the reader."""
        with suppress(ConnectionDropped):
            while True:
                text = await outgoing.get()
                if text is None:
                    await connection.ping(lambda: self._handle(events.Heard(attempt, None)))
                else:
                    await connection.send(text)

    async def _poll(self, poll: events.Poll) -> None:
        # only polling loads the HTTP client
        from rtdash.client.polling import Poller  # noqa: PLC0415

        if self._poller is None:
            self._poller = Poller(rest_url(self._url), self._token, self._session, self._queue)
        try:
            await self._poller.round(with_stats=poll.with_stats)
        except NotAllowed as refusal:
            self._refusal = refusal
            self._handle(events.Polled(poll.round, str(refusal), is_refused=True))
        except (Unreachable, Problem) as failure:
            wait_s = failure.retry_after_s if isinstance(failure, Problem) else 0
            self._handle(events.Polled(poll.round, str(failure), retry_after_s=wait_s))
        else:
            self._handle(events.Polled(poll.round))
