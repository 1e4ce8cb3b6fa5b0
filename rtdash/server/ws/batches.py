"""Batches: what comes within a window travels together, to a connection that asked for it."""

from collections.abc import Sequence
from datetime import datetime

from rtdash.protocol.frames import batch_bodies


class BatchWindow:
    """Messages that wait for the end of their window."""

    __slots__ = ("_bodies", "size_bytes", "window_s")

    def __init__(self) -> None:
        self._bodies: list[bytes] = []
        self.size_bytes = 0
        self.window_s = 0.0

    def add(self, bodies: Sequence[bytes]) -> bool:
        """Let them wait; whether they are the first, so that a window begins."""
        is_first = not self._bodies
        self._bodies.extend(bodies)
        self.size_bytes += sum(map(len, bodies))
        return is_first

    def flush(self, timestamp: datetime) -> list[bytes]:
        """Return all that waits, as `batch` messages."""
        bodies, self._bodies, self.size_bytes = self._bodies, [], 0
        return batch_bodies(bodies, timestamp=timestamp) if bodies else []
