"""Processes that `rtdash demo` runs beside itself, and the interrupts that end them all."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO

END_LIMIT_S = 20


class Interrupts:
    """Ctrl-C, SIGTERM and the end of the terminal as KeyboardInterrupt, so that no child and no
    data are left behind. Held back while a child is being started, which would be lost, and once
    the end has begun, which would be cut short.
    """

    def __init__(self) -> None:
        self._is_held = False
        self._is_pending = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
                signal.signal(number, self._handle)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold interrupts back until the end of the block."""
        self._is_held = True
        yield
        self._is_held = False
        if self._is_pending:
            raise KeyboardInterrupt

    def end(self) -> None:
        """Ignore interrupts from now on."""
        self._is_held = True

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._is_pending = True
        if not self._is_held:
            raise KeyboardInterrupt


@contextlib.contextmanager
def child_process(
    arguments: list[str], log: IO[str], interrupts: Interrupts, *, with_pipes: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """Run a module of this package (`python -m arguments`) that ignores this terminal's Ctrl-C;
    end it with SIGTERM when the block ends.

    It has none of this machine's settings, which are for other servers. `with_pipes`: its stdin
    and stdout are pipes.
    """
    from rtdash.settings import environment_without_settings

    environment, directory = environment_without_settings(), Path(log.name).parent
    process = None
    try:
        with interrupts.held():
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env=environment,
                cwd=directory,
                stdin=subprocess.PIPE if with_pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if with_pipes else log,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        yield process
    finally:
        interrupts.end()
        if process:
            _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(END_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
