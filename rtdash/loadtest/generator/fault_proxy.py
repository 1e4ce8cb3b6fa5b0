"""TCP proxy that breaks connections as networks do: one at a time or all at once, on request."""

import asyncio
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

_CHUNK_BYTES = 65_536
_BACKLOG = 1024
_LINGER_RST = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger: the close is an RST (socket(7))."""


class Fault(StrEnum):
    """Kind of a fault on a connection."""

    FIN = "fin"
    RST = "rst"
    HALF_OPEN = "half_open"


@dataclass(eq=False, slots=True)
class ProxiedConnection:
    """Connection through the proxy. `client_port` is the client's own port, by which the records of
    both ends are matched.
    """

    client: socket.socket
    server: socket.socket
    client_port: int
    delay_s: float = 0
    """Every chunk is passed on so much later, in both directions."""
    bytes_per_s: float = 0
    """Bound of each direction; 0 is none."""
    fault: Fault | None = None
    _moving: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Return whether data passes, or would pass when resumed."""
        return self.fault is None and self.client.fileno() >= 0

    def pause(self) -> None:
        """Pass nothing on until `resume`; nothing is lost, TCP still acknowledges what fits into
        its buffers.
        """
        self._moving.clear()

    def resume(self) -> None:
        """Go on, unless it is half-open for good."""
        if self.fault is None:
            self._moving.set()

    def half_open(self) -> None:
        """Pass nothing on any more, not even an end: each side believes in the other until it
        asks.
        """
        self.fault = Fault.HALF_OPEN
        self._moving.clear()

    def fin(self) -> None:
        """Both sides read an end of the stream, without a Close frame."""
        self.fault = Fault.FIN
        self._end()

    def rst(self) -> None:
        """Both sides get a reset."""
        self.fault = Fault.RST
        for end in (self.client, self.server):
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RST)
        self._end()

    def inject(self, fault: Fault) -> None:
        """Bring about a fault of that kind."""
        {Fault.FIN: self.fin, Fault.RST: self.rst, Fault.HALF_OPEN: self.half_open}[fault]()

    def forward(self) -> None:
        """Pass on in both directions, by two tasks that `ended` waits for."""
        self._moving.set()
        self._tasks = [
            asyncio.create_task(self._pass_on(self.client, self.server)),
            asyncio.create_task(self._pass_on(self.server, self.client)),
        ]

    async def ended(self) -> None:
        """Wait until both directions have ended, then close both sockets."""
        try:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            self._end()

    def _end(self) -> None:
        """Close the sockets, but only after the event loop has let go of them: it would watch
        descriptors that belong to others.
        """
        for task in self._tasks:
            task.cancel()
        loop = asyncio.get_running_loop()
        for end in (self.client, self.server):
            if end.fileno() >= 0:
                loop.remove_reader(end)
                loop.remove_writer(end)
                end.close()

    async def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._moving.wait()
            data = await loop.sock_recv(source, self._chunk_bytes())
            if self.delay_s or self.bytes_per_s:
                await asyncio.sleep(
                    self.delay_s + (len(data) / self.bytes_per_s if self.bytes_per_s else 0)
                )
            await self._moving.wait()
            if not data:
                with suppress(OSError):
                    sink.shutdown(socket.SHUT_WR)
                return
            try:
                await loop.sock_sendall(sink, data)
            except OSError:
                self._end()
                return

    def _chunk_bytes(self) -> int:
        """Return the size of a read: a tenth of a second's worth when throttled, so that data flows
        without bursts.
        """
        return (
            max(1, min(_CHUNK_BYTES, int(self.bytes_per_s / 10)))
            if self.bytes_per_s
            else _CHUNK_BYTES
        )


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """Fault that was injected: when (seconds of the monotonic clock), of which kind, on which
    connection.
    """

    at: float
    fault: Fault
    client_port: int


class FaultProxy:
    """TCP proxy on a free port of this machine in front of `host`:`port`. Used as `async with`."""

    def __init__(self, host: str, port: int) -> None:
        self.injected: list[InjectedFault] = []
        self.port = 0
        self.delay_s = 0.0
        """For connections that are accepted from now on; likewise `bytes_per_s`."""
        self.bytes_per_s = 0.0
        self._target = (host, port)
        self._connections: set[ProxiedConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.admit()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()
        self.inject(Fault.RST, self._connections.copy())
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def connections(self) -> list[ProxiedConnection]:
        """Return the open connections without a fault, sorted by client port."""
        return sorted(
            (connection for connection in self._connections if connection.is_open),
            key=lambda connection: connection.client_port,
        )

    def inject(self, fault: Fault, connections: Iterable[ProxiedConnection]) -> int:
        """Inject a fault into those connections and record it; return how many there were."""
        before = len(self.injected)
        for connection in list(connections):
            self.injected.append(InjectedFault(time.monotonic(), fault, connection.client_port))
            connection.inject(fault)
        return len(self.injected) - before

    async def admit(self) -> None:
        """Accept connections, on the same port as before if there was one."""
        if self._listener is not None:
            return
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._accepting = asyncio.create_task(self._accept(listener))

    async def refuse(self) -> None:
        """Refuse new connections, as a closed port does; open ones stay."""
        if self._listener is None or self._accepting is None:
            return
        self._accepting.cancel()
        await asyncio.gather(self._accepting, return_exceptions=True)
        self._listener.close()
        self._listener = None

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, address = await loop.sock_accept(listener)
            task = asyncio.create_task(self._serve(client, address[1]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: socket.socket, client_port: int) -> None:
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        for end in (client, server):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.get_running_loop().sock_connect(server, self._target)
        except OSError:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RST)
            client.close()
            server.close()
            return
        connection = ProxiedConnection(client, server, client_port, self.delay_s, self.bytes_per_s)
        self._connections.add(connection)
        connection.forward()
        try:
            await connection.ended()
        finally:
            self._connections.discard(connection)
