"""End of `watch` from outside: Ctrl-C and SIGTERM, also while a write is blocked by a slow reader."""

import asyncio
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

INTERRUPTED = 130


class Interrupted(Exception):  # noqa: N818
    """Arrival of a signal while a write was blocked."""


class Stopper:
    """Holder of the exit code; the first one wins."""

    def __init__(self) -> None:
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def stop(self, code: int) -> None:
        """End with that exit code."""
        if not self._code.done():
            self._code.set_result(code)

    def fail(self, error: BaseException) -> None:
        """End by raising the error."""
        if not self._code.done():
            self._code.set_exception(error)

    async def wait(self) -> int:
        """Wait for the exit code. Raises what `fail` was given."""
        return await asyncio.shield(self._code)


class InterruptibleWriter:
    """Text stream with blocked writes that a signal can end. The event loop's own signal handlers
    would wait behind the write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_writing = False

    def write_line(self, line: str) -> None:
        """Write and flush a line. Raises BrokenPipeError, and Interrupted on a signal."""
        self.is_writing = True
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        finally:
            self.is_writing = False


@contextmanager
def watch_reader(stopper: Stopper, out: TextIO) -> Iterator[None]:
    """End quietly as soon as the reader of a pipe has gone (`| head`), not only with the next
    message.
    """
    loop, descriptor = asyncio.get_running_loop(), out.fileno()
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        yield
        return
    # The writing end of a pipe is never readable; the loop calls us for the error that the end of
    # its reader is.
    loop.add_reader(descriptor, stopper.stop, 0)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)


@contextmanager
def signals(stopper: Stopper, out: InterruptibleWriter) -> Iterator[None]:
    """End the watch on SIGINT and SIGTERM."""
    loop = asyncio.get_running_loop()

    def handle(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stopper.stop, INTERRUPTED)
        if out.is_writing:
            raise Interrupted

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
