"""One WebSocket connection as the client needs it: every foreign error is translated once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
)

from rtdash.client.addresses import is_this_machine, socket_url
from rtdash.client.api_errors import problem_of
from rtdash.protocol.codes import CloseCode

_ABNORMAL = 1006
_CLOSE_TIMEOUT_S = 2
_MAX_FRAME_BYTES = 4 * 1024 * 1024
_REFUSED_FOR_GOOD = frozenset({401, 403})


class ConnectionDropped(Exception):  # noqa: N818
    """The connection is gone, or never stood: its close code and reason, and words of our own where
    there are better ones. Try again, if at all, not before `retry_after_s`.
    """

    def __init__(
        self,
        code: int = _ABNORMAL,
        reason: str = "",
        *,
        detail: str | None = None,
        retry_after_s: float = 0,
    ) -> None:
        super().__init__(detail or reason)
        self.code = code
        self.reason = reason
        self.detail = detail
        self.retry_after_s = retry_after_s


class ConnectionRejected(Exception):  # noqa: N818
    """The server ended the connection with a code that says not to come back (4500 to 4999,
    1009).
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        name = (
            CloseCode(self.code).name.lower().replace("_", " ")
            if self.code in set(CloseCode)
            else "closed for good"
        )
        return (
            f"the server closed the connection for good: {self.reason or name} (close code"
            f" {self.code})"
        )


class WebSocketConnection:
    """An open connection. Silence is not watched here: the reconnector decides what it means."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, text: str) -> None:
        """Send a message. Raises ConnectionDropped."""
        try:
            await self._socket.send(text)
        except ConnectionClosed as closed:
            raise _ending(closed) from None

    async def receive(self) -> str | bytes:
        """Return the next message. Raises ConnectionDropped; a cancelled call loses no message."""
        try:
            return await self._socket.recv()
        except ConnectionClosed as closed:
            raise _ending(closed) from None

    async def ping(self, on_pong: Callable[[], None]) -> None:
        """Send a ping of the protocol, and call `on_pong` with its answer. Raises
        ConnectionDropped.
        """
        try:
            ponged = asyncio.ensure_future(await self._socket.ping())
        except ConnectionClosed as closed:
            raise _ending(closed) from None
        ponged.add_done_callback(
            lambda pong: None if pong.cancelled() or pong.exception() else on_pong()
        )


@asynccontextmanager
async def open_websocket(
    url: str, token: str, *, open_within_s: float, compression: str | None = "deflate"
) -> AsyncIterator[WebSocketConnection]:
    """Connect, and close at the end. Raises ConnectionDropped, or NotAllowed for an HTTP 401 or
    403.
    """
    opening = open_socket(
        socket_url(url),
        additional_headers={"Authorization": f"Bearer {token}"},
        proxy=None if is_this_machine(url) else True,
        open_timeout=open_within_s,
        compression=compression,
        ping_interval=None,
        close_timeout=_CLOSE_TIMEOUT_S,
        max_size=_MAX_FRAME_BYTES,
    )
    try:
        socket = await opening
    except InvalidStatus as refusal:
        raise refusal_of(refusal) from None
    except (OSError, TimeoutError, InvalidHandshake, InvalidProxy, ImportError) as error:
        raise ConnectionDropped(detail=_in_words(error)) from error
    try:
        yield WebSocketConnection(socket)
    finally:
        await socket.close()


def _ending(closed: ConnectionClosed) -> ConnectionDropped:
    if closed.rcvd is None:
        return ConnectionDropped()
    return ConnectionDropped(closed.rcvd.code, closed.rcvd.reason)


def refusal_of(refusal: InvalidStatus) -> Exception:
    """Return what an HTTP answer to a handshake means: NotAllowed for 401 and 403, which are for
    good, else ConnectionDropped.
    """
    response = refusal.response
    problem = problem_of(
        response.status_code,
        bytes(response.body or b""),
        retry_after=response.headers.get("Retry-After"),
    )
    if response.status_code in _REFUSED_FOR_GOOD:
        return problem
    return ConnectionDropped(
        detail=f"the server answered {problem}", retry_after_s=problem.retry_after_s
    )


def _in_words(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    return str(error) or type(error).__name__
