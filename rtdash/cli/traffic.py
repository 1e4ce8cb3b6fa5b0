"""Simulated traffic beside a server: `rtdash simulate` as a child of `rtdash serve`."""

import subprocess
import sys
from pathlib import Path

END_LIMIT_S = 8
"""What it gets to finish its last request and tell what it did."""


class Traffic:
    """Runs from `start` to `wait`; mints its own token from the data directory.

    It is deaf to this terminal's Ctrl-C and told to end before the server does, so that its last
    request is still answered.
    """

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._is_told = False

    def start(self, url: str, data: Path, rate: str) -> None:
        """Begin; `rate` as in 5/s."""
        command = [
            sys.executable,
            "-m",
            "rtdash",
            "simulate",
            "--url",
            url,
            "--data",
            str(data),
            "--rate",
            rate,
        ]
        self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def tell_to_end(self) -> None:
        """Have it end, once: a second signal would end it in the middle of a request."""
        if self._child and not self._is_told:
            self._is_told = True
            self._child.terminate()

    def wait(self) -> None:
        """Return when it has ended; it is killed where it takes too long."""
        self.tell_to_end()
        if self._child:
            try:
                self._child.wait(END_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
