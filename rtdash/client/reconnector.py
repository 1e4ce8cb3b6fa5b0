"""Keeps a client connected: attempts with backoff, the conversation on each connection, polling
when no connection can be had.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any, assert_never

from rtdash.client.addresses import rest_url
from rtdash.client.changes import ConnectionChange, State
from rtdash.client.failures import NotAllowed, Unreachable
from rtdash.client.receive_queue import ReceiveQueue
from rtdash.client.timing import Timing
from rtdash.client.tokens import TokenSource, present_token
from rtdash.client.websocket_connection import (
    ConnectionDropped,
    ConnectionRejected,
    WebSocketConnection,
    open_wire,
)
from rtdash.protocol.backoff import Backoff
from rtdash.protocol.client_session import ClientSession
from rtdash.protocol.codes import CloseCode, ErrorCode
from rtdash.protocol.received import (
    Answer,
    Disconnect,
    Gap,
    Message,
    Received,
    Refused,
    Subscribed,
    TokenExpiring,
)

Delivery = Message | Subscribed | ConnectionChange
"""Listener on the application's side."""


class Reconnector:
    """`run` goes on until it is cancelled or the server refuses for good. One task runs it; it owns
    whatever it starts.
    """

    def __init__(
        self,
        url: str,
        session: ClientSession,
        token: TokenSource,
        inbox: ReceiveQueue[Delivery],
        *,
        timing: Timing,
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._url = url
        self._session = session
        self._token = token
        self._inbox = inbox
        self._timing = timing
        self._rng = rng
        self._backoff = Backoff(
            rng,
            clock,
            first_s=timing.first_delay_s,
            longest_s=timing.longest_delay_s,
            settled_s=timing.settled_s,
        )
        self._change: ConnectionChange | None = None
        self._failures = 0
        self._reason = "no answer"
        self._farewell: Disconnect | None = None
        self._polling: asyncio.Task[None] | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._first: asyncio.Timeout | None = None

    async def run(self, first_timeout_s: float | None) -> None:
        """Raises Unreachable when nothing at all came within `first_timeout_s`; ConnectionRejected or
        NotAllowed when refused for good.
        """
        try:
            async with asyncio.timeout(first_timeout_s) as self._first:
                while True:
                    await self._attempt_and_wait()
        except (ConnectionRejected, NotAllowed) as refusal:
            self._tell(State.CLOSED, str(refusal))
            raise
        except TimeoutError:
            unreachable = Unreachable(rest_url(self._url), self._reason)
            self._tell(State.CLOSED, str(unreachable))
            raise unreachable from None
        finally:
            await _stop(self._polling)

    async def _attempt_and_wait(self) -> None:
        if self._polling is None:
            self._tell(State.CONNECTING)
        self._farewell = None
        try:
            await self._attempt()
        except ConnectionDropped as lost:
            self._session.disconnected()
            await self._wait(lost)

    async def _attempt(self) -> None:
        """One connection from its beginning to its end, which is always an exception."""
        token = await self._present_token()
        self._failures += 1
        async with open_wire(self._url, token, frozen_after_s=self._timing.frozen_after_s) as wire:
            await self._stop_polling()
            self._session.connected()
            try:
                async with asyncio.timeout(self._timing.answer_within_s) as answer:
                    await self._converse(wire, answer)
            except TimeoutError:
                raise ConnectionDropped(
                    f"the subscription was not answered in {self._timing.answer_within_s:g} s"
                ) from None
            finally:
                await _stop(self._renewal)

    async def _converse(self, wire: WebSocketConnection, answer: asyncio.Timeout) -> None:
        while True:
            for request in self._session.outgoing():
                await wire.send(request)
            if (text := await self._next(wire)) is not None:
                for received in self._understand(text):
                    self._take(received, wire)
            if self._session.is_subscribed:
                self._stand(answer)
            await self._inbox.room()

    async def _next(self, wire: WebSocketConnection) -> str | bytes | None:
        """The next message, or None when a replay has gone quiet."""
        if not self._session.is_replaying:
            return await wire.receive()
        try:
            async with asyncio.timeout(self._timing.quiet_s):
                return await wire.receive()
        except TimeoutError:
            self._session.settle()
            return None

    def _understand(self, text: str | bytes) -> list[Received]:
        try:
            return self._session.receive(text)
        except ValueError as error:
            raise ConnectionDropped(str(error)) from error

    def _take(self, received: Received, wire: WebSocketConnection) -> None:
        match received:
            case Message() | Subscribed():
                self._inbox.put(received)
            case Gap():
                raise ConnectionDropped(
                    f"events of {received.stream.channel} are missing between"
                    f" {received.position.seq} and {received.seq}"
                )
            case Refused():
                self._judge(received)
            case Disconnect():
                self._farewell = received
            case TokenExpiring():
                if self._renewal is None or self._renewal.done():
                    self._renewal = asyncio.create_task(self._renew(wire))
            case Answer():
                pass
            case _:
                assert_never(received)

    def _judge(self, refusal: Refused) -> None:
        """A refused request leaves a connection without its streams: come back when it is
        temporary, else give up.
        """
        if refusal.is_temporary:
            raise ConnectionDropped(refusal.text, retry_after_s=refusal.retry_after_s)
        if refusal.action == "authenticate" and not refusal.channels:
            # the token in use is still good; the server ends the connection when it no longer is
            return
        if refusal.code in {ErrorCode.FORBIDDEN, ErrorCode.UNAUTHENTICATED}:
            raise NotAllowed(403, title=refusal.text)
        raise ConnectionRejected(CloseCode.PROTOCOL_VIOLATION, refusal.text)

    async def _renew(self, wire: WebSocketConnection) -> None:
        if isinstance(self._token, str):
            return  # can't be renewed; the server says so in its own time
        # A connection that breaks meanwhile is the reader's business, and the next one asks for a
        # token anyway.
        with suppress(ConnectionDropped, ConnectionRejected):
            self._session.authenticate(await self._present_token())
            for request in self._session.outgoing():
                await wire.send(request)

    async def _present_token(self) -> str:
        try:
            return await present_token(self._token)
        except OSError as error:  # TimeoutError is one
            raise ConnectionDropped(f"no token could be had: {error}") from error

    def _stand(self, answer: asyncio.Timeout) -> None:
        """The connection works: say so, once."""
        state = State.REPLAYING if self._session.is_replaying else State.LIVE
        if self._change is None or self._change.state is not state:
            answer.reschedule(None)
            self._failures = 0
            self._backoff.stands()
            self._reached()
            self._tell(state)

    async def _wait(self, lost: ConnectionDropped) -> None:
        """Until the next attempt is due. Raises ConnectionRejected when there is no use in one."""
        farewell = self._farewell
        if farewell is not None and not farewell.may_return:
            raise ConnectionRejected(farewell.code, farewell.reason)
        if lost.code == CloseCode.TOKEN_EXPIRED and isinstance(self._token, str):
            raise ConnectionRejected(lost.code, "the token has expired")
        self._reason = farewell.reason if farewell else lost.reason
        delay_s = self._delay_s(lost)
        if self._failures >= self._timing.polling_after and self._polling is None:
            self._polling = asyncio.create_task(self._poll())
        if self._polling is None:
            self._tell(State.CONNECTING, self._reason, delay_s)
            await asyncio.sleep(delay_s)
            return
        await asyncio.wait({self._polling}, timeout=delay_s)
        if self._polling.done():
            self._polling.result()

    def _delay_s(self, lost: ConnectionDropped) -> float:
        """The server's word, where it gave one, with backoff on top from the second time on."""
        is_first = self._backoff.is_fresh
        backoff_s = self._backoff.next_delay_s()
        longest_s = self._timing.longest_wait_s
        if self._farewell is not None:
            asked_s = self._farewell.retry_after_s + self._rng.uniform(0, self._farewell.jitter_s)
            return min(longest_s, asked_s) + (0 if is_first else backoff_s)
        return min(longest_s, lost.retry_after_s) + backoff_s

    async def _poll(self) -> None:
        # only polling loads the HTTP client
        from rtdash.client.polling import Poller  # noqa: PLC0415

        await Poller(
            rest_url(self._url), self._token, self._session, self._inbox, self._timing, self._polled
        ).run()

    def _polled(self, failure: str | None) -> None:
        """A round of polling went well, or failed and why."""
        if failure is None:
            self._reached()
            self._tell(State.POLLING, self._reason)
        else:
            self._tell(State.CONNECTING, failure)

    async def _stop_polling(self) -> None:
        polling, self._polling = self._polling, None
        await _stop(polling)

    def _reached(self) -> None:
        if self._first is not None and self._first.when() is not None:
            self._first.reschedule(None)

    def _tell(
        self, state: State, detail: str | None = None, retry_in_s: float | None = None
    ) -> None:
        change = ConnectionChange(state, detail, retry_in_s)
        if change != self._change:
            self._change = change
            self._inbox.put(change)


async def _stop(task: "asyncio.Task[Any] | None") -> None:
    """End a task of ours and raise what it died of, if it did."""
    if task is not None:
        task.cancel()
        await asyncio.wait(
            {task}
        )  # and not `await task`: a cancellation of ours must not be taken for its own
        if not task.cancelled():
            task.result()
