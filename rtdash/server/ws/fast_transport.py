"""The fast lane behind its handshake: frames straight to and from the transport, by callbacks."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from websockets.extensions import Extension
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Protocol

from rtdash.hub import EncodedBatch
from rtdash.protocol.client_frames import TEXT, new_parser, parse_whole
from rtdash.protocol.codes import CloseCode
from rtdash.protocol.frames import PING_HEAD, PONG_HEAD, deflate_frames, join_frames
from rtdash.server.ws.transport import TransportLimits, TransportListener, fail

LATE_BYTES = 256 * 1024
"""Bytes that a peer may send behind our Close, which it may not have read yet; none of them is
carried out. A connection with more is aborted."""


class FastTransport:
    """An asyncio protocol and a Transport in one object: no coroutine, no queue, no scope a
    connection.

    The parser takes a third of a connection's memory and more time than its subscribe, so it is
    made for the first frame that is not as common ones are, and parses everything from there on.
    """

    __slots__ = (
        "_conn",
        "_connections",
        "_deflates",
        "_extensions",
        "_fragments",
        "_late_bytes",
        "_rules",
        "_transport",
        "receiver",
        "write",
    )
    can_ping = True

    receiver: TransportListener

    def __init__(
        self,
        transport: asyncio.Transport,
        extensions: Sequence[Extension],
        connections: set[Any],
        rules: TransportLimits,
    ) -> None:
        self._transport = transport
        self._extensions = extensions
        self._conn: Protocol | None = None
        self._connections = connections
        self._rules = rules
        self._deflates = bool(extensions)
        self.write: Callable[[bytes], object] | None = None if self._deflates else transport.write
        self._fragments: list[bytes] | None = None
        self._late_bytes = 0
        transport.set_write_buffer_limits(high=rules.high_water_bytes)

    def send(self, bodies: Sequence[bytes]) -> None:
        """Write messages, deflated when the peer agreed and they are long."""
        self._write(
            deflate_frames(bodies, self._rules.compress_min_bytes)
            if self._deflates
            else join_frames(bodies)
        )

    def send_batch(self, batch: EncodedBatch) -> None:
        """Write bytes that all subscribers of the flush share."""
        transport = self._transport
        if (
            not transport.is_closing()
        ):  # uvloop's write raises after an abort, and would stop the flush for all behind
            transport.write(
                (batch.packed or batch.deflated)
                if self._deflates
                else (batch.framed or batch.frames)
            )

    def ping(self, payload: bytes) -> None:
        """Write a ping."""
        if self._conn is None or self._conn.state is OPEN:
            self._write(PING_HEAD + bytes((len(payload),)) + payload)

    def close(self, code: int, reason: str) -> None:
        """Write a Close; the peer's ends the socket."""
        conn = self._parser()
        if conn.state is OPEN:
            conn.send_close(code, reason)
            self._write(b"".join(conn.data_to_send()))

    def abort(self) -> None:
        """End the socket now."""
        self._transport.abort()

    def buffered_bytes(self) -> int:
        """Return the bytes that wait in the transport."""
        return self._transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        """Take nothing more from the peer."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take from the peer again."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Never called: the transport was there before."""

    def data_received(self, data: bytes) -> None:
        """Frames from the peer."""
        try:
            if self._conn is not None or not self._take_whole(data):
                self._parse(data)
        except Exception:  # noqa: BLE001
            # the outermost loop of a connection: a fault in it must not look like a broken network
            fail(self, self.receiver)

    def eof_received(self) -> None:
        """The peer's FIN: what is still unsent may go out, for a while."""
        self.receiver.close_received(None)

    # the transport's signature
    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The socket has ended. What refers to itself is taken apart: the collector comes too
        seldom for what has lived long.
        """
        self._connections.discard(self)
        self.receiver.lost()
        del self.receiver
        if self._conn is not None:
            del self._conn.parser

    def pause_writing(self) -> None:
        """The transport's buffer is above its high water mark."""
        self.receiver.pause_writing()

    def resume_writing(self) -> None:
        """Note that the transport's buffer is below its low water mark."""
        self.receiver.resume_writing()

    def shutdown(self) -> None:
        """End with the server, where there was no drain before."""
        self.receiver.shutdown()

    def _take_whole(self, data: bytes) -> bool:
        """Take what a common client sends. False for everything else."""
        whole = parse_whole(data, self._rules.message_limit_bytes)
        if whole is None:
            return False
        first, payload = whole
        if first == TEXT:
            self._text(payload)
        else:
            self.receiver.pong_received(payload)
        return True

    def _parse(self, data: bytes) -> None:
        conn = self._parser()
        if conn.state is not OPEN:
            self._late_bytes += len(data)
            if self._late_bytes > LATE_BYTES:
                self.abort()
                return
        conn.receive_data(data)
        # Pongs that the parser queued are left out: whether a ping is answered is decided with the
        # rates in mind.
        queued = [output for output in conn.data_to_send() if not output.startswith(PONG_HEAD)]
        for event in conn.events_received():
            if isinstance(event, Frame):
                self._frame(event)
            if conn.state is not OPEN and conn.close_rcvd is None:
                break  # closed by us meanwhile: what came with it isn't looked at
        if conn.parser_exc is not None:
            self._fail(conn, queued)
        elif conn.close_rcvd is not None:
            self._write(b"".join(queued))
            self._transport.close()

    def _parser(self) -> Protocol:
        if self._conn is None:
            self._conn = new_parser(self._extensions, self._rules.message_limit_bytes)
        return self._conn

    def _frame(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT if frame.fin:
                self._text(frame.data)
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                self._fragment(frame)
            case Opcode.PING:
                if self.receiver.ping_received():
                    self._write(PONG_HEAD + bytes((len(frame.data),)) + bytes(frame.data))
            case Opcode.PONG:
                self.receiver.pong_received(bytes(frame.data))
            case Opcode.CLOSE:
                close = self._parser().close_rcvd
                self.receiver.close_received(None if close is None else close.code)

    def _fragment(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT:
            self._fragments = None if frame.opcode is Opcode.BINARY else []
        if frame.data and self._fragments is not None:
            self._fragments.append(bytes(frame.data))
        if not frame.fin:
            self.receiver.frame_received()
        elif self._fragments is None:
            self.receiver.binary_received()
        else:
            whole, self._fragments = b"".join(self._fragments), None
            self._text(whole)

    def _text(self, data: Any) -> None:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            conn = self._parser()
            if conn.state is OPEN:
                conn.fail(CloseCode.INVALID_DATA, "a text frame that is not UTF-8")
                self._fail(conn, conn.data_to_send())
        else:
            self.receiver.text_received(text)

    def _fail(self, conn: Protocol, queued: list[bytes]) -> None:
        """The parser gave up and has its Close ready: what it means goes out first, then the Close;
        what still comes in is thrown away.
        """
        refused = conn.close_sent
        if queued and refused is not None:
            self.receiver.frame_refused(refused.code, refused.reason)
        self._write(b"".join(queued))
        if self._transport.can_write_eof():
            self._transport.write_eof()
        conn.parser_exc = None

    def _write(self, data: bytes) -> None:
        if data and not self._transport.is_closing():
            self._transport.write(data)
