"""Standard streams and signals of a process, whatever the service manager or the shell that started
it has left of them.

A closed descriptor is opened again before anything else: the next file, a database perhaps, would
get its number, and every message would be written into it (POSIX: open() gives the lowest free
one).
"""

import os
import signal
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Any, TextIO, cast


def settle_signals(*, is_server: bool = False) -> None:
    """Make the signals that end a process arrive, and the ends of children countable.

    SIGHUP that means a reload waits until the server handles it: a service manager may send it to a
    server that it has just started.

    A program that starts others can leave signals blocked, and SIGCHLD ignored: the one is a
    server that no signal ends, the other a wait for children that never ends (signal(7): both
    survive exec). SIGHUP stays ignored where it was, as nohup wants it.
    """
    is_reload = is_server and not has_terminal()
    signal.pthread_sigmask(signal.SIG_BLOCK if is_reload else signal.SIG_UNBLOCK, {signal.SIGHUP})
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGCHLD})
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # The first process of a container gets no signal that it hasn't asked for.
    if os.getpid() == 1:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def has_terminal() -> bool:
    """Return whether the process has a controlling terminal. SIGHUP then means that it was closed;
    otherwise a service manager sends it, as the sign to reload.
    """
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def settle_streams() -> None:
    """Make stdin, stdout and stderr usable, whatever the process was started with.

    stdout: UTF-8 for programs in every locale; a terminal without a character shows a question
    mark. A closed one fails at its first write, since its data is lost. stderr: a message that
    can't be written ends nothing.
    """
    sys.stdin = sys.stdin or _reopen(0, os.O_RDONLY)
    sys.stdout = sys.stdout or _reopen(1, os.O_RDONLY)
    sys.stderr = cast("TextIO", TolerantStream(sys.stderr or _reopen(2, os.O_WRONLY)))
    out = sys.stdout
    if isinstance(out, TextIOWrapper) and out.encoding.lower() != "utf-8":
        if out.isatty():
            out.reconfigure(errors="replace")
        else:
            out.reconfigure(encoding="utf-8")


def discard_stdout() -> None:
    """Point stdout at /dev/null, so that what is still buffered doesn't fail at the very end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class TolerantStream:
    """Text stream that drops what can't be written: its reader has gone, its disk is full."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text, if that is possible."""
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write the lines, if that is possible."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush, if that is possible."""
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        """Return everything else (isatty, fileno, encoding, …) of the stream itself."""
        return getattr(self._stream, name)


def _reopen(number: int, flags: int) -> TextIO:
    """Open /dev/null as a closed standard descriptor.

    stdout is opened for reading: a write to it fails with EBADF, as it would on the closed one.
    """
    opened = os.open(os.devnull, flags)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    return open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False)
