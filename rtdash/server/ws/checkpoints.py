"""Delivery checkpoints: what had been handed to a connection before a ping, so that its pong
confirms it.
"""

from rtdash.hub import Hub
from rtdash.protocol.channels import Stream

CHECKPOINT_BYTES = 8
"""Length of a checkpoint's number in the payload of a ping."""


class Checkpoints:
    """Numbered tables of every stream's `top`, shared by all connections: "up to here it was handed
    over before this ping".
    """

    def __init__(self, hub: Hub, keep_s: float) -> None:
        self._hub = hub
        self._keep_s = keep_s
        self._tables: dict[int, tuple[float, dict[Stream, int]]] = {}
        self._flushes = -1
        self.number = 0

    def make(self, now: float, *, is_own: bool = False) -> int:
        """Return the number of a table that is true now; with `is_own` one that no connection had
        before.

        Never call it from within a flush: tops have moved, deliveries have not.
        """
        if (
            is_own
            or self._hub.flushes != self._flushes
            or not self._tables
            or now - self._tables[self.number][0] > self._keep_s / 2
        ):
            self.number += 1
            self._flushes = self._hub.flushes
            self._tables[self.number] = (now, self._hub.tops())
            self._forget(now - self._keep_s)
        return self.number

    def seq(self, number: int, stream: Stream) -> int | None:
        """Return what the table says of a stream; None when it, or the table, is not known."""
        table = self._tables.get(number)
        return None if table is None else table[1].get(stream)

    def _forget(self, before: float) -> None:
        while self._tables:
            oldest = next(iter(self._tables))
            if self._tables[oldest][0] >= before:
                return
            del self._tables[oldest]
