"""WebSocket user on a plain socket: under gevent a greenlet, in a test a thread. Sans-I/O protocol
inside.
"""

import fcntl
import math
import random
import socket
import termios
import time
from contextlib import suppress

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response

from rtdash.loadtest.generator.client_stats import ClientStats
from rtdash.loadtest.generator.dial import READ_BYTES, ConnectionBroken, dial, flush
from rtdash.loadtest.generator.follower import Follower
from rtdash.protocol.backoff import Backoff
from rtdash.protocol.codes import may_reconnect

FLAPS = 5
SLOW_COUNTS_S = 30.0
"""A client that stopped reading so long ago may still be closed for it."""
_DATA = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})


class WebSocketUser:
    """WebSocket user that follows, reconnects, and misbehaves on request. `run` ends when the
    server turns it away, or by an exit.

    `proxy_port`: of the fault proxy on this machine, if it stands between.
    """

    def __init__(
        self,
        follower: Follower,
        url: str,
        token: str,
        stats: ClientStats,
        *,
        frozen_after_s: float,
        backoff: Backoff,
        proxy_port: int | None = None,
        compress: bool = False,
    ) -> None:
        self.follower = follower
        self._url = url
        self._token = token
        self._stats = stats
        self._frozen_after_s = frozen_after_s
        self._backoff = backoff
        self._proxy_port = proxy_port
        self._compress = compress
        self._socket: socket.socket | None = None
        self._protocol: ClientProtocol | None = None
        self._fragments: list[bytes] = []
        self._pause_s = 0.0
        self._paused_at = -math.inf
        self._flaps = 0
        self._own_fault: tuple[str, float] | None = None

    @property
    def is_open(self) -> bool:
        """Return whether the client is subscribed, so that a fault would mean something."""
        return self._socket is not None and self.follower.is_subscribed and self._own_fault is None

    @property
    def is_proxied(self) -> bool:
        """Return whether the fault proxy stands between, so that faults may hit this client."""
        return self._proxy_port is not None

    @property
    def has_unread(self) -> bool:
        """Return whether the kernel holds unread bytes for this client."""
        if self._socket is None or self._socket.fileno() < 0:
            return False
        return fcntl.ioctl(self._socket.fileno(), termios.FIONREAD, bytes(4)) != bytes(4)

    def run(self) -> None:
        """Follow and reconnect until the server turns this client away."""
        try:
            while not self.follower.is_turned_away:
                self._attempt()
                time.sleep(self._delay_s())
        finally:
            self._leave()

    def close_cleanly(self) -> None:
        """Close with code 1000, then reconnect."""
        if self._protocol is not None and self._socket is not None:
            self._own_fault = ("clean", time.monotonic())
            self._protocol.send_close(1000)
            with suppress(OSError):
                flush(self._socket, self._protocol)

    def flap(self) -> None:
        """Drop the connection without a Close frame, FLAPS times in a row, each as soon as it is
        subscribed.
        """
        self._flaps = FLAPS

    def stop_reading(self, seconds: float) -> None:
        """Stop reading for so many seconds."""
        self._pause_s = seconds
        self._paused_at = time.monotonic()
        self.follower.is_disturbed = True

    def _attempt(self) -> None:
        """Run one connection from its beginning to its end."""
        self.follower.attempting()
        began = time.monotonic()
        try:
            connection, protocol = dial(
                self._url, self._token, self._proxy_port, compress=self._compress
            )
        except (ConnectionBroken, OSError) as error:
            # What a dropped client meets on its way back are attempts of its recovery.
            if not self.follower.is_recovering:
                self._stats.connect_failures += 1
                self._stats.find(
                    "connect_failures", f"{self.follower.name}: {error or type(error).__name__}"
                )
            return
        now = time.monotonic()
        self._stats.opened(began, now - began, is_compressed=bool(protocol.extensions))
        self._socket, self._protocol, self._fragments = connection, protocol, []
        port = connection.getsockname()[1]
        self._say(self.follower.connected(now))
        try:
            self._converse(connection, protocol)
        except (ConnectionBroken, OSError) as error:
            self._lost(
                port, protocol, str(error) if isinstance(error, ConnectionBroken) else "reset"
            )

    def _lost(self, port: int, protocol: ClientProtocol, how: str) -> None:
        code = protocol.close_rcvd.code if protocol.close_rcvd is not None else None
        now, cause = time.monotonic(), how if code is None else f"close {code}"
        paused_at = self._paused_at if now - self._paused_at < SLOW_COUNTS_S else None
        cause, began_at = self._own_fault or (cause, paused_at)
        if self._socket is not None:
            self._socket.close()
        self._socket = self._protocol = self._own_fault = None
        self.follower.lost(now, port=port, cause=cause, began_at=began_at)
        if code is not None and not may_reconnect(code):
            self.follower.is_turned_away = True

    def _converse(self, connection: socket.socket, protocol: ClientProtocol) -> None:
        """Read until the connection ends, which is always an exception."""
        connection.settimeout(self._frozen_after_s / 2)
        is_asked = False
        self._digest(protocol)  # a frame may have come along with the upgrade
        while True:
            if self._pause_s:
                pause_s, self._pause_s = self._pause_s, 0.0
                time.sleep(pause_s)
            try:
                data = connection.recv(READ_BYTES)
            except TimeoutError:
                if is_asked:
                    raise ConnectionBroken("frozen") from None
                is_asked = True
                protocol.send_ping(b"")
                flush(connection, protocol)
                continue
            is_asked = False
            if not data:
                raise ConnectionBroken("end of stream")
            protocol.receive_data(data)
            self._digest(protocol)
            flush(connection, protocol)
            if self._flaps and self.follower.is_subscribed:
                self._flaps -= 1
                self._own_fault = ("flapping", time.monotonic())
                raise ConnectionBroken("flapping")

    def _digest(self, protocol: ClientProtocol) -> None:
        now = time.monotonic()
        for event in protocol.events_received():
            if isinstance(event, Response):
                continue
            assert isinstance(event, Frame), "a client receives a response and frames"
            if event.opcode in _DATA:
                self._take(event, now)
            elif event.opcode is Opcode.CLOSE:
                self._flush_quietly()
                raise ConnectionBroken("closed")

    def _take(self, frame: Frame, now: float) -> None:
        payload = bytes(frame.data)
        if not frame.fin or self._fragments:
            self._fragments.append(payload)
            if not frame.fin:
                return
            payload, self._fragments = b"".join(self._fragments), []
        self._say(self.follower.receive(payload, now))

    def _say(self, texts: list[str]) -> None:
        if not texts or self._protocol is None or self._socket is None:
            return
        for text in texts:
            self._protocol.send_text(text.encode())
        with suppress(OSError):  # the reader finds out
            flush(self._socket, self._protocol)

    def _flush_quietly(self) -> None:
        if self._socket is not None and self._protocol is not None:
            with suppress(OSError):
                flush(self._socket, self._protocol)

    def _delay_s(self) -> float:
        farewell = self.follower.farewell
        delay_s = self._backoff.next_delay_s()
        if self._flaps:
            return delay_s / 10
        asked_s = 0.0
        if farewell:
            # jitter, no secret
            asked_s = farewell.retry_after_s + random.uniform(0, farewell.jitter_s)  # noqa: S311
        self.follower.farewell = None
        return asked_s + delay_s

    def _leave(self) -> None:
        """Close the connection in order at the end of the run."""
        if self._socket is None or self._protocol is None:
            return
        self.follower.ended()
        with suppress(Exception):  # whatever state it is in, it ends now
            self._protocol.send_close(1000)
            flush(self._socket, self._protocol)
        self._socket.close()
        self._socket = None
