"""Simulated traffic beside a server: `rtdash simulate` as a child of `rtdash serve`."""

import subprocess
import sys
import time
from pathlib import Path

END_LIMIT_S = 8
"""Time to finish the last request and print the summary."""


class TrafficProcess:
    """Child process from `start` to `wait`; it mints its own token from the data directory. It
    ignores this terminal's Ctrl-C and is ended before the server, which waits while the child
    `is_ending`, so that its last request is still answered.
    """

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._deadline: float | None = None

    def start(self, url: str, data: Path, rate: str) -> None:
        """Start the child; `rate` as in 5/s."""
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

    def end(self) -> None:
        """Send SIGTERM, once: a second signal would end the child in the middle of a request."""
        if self._child and self._deadline is None:
            self._deadline = time.monotonic() + END_LIMIT_S
            self._child.terminate()

    def is_ending(self) -> bool:
        """Return whether the child still works on its end, within END_LIMIT_S."""
        return (
            self._child is not None
            and self._deadline is not None
            and self._child.poll() is None
            and time.monotonic() < self._deadline
        )

    def wait(self) -> None:
        """Wait for the child's end; kill it after END_LIMIT_S."""
        self.end()
        if self._child:
            try:
                self._child.wait(END_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
