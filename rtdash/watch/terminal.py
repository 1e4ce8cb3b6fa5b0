"""Terminal under the live view: single keys without Enter, and its modes restored on every way out."""

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def keys(loop: asyncio.AbstractEventLoop, on_key: Callable[[str], None]) -> Iterator[None]:
    """Call `on_key` for each key typed; Ctrl-C stays a signal. Does nothing where stdin is no
    terminal.
    """
    if not sys.stdin.isatty():
        yield
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def read() -> None:
        typed = os.read(descriptor, 64)
        if not typed:
            loop.remove_reader(descriptor)
        for key in typed.decode(errors="ignore"):
            on_key(key)

    try:
        tty.setcbreak(descriptor)
        loop.add_reader(descriptor, read)
        yield
    finally:
        loop.remove_reader(descriptor)
        # TCSAFLUSH: what was typed meanwhile isn't for the shell.
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
