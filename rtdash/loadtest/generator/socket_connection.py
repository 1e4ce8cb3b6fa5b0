"""An open WebSocket on a plain socket. Its bytes come and go only when its owner asks."""

import fcntl
import socket
import termios
import time
from collections.abc import Iterator
from contextlib import suppress

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode

from rtdash.client import connection_events as events

READ_BYTES = 65_536
_NO_STATUS = 1005
_DATA = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})
Received = events.Heard | events.Closed
"""A message (None: a pong), or the server's Close."""


class SocketConnection:
    """WebSocket connection number `attempt`. What can't be sent any more is found out by the next
    read.
    """

    def __init__(self, connection: socket.socket, protocol: ClientProtocol, attempt: int) -> None:
        self.attempt = attempt
        self.port: int = connection.getsockname()[1]
        self.is_compressed = bool(protocol.extensions)
        self._socket = connection
        self._protocol = protocol
        self._fragments: list[bytes] = []

    @property
    def has_unread(self) -> bool:
        """Return whether the kernel holds unread bytes."""
        if self._socket.fileno() < 0:
            return False
        return fcntl.ioctl(self._socket.fileno(), termios.FIONREAD, bytes(4)) != bytes(4)

    def send(self, text: str) -> None:
        """Send a message."""
        with suppress(InvalidState):  # the server's Close has come
            self._protocol.send_text(text.encode())
        self._flush()

    def ping(self) -> None:
        """Send a ping."""
        with suppress(InvalidState):
            self._protocol.send_ping(b"")
        self._flush()

    def read(self, timeout_s: float) -> list[Received]:
        """Wait for bytes; return what has come, and answer pings and a Close. Raises TimeoutError;
        OSError when the connection is lost, EOFError when the server has ended it.
        """
        self._socket.settimeout(timeout_s)
        data = self._socket.recv(READ_BYTES)
        if not data:
            raise EOFError
        self._protocol.receive_data(data)
        return self.received()

    def received(self) -> list[Received]:
        """Return what has come in bytes that were read before, and answer pings and a Close."""
        came: list[Received] = []
        for frame in self._protocol.events_received():
            if not isinstance(frame, Frame):
                continue  # the answer to the handshake
            if frame.opcode in _DATA:
                if (payload := self._message_ended_by(frame)) is not None:
                    came.append(events.Heard(self.attempt, payload))
            elif frame.opcode is Opcode.PONG:
                came.append(events.Heard(self.attempt, None))
            elif frame.opcode is Opcode.CLOSE:
                close = self._protocol.close_rcvd
                code, reason = (close.code, close.reason) if close else (_NO_STATUS, "")
                came.append(events.Closed(self.attempt, code, reason))
        self._flush()
        return came

    def send_close(self, code: int) -> None:
        """Begin the closing handshake."""
        with suppress(InvalidState):
            self._protocol.send_close(code)
        self._flush()

    def read_to_close(self, within_s: float) -> Iterator[Received]:
        """Yield what still comes before the server's Close."""
        until = time.monotonic() + within_s
        with suppress(OSError, EOFError):
            while self._protocol.close_rcvd is None and (left_s := until - time.monotonic()) > 0:
                yield from self.read(left_s)

    def abort(self) -> None:
        """Close the socket, without a word."""
        self._socket.close()

    def _message_ended_by(self, frame: Frame) -> bytes | None:
        payload = bytes(frame.data)
        if frame.fin and not self._fragments:
            return payload
        self._fragments.append(payload)
        if not frame.fin:
            return None
        payload, self._fragments = b"".join(self._fragments), []
        return payload

    def _flush(self) -> None:
        try:
            flush(self._socket, self._protocol)
        except OSError:  # the reader finds out
            return


def flush(connection: socket.socket, protocol: ClientProtocol) -> None:
    """Send the bytes that the protocol has ready. Raises OSError."""
    for data in protocol.data_to_send():
        if data:  # the empty one asks for an end of the stream, which the close that follows brings
            connection.sendall(data)
