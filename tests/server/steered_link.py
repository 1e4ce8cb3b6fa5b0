"""A socket that does what a schedule says, and keeps what the server wrote to it wrongly."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rtdash.hub import EncodedBatch
from rtdash.server.ws.connection import ServerConnection
from tests.server.steered_store import SteeredLoop

KERNEL_BYTES = 500
"""What a client may leave unread before the server's own buffer fills."""

HIGH_WATER_BYTES = 100


@dataclass(frozen=True, slots=True)
class Sent:
    """A frame: text, ping or close, with its body, payload or code."""

    kind: str
    content: Any

    @property
    def size(self) -> int:  # noqa: D102
        return len(self.content) if isinstance(self.content, bytes) else 4


class SteeredLink:
    """A socket whose peer reads, answers and vanishes when the schedule says so. `wrongs` is what
    the server did wrong.
    """

    can_ping = True
    write = None

    def __init__(self, loop: SteeredLoop, wrongs: list[str]) -> None:
        self.receiver: ServerConnection | None = None
        self.down: deque[Sent] = deque()
        self.up: deque[Sent] = deque()
        self.is_cut = False
        self.has_ended = False
        self.ended_at = float("inf")
        self._loop = loop
        self._wrongs = wrongs
        self._is_paused = False
        self._is_deaf = False
        self._has_closed = False

    def send(self, bodies: Sequence[bytes]) -> None:  # noqa: D102
        for body in bodies:
            self._write(Sent("text", body))

    def send_batch(self, batch: EncodedBatch) -> None:  # noqa: D102
        self.send(batch.bodies)

    def ping(self, payload: bytes) -> None:  # noqa: D102
        self._write(Sent("ping", payload))

    def close(self, code: int, reason: str) -> None:  # noqa: D102
        del reason
        self._write(Sent("close", int(code)))
        self._has_closed = True

    def abort(self) -> None:
        """What the kernel has may still arrive; what was in our own buffer is gone."""
        if not self.has_ended:
            while self.buffered_bytes():
                self.down.pop()
            self.end()

    def buffered_bytes(self) -> int:  # noqa: D102
        return max(0, sum(frame.size for frame in self.down) - KERNEL_BYTES)

    def pause_reading(self) -> None:  # noqa: D102
        self._is_deaf = True

    def resume_reading(self) -> None:  # noqa: D102
        self._is_deaf = False

    def take(self) -> Sent | None:
        """The peer reads a frame."""
        if not self.down or self.is_cut:
            return None
        frame = self.down.popleft()
        if self._is_paused and not self.buffered_bytes():
            self._is_paused = False
            if not self.has_ended and self.receiver is not None:
                self.receiver.resume_writing()
        return frame

    def carry_up(self) -> None:
        """What the peer has said reaches the server."""
        while self.up and not (self._is_deaf or self.is_cut or self.has_ended):
            frame = self.up.popleft()
            assert self.receiver is not None
            match frame.kind:
                case "text":
                    self.receiver.text_received(frame.content)
                case "pong":
                    self.receiver.pong_received(frame.content)
                case _:
                    self.receiver.close_received(frame.content)
                    self.end()

    def end(self) -> None:
        """The socket has ended, and the server hears of it in the next turn."""
        if not self.has_ended:
            self.has_ended, self.ended_at = True, self._loop.now_s
            assert self.receiver is not None
            self._loop.call_soon(self.receiver.lost)

    def _write(self, frame: Sent) -> None:
        if self.has_ended:
            return
        if self._has_closed:
            self._wrongs.append(f"{frame} was written behind a Close")
        self.down.append(frame)
        if self.buffered_bytes() > HIGH_WATER_BYTES and not self._is_paused:
            self._is_paused = True
            assert self.receiver is not None
            self.receiver.pause_writing()
