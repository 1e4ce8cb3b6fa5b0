"""One WebSocket connection as the client needs it: frozen servers noticed, and every foreign error
translated once.
"""

import asyncio
from collections.abc import AsyncIterator
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
from rtdash.client.failures import problem_of
from rtdash.protocol.codes import CloseCode, may_reconnect

_ABNORMAL = 1006
_CLOSE_TIMEOUT_S = 2
_MAX_FRAME_BYTES = 4 * 1024 * 1024
_REFUSED_FOR_GOOD = frozenset({401, 403})


class ConnectionDropped(Exception):  # noqa: N818
    """The connection is gone or never stood, and it is right to try again, not before
    `retry_after_s`.
    """

    def __init__(self, reason: str, *, code: int = _ABNORMAL, retry_after_s: float = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
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
    """An open connection. A server is frozen when it sends nothing, not even a pong, for
    `frozen_after_s` while we read.
    """

    def __init__(self, socket: ClientConnection, frozen_after_s: float) -> None:
        self._socket = socket
        # Half of the time passes in silence before the ping, the other half in waiting for its
        # pong.
        self._silence_s = frozen_after_s / 2
        self._frozen_after_s = frozen_after_s

    async def send(self, text: str) -> None:
        """Raises Lost or ConnectionRejected."""
        try:
            async with asyncio.timeout(self._frozen_after_s):
                await self._socket.send(text)
        except ConnectionClosed as closed:
            raise _ending(closed) from None
        except TimeoutError:
            raise self._frozen() from None

    async def receive(self) -> str | bytes:
        """The next message. Raises Lost or ConnectionRejected; may be cancelled without losing one.

        Our own watch instead of the library's keepalive: that one calls a server frozen when it is
        the application that doesn't read.
        """
        ponged: asyncio.Future[float] | None = None
        while True:
            try:
                async with asyncio.timeout(self._silence_s):
                    return await self._socket.recv()
            except ConnectionClosed as closed:
                raise _ending(closed) from None
            except TimeoutError:
                if ponged is not None and not ponged.done():
                    raise self._frozen() from None
                ponged = await self._ping()

    async def _ping(self) -> "asyncio.Future[float]":
        try:
            async with asyncio.timeout(self._silence_s):
                return asyncio.ensure_future(await self._socket.ping())
        except ConnectionClosed as closed:
            raise _ending(closed) from None
        except TimeoutError:
            raise self._frozen() from None

    def _frozen(self) -> ConnectionDropped:
        self._socket.transport.abort()  # a closing handshake would wait for the frozen server
        return ConnectionDropped(f"the server has been silent for {self._frozen_after_s:g} s")


@asynccontextmanager
async def open_wire(
    url: str, token: str, *, frozen_after_s: float
) -> AsyncIterator[WebSocketConnection]:
    """Connect, and close at the end. Raises Lost, or NotAllowed for an HTTP 401 or 403."""
    opening = open_socket(
        socket_url(url),
        additional_headers={"Authorization": f"Bearer {token}"},
        proxy=None if is_this_machine(url) else True,
        open_timeout=frozen_after_s,
        ping_interval=None,
        close_timeout=_CLOSE_TIMEOUT_S,
        max_size=_MAX_FRAME_BYTES,
    )
    try:
        socket = await opening
    except InvalidStatus as refusal:
        raise _http_refusal(refusal) from None
    except (OSError, TimeoutError, InvalidHandshake, InvalidProxy, ImportError) as error:
        raise ConnectionDropped(_in_words(error)) from error
    try:
        yield WebSocketConnection(socket, frozen_after_s)
    finally:
        await socket.close()


def _ending(closed: ConnectionClosed) -> ConnectionDropped | ConnectionRejected:
    code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (_ABNORMAL, "")
    if not may_reconnect(code):
        return ConnectionRejected(code, reason)
    if closed.rcvd is None:
        return ConnectionDropped("the connection broke")
    return ConnectionDropped(
        f"the server closed the connection: {reason or 'no reason given'} (close code {code})",
        code=code,
    )


def _http_refusal(refusal: InvalidStatus) -> Exception:
    response = refusal.response
    problem = problem_of(
        response.status_code,
        bytes(response.body or b""),
        retry_after=response.headers.get("Retry-After"),
    )
    if response.status_code in _REFUSED_FOR_GOOD:
        return problem
    return ConnectionDropped(f"the server answered {problem}", retry_after_s=problem.retry_after_s)


def _in_words(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    return str(error) or type(error).__name__
