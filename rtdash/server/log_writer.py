"""Writes the lines of the log beside the event loop: a pipe that its reader has left full, or a
terminal that is held, blocks a write, and must never block the server.
"""

import contextlib
import logging
import os
import queue
import select
import threading
import time

WAITING_LINES = 10_000
"""Lines that wait for the stream at most; what comes beyond them is counted and left out."""
FLUSH_S = 1.0
"""How long the end of the process waits for lines that are not written yet."""


class LogWriter(logging.Handler):
    """Formats each line where it is logged, and writes it in a thread of its own, to a copy of a
    file descriptor: not through `sys.stderr`, as the interpreter needs its lock at the end, and by
    a number that no other file gets when stderr is closed. A stream that can't be written to any
    more takes no line, and ends nothing.
    """

    def __init__(self, descriptor: int, *, waiting_lines: int = WAITING_LINES) -> None:
        super().__init__()
        self.dropped = 0
        self._descriptor = os.dup(descriptor)
        self._lines: queue.Queue[str] = queue.Queue(waiting_lines)
        threading.Thread(target=self._write_forever, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the line. Never blocks."""
        try:
            self._lines.put_nowait(self.format(record))
        except queue.Full:
            self.dropped += 1
        except Exception:  # noqa: BLE001
            # what logging's own handlers do with a line that can't be formatted
            self.handleError(record)

    def flush(self) -> None:
        """Wait until all lines are written, FLUSH_S seconds at most."""
        deadline = time.monotonic() + FLUSH_S
        while self._lines.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.005)

    def _write_forever(self) -> None:
        reported = 0
        while True:
            line = self._lines.get()
            if (dropped := self.dropped) > reported:
                line = f"{dropped - reported} lines of the log were left out here\n{line}"
                reported = dropped
            with contextlib.suppress(OSError, ValueError):  # select takes no number above 1,023
                self._write(f"{line}\n".encode(errors="backslashreplace"))
            self._lines.task_done()

    def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:  # another program has made the shared terminal non-blocking
                select.select([], [self._descriptor], [], 1.0)
