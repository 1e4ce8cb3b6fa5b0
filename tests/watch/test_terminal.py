"""The live view on a real pseudo-terminal: keys, and a terminal that is sane afterwards."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|\][^\x07]*\x07)")
SCREEN_OFF, CURSOR_ON = b"\x1b[?1049l", b"\x1b[?25h"


LAUNCHER = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.executable,"
    " [sys.executable, *sys.argv[1:]])"
)


class Terminal:
    """Runs `rtdash watch` on a pseudo-terminal of 100 by 30, its controlling one, and reads what it
    draws.
    """

    def __init__(self, served, *channels):
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.before = self.settings()
        self.raw = b""
        self._read_up_to = 0
        environment = {**os.environ, "TERM": "xterm-256color", "NO_COLOR": "1"}
        watch = [sys.executable, "-m", "rtdash", "watch", *channels, "--data", str(served.data)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, *watch[1:]],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)

    @property
    def drawn(self):
        """All that was ever drawn, without the terminal's codes."""
        return ESCAPES.sub("", self.raw.decode(errors="ignore"))

    @property
    def text(self):
        """What has been drawn since the words that were last waited for."""
        return self.drawn[self._read_up_to :]

    def wait_for(self, words, timeout_s=30):
        """Read until the words have been drawn."""
        deadline = time.monotonic() + timeout_s
        while words not in self.text:
            assert time.monotonic() < deadline, self.text[-3000:]
            self._read()
        self._read_up_to += self.text.index(words) + len(words)

    def type(self, keys):
        """Type keys."""
        os.write(self._master, keys.encode())

    def settings(self):
        """The terminal's settings now."""
        return termios.tcgetattr(self._master)

    def end(self):
        """Read to its end; returns its exit code."""
        deadline = time.monotonic() + 60
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "it did not end"
            self._read()
        self._read()
        return self.process.returncode

    def close(self):
        """Give everything back."""
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def _read(self):
        if select.select([self._master], [], [], 0.1)[0]:
            with contextlib.suppress(OSError):  # EIO: the other side is closed
                self.raw += os.read(self._master, 65536)


@pytest.fixture
def terminal(served):
    running = Terminal(served, "restaurant_stats", "restaurant_reservations")
    yield running
    running.close()


def test_booking_appears_and_keys_work(terminal, booked):
    """A booking shows up; p stops the screen and counts, ? helps, q leaves with 0 and a sane
    terminal.
    """
    terminal.wait_for("● LIVE")
    terminal.wait_for("Harbour Grill")
    booked(1, name="Ada Lovelace")
    terminal.wait_for("+ new              Ada Lovelace")
    terminal.type("p")
    terminal.wait_for("PAUSED")
    booked(1, name="Grace Hopper")
    for _ in range(3):
        terminal.wait_for("new messages")
    assert "Grace Hopper" not in terminal.drawn
    terminal.type("p")
    terminal.wait_for("Grace Hopper")
    terminal.type("?")
    terminal.wait_for("this help")
    assert not terminal.settings()[3] & termios.ICANON
    terminal.type("q")
    assert terminal.end() == 0
    assert terminal.settings() == terminal.before
    assert SCREEN_OFF in terminal.raw
    assert CURSOR_ON in terminal.raw


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_leave_a_sane_terminal(terminal, number):
    """However it is ended, echo, lines and the main screen are back, and the code is 130."""
    terminal.wait_for("● LIVE")
    terminal.type("\x03") if number == signal.SIGINT else terminal.process.send_signal(number)
    assert terminal.end() == 130
    assert terminal.settings() == terminal.before
    assert SCREEN_OFF in terminal.raw


def test_it_begins_with_what_there_is(served, booked):
    """A reservation of today that was there before stands on the first screen."""
    booked(1, name="Early Bird")
    running = Terminal(served, "restaurant_reservations", "restaurant_notifications")
    try:
        running.wait_for("booked")
        running.wait_for("Early Bird")
        running.type("q")
        assert running.end() == 0
    finally:
        running.close()
