"""A server that is wrong on purpose: a shim in front of a right one that alters what that one
says.
"""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field

MASKED = 0x80
TEXT, CLOSE, PING = 0x1, 0x8, 0x9
OFFER = re.compile(rb"(?i)(?<=\r\n)sec-websocket-extensions:[^\r]*\r\n")
"""Of compression: what is compressed can't be altered."""


class Faithful:
    """Passes everything on. Faults override what they alter."""

    leaks = False

    def from_server(self, payload: bytes, connection: int) -> Iterator[tuple[float, bytes]]:
        """What goes to the client for an event, each after so many seconds."""
        yield 0, payload

    def from_client(self, payload: bytes) -> bytes:
        """What goes to the server for a message."""
        return payload


@dataclass
class Drops(Faithful):
    """Swallows one event in a hundred."""

    every: int = 100
    count: int = 0

    def from_server(self, payload, connection):  # noqa: D102
        self.count += 1
        if self.count % self.every:
            yield 0, payload


@dataclass
class Repeats(Faithful):
    """Sends some events twice: one of them may be for the client that is silent on purpose, which
    keeps no ledger.
    """

    count: int = 0

    def from_server(self, payload, connection):  # noqa: D102
        self.count += 1
        # Decided before anything is sent: other connections go on meanwhile.
        yield from [(0, payload)] * (2 if self.count % 100 < 3 else 1)


@dataclass
class Swaps(Faithful):
    """Sends some events after the one that follows on the same channel of that client: on the one
    that has most.
    """

    count: int = 0
    wants: bool = False
    held: tuple[int, bytes] | None = None

    def from_server(self, payload, connection):  # noqa: D102
        self.count += 1
        self.wants |= self.count % 100 == 0
        if self.wants and b'"channel":"restaurant_reservations"' in payload:
            self.wants = False
            self.held = (connection, payload)  # one whose client has gone meanwhile is given up
            return
        yield 0, payload
        if (
            self.held is not None
            and self.held[0] == connection
            and channel_of(self.held[1]) == channel_of(payload)
        ):
            (_, held), self.held = self.held, None
            yield 0, held


@dataclass
class Stalls(Faithful):
    """Waits for 500 ms before every twentieth event of a connection."""

    count: int = 0

    def from_server(self, payload, connection):  # noqa: D102
        self.count += 1
        yield 0.5 if self.count % 20 == 0 else 0, payload


class Forgets(Faithful):
    """Knows no session any more."""

    def from_client(self, payload):  # noqa: D102
        message = json.loads(payload)
        if message.get("action") == "resume":
            message["session"] = "never-heard-of-it"
        return json.dumps(message).encode()


@dataclass
class Garbles(Faithful):
    """Makes a text of a number in one of fifty events that have it."""

    count: int = 0

    def from_server(self, payload, connection):  # noqa: D102
        garbled = re.sub(rb'"guests":(\d+)', rb'"guests":"\1"', payload)
        self.count += garbled != payload
        yield 0, garbled if garbled != payload and self.count % 50 == 0 else payload


class Leaks(Faithful):
    """Never shows the server that a client has gone: its pings are answered on."""

    leaks = True


@dataclass
class Shim:
    """Listens on a free port; each connection is a WebSocket that is altered about, or HTTP that
    isn't. `fault` is made once a connection,
    or once for all of them.
    """

    target_port: int
    fault: Callable[[], Faithful]
    port: int = 0
    _tasks: set[asyncio.Task] = field(default_factory=set)
    _kept: list[asyncio.StreamWriter] = field(default_factory=list)

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._kept:
            writer.transport.abort()

    def _accept(self, reader, writer):
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader, writer):
        upstream = await asyncio.open_connection("127.0.0.1", self.target_port)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            upstream[1].write(OFFER.sub(b"", head))
            if head.startswith(b"GET /ws"):
                writer.write(await upstream[0].readuntil(b"\r\n\r\n"))
                await self._alter_between((reader, writer), upstream)
            else:
                await ends_first(copy(reader, upstream[1]), copy(upstream[0], writer))
        except (OSError, EOFError):
            pass
        finally:
            writer.transport.abort()
            upstream[1].transport.abort()

    async def _alter_between(self, client, upstream):
        fault = self.fault()
        down, up = (
            asyncio.create_task(tell(upstream, client[1], fault)),
            asyncio.create_task(listen(client[0], upstream[1], fault)),
        )
        try:
            await asyncio.wait({down, up}, return_when=asyncio.FIRST_COMPLETED)
            if fault.leaks and not down.done():
                client[1].transport.abort()
                self._kept.append(upstream[1])
                await down
        finally:
            for task in (down, up):
                task.cancel()
            await asyncio.gather(down, up, return_exceptions=True)


async def tell(upstream, writer, fault):
    """Server to client. A server ends what answers no ping within 10 s, which a busy machine may
    take from the end of the clients to the count of connections: for a client that has gone and
    leaks, they are answered here.
    """
    while True:
        opcode, payload, raw = await read_frame(upstream[0])
        if fault.leaks and writer.transport.is_closing():
            if opcode == PING:
                upstream[1].write(bytes([0x8A, MASKED | len(payload)]) + b"\0\0\0\0" + payload)
            continue
        is_event = opcode == TEXT and b'"seq":' in payload and not payload.startswith(b'{"status"')
        if not is_event or b'"messages":[' in payload:  # a batch passes as it is
            writer.write(raw)
        else:
            for pause_s, told in fault.from_server(payload, id(writer)):
                await asyncio.sleep(pause_s)
                writer.write(text_frame(told))
        with suppress(ConnectionError) if fault.leaks else nullcontext():
            await writer.drain()


async def listen(reader, writer, fault):
    """Client to server."""
    while True:
        opcode, payload, raw = await read_frame(reader)
        if opcode == CLOSE and fault.leaks:
            return
        writer.write(text_frame(fault.from_client(payload), masked=True) if opcode == TEXT else raw)
        await writer.drain()


async def read_frame(reader):
    """Opcode, payload without its mask, and the bytes as they came."""
    head = await reader.readexactly(2)
    size = head[1] & 0x7F
    extended = await reader.readexactly({126: 2, 127: 8}.get(size, 0))
    size = int.from_bytes(extended, "big") if extended else size
    mask = await reader.readexactly(4) if head[1] & MASKED else b""
    data = await reader.readexactly(size)
    payload = bytes(byte ^ mask[number % 4] for number, byte in enumerate(data)) if mask else data
    return head[0] & 0x0F, payload, head + extended + mask + data


def text_frame(payload, *, masked=False):
    """A whole text frame; the mask is all zeros, which changes nothing and is a mask."""
    bit = MASKED if masked else 0
    size = (
        bytes([bit | len(payload)])
        if len(payload) < 126
        else bytes([bit | 126]) + len(payload).to_bytes(2, "big")
    )
    return b"\x81" + size + (b"\0\0\0\0" if masked else b"") + payload


async def copy(reader, writer):
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


async def ends_first(*works):
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def channel_of(payload):
    return json.loads(payload)["channel"]
