"""Writes of an HTTP answer, joined: its head and its body leave in one segment, by one system call."""

import asyncio

JOIN_BYTES = 64 * 1024
"""Of what is copied to be joined: a longer body costs more to copy than a system call does."""


class JoinedWrites:
    """Transport given to uvicorn's answers. A write waits for the next one in the same step of the
    loop: uvicorn writes a head first and its body right behind it.

    What waits leaves with the next write, with `flush`, at the end of the step, or before the
    connection closes, so the order is the one of the writes.
    """

    __slots__ = ("_loop", "_transport", "_waiting")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting = b""

    def write(self, data: bytes) -> None:
        """Write bytes, together with those that wait."""
        waiting = self._waiting
        if not waiting:
            self._waiting = data
            self._loop.call_soon(self.flush)
        elif len(data) > JOIN_BYTES:
            self.flush()
            self._transport.write(data)
        else:
            self._waiting = b""
            self._transport.write(waiting + data)

    def flush(self) -> None:
        """Write what waits. Idempotent."""
        if self._waiting and not self._transport.is_closing():
            self._transport.write(self._waiting)
        self._waiting = b""

    def close(self) -> None:
        """Write what waits, and close."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection is closing."""
        return self._transport.is_closing()
