"""Server that a run starts for itself: a subprocess in a temporary directory, its limits lifted so
that one user may be thousands.
"""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rtdash.settings import environment_without_settings

LIFTED = {
    "RTDASH_MAX_CONNECTIONS": "0",
    "RTDASH_CONNECTIONS_PER_USER": "0",
    "RTDASH_HANDSHAKES_PER_MINUTE": "0",
    "RTDASH_REQUESTS_PER_SECOND": "0",
    "RTDASH_MESSAGES_PER_SECOND": "0",
}
"""Limits of users and addresses, which a load test would hit at once; all others stay as they are
by default."""
HEARTBEAT = {"RTDASH_PING_INTERVAL_S": "5", "RTDASH_PONG_TIMEOUT_S": "5"}
"""A quicker heartbeat than the default's, so that a run of seconds sees whether there is one."""
HEARTBEAT_S = 10.0
DATA_FOLDER = "data"

_START_S = 60.0
_STOP_S = 20.0
_LOOK_EVERY_S = 0.05
_LOG_LINES = 5


class ServerFailed(Exception):  # noqa: N818
    """Raised when the server did not start, or ended by itself; the text holds its last lines of
    output.
    """


class OwnServer:
    """Server of the run: `rtdash serve` on a free port. `mint` makes a token from its data
    directory.
    """

    def __init__(
        self,
        folder: Path,
        mint: Callable[[Path], str],
        *,
        program: str = sys.executable,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.url = ""
        self._data = folder / DATA_FOLDER
        self._log = folder / "server.log"
        self._mint = mint
        self._program = program
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._is_to_run = False
        self._said_bytes = 0
        """Output of the server up to its readiness."""

    @property
    def pid(self) -> int | None:
        """Return the process id while the server runs."""
        return (
            self._process.pid
            if self._process is not None and self._process.poll() is None
            else None
        )

    @property
    def token(self) -> str:
        """Return a token for all venues of the server."""
        return self._mint(self._data)

    @property
    def exit_reason(self) -> str | None:
        """Return how the server ended by itself; None while it runs, or when the run ended it."""
        process = self._process
        if not self._is_to_run or process is None or process.poll() is None:
            return None
        how = (
            f"by signal {-process.returncode}"
            if process.returncode < 0
            else f"with exit code {process.returncode}"
        )
        return (
            f"the server ended by itself, {how}:"
            f" {self._last_lines(self._said_bytes) or 'it said nothing'}"
        )

    async def start(self) -> None:
        """Start the server and wait until it answers; a second start takes the same port and data.
        Raises ServerFailed.
        """
        self._port = self._port or _free_port()
        command = [
            self._program,
            "-m",
            "rtdash",
            "serve",
            "--port",
            str(self._port),
            "--data",
            str(self._data),
        ]
        environment = environment_without_settings() | LIFTED | HEARTBEAT | self._settings
        with self._log.open("ab") as log:
            # A session of its own: a Ctrl-C at the terminal is for the run, which stops the server
            # itself.
            # returns when forked; all arguments are ours
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
                cwd=self._log.parent,
            )
        if not await asyncio.to_thread(
            _await_answer, self._process, self._port, self._data / "address"
        ):
            raise ServerFailed("the server did not start: " + self._last_lines())
        self.url = f"http://127.0.0.1:{self._port}"
        self._is_to_run, self._said_bytes = True, self._log.stat().st_size

    async def end(self, number: signal.Signals) -> None:
        """Send that signal and wait until the server has ended."""
        process, self._is_to_run = self._process, False
        if process is None or process.poll() is not None:
            return
        process.send_signal(number)
        try:
            await asyncio.to_thread(process.wait, _STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    async def stop(self) -> None:
        """End the server as an operator would."""
        await self.end(signal.SIGTERM)

    def _last_lines(self, after_bytes: int = 0) -> str:
        text = self._log.read_bytes()[after_bytes:].decode(errors="replace")
        return " / ".join(text.splitlines()[-_LOG_LINES:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_answer(process: subprocess.Popen[bytes], port: int, address: Path) -> bool:
    """Return whether the server answers before it ends, within the time that a start may take."""
    until = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < until:
        if _answers(port) and address.is_file():
            return True
        time.sleep(_LOOK_EVERY_S)
    return False


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            probe.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return probe.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
