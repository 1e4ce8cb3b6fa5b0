"""A real `rtdash serve` in a process of its own, to be killed, ended, starved and started again on
the same port and data.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil

from rtdash.server.auth.tokens import DEFAULT_SCOPES, mint

START_LIMIT_S = 90
SECRET = "a secret that is long enough for HS256"


class ServerProcess:
    """`settings` are RTDASH_* settings without their prefix. `in_child` runs in the child before
    the server, e.g. to take rights from it.
    """

    def __init__(self, data: Path, **settings: object) -> None:
        self.data = data
        self.log = data.with_name(f"{data.name}.log")
        self.url = ""
        self.ready_at = 0.0
        self.in_child: Callable[[], None] | None = None
        self._port = "0"
        self._environment = {**os.environ, "RTDASH_DATA": str(data), "RTDASH_SECRET": SECRET}
        self.set(**settings)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._port)

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    def set(self, **settings: object) -> None:
        """More settings, from the next start on."""
        self._environment |= {
            f"RTDASH_{name.upper()}": str(value) for name, value in settings.items()
        }

    def start(self) -> None:
        """Start it, on the same port as before, and wait until it is ready."""
        address = self.data / "address"
        address.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rtdash", "serve", "--port", self._port],
                env=self._environment,
                stdout=subprocess.DEVNULL,
                stderr=log,
                # the child has one thread until it execs
                preexec_fn=self.in_child,  # noqa: PLW1509
            )
        deadline = time.monotonic() + START_LIMIT_S
        while not (address.exists() and address.read_text().strip()):
            assert self._process.poll() is None, (
                f"the server did not start: {self.log.read_text()[-2000:]}"
            )
            assert time.monotonic() < deadline, "the server was not ready in time"
            time.sleep(0.02)
        self.ready_at = time.monotonic()
        self.url = address.read_text().strip()
        self._port = self.url.rpartition(":")[2]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        """End it, if it runs, and wait until it has ended; returns its exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait until it has ended, by itself or by a signal; returns its exit code."""
        assert self._process is not None
        return self._process.wait(30)

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process is None or self._process.poll() is not None

    def accepts(self) -> bool:
        """Whether it takes connections."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5):
            return True
        return False

    def rss_bytes(self) -> int:
        """What it holds in memory."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def open_sockets(self) -> int:
        """TCP connections that it holds open, beside the one it listens on."""
        connections = psutil.Process(self.pid).net_connections("tcp")
        return sum(connection.status != psutil.CONN_LISTEN for connection in connections)

    def token(self, user: str = "anna", **claims: Any) -> str:
        """A token of the server's secret, for everything."""
        return mint(SECRET, user=user, scopes=(*DEFAULT_SCOPES, "admin"), **claims)

    def get(self, path: str, **params: Any) -> httpx2.Response:
        """A REST answer."""
        return httpx2.get(
            self.url + path,
            params=params,
            headers={"Authorization": f"Bearer {self.token()}"},
            timeout=30,
            trust_env=False,
        )

    def post(self, path: str, body: Any) -> httpx2.Response:
        """A REST answer."""
        return httpx2.post(
            self.url + path,
            json=body,
            headers={"Authorization": f"Bearer {self.token()}"},
            timeout=30,
            trust_env=False,
        )

    def metric(self, name: str, **labels: str) -> float:
        """The value of a metric; 0 when it has none yet."""
        wanted = name + (
            "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"
            if labels
            else ""
        )
        for line in httpx2.get(
            f"{self.url}/metrics", timeout=30, trust_env=False
        ).text.splitlines():
            key, _, value = line.rpartition(" ")
            if key == wanted:
                return float(value)
        return 0.0

    def read_log(self, channel: str) -> list[dict[str, Any]]:
        """Every event of a channel, read by REST."""
        events: list[dict[str, Any]] = []
        while True:
            page = self.get(f"/api/channels/{channel}/events", after=len(events), limit=500).json()
            if not page["events"]:
                return events
            events += page["events"]


@contextmanager
def server_process(
    data: Path,
    *,
    may_log_faults: bool = False,
    in_child: Callable[[], None] | None = None,
    **settings: object,
) -> Iterator[ServerProcess]:
    """One that runs, and is gone behind the block. Nothing that it wrote to its log may be a
    traceback, unless it may log faults.
    """
    server = ServerProcess(data, **settings)
    server.in_child = in_child
    try:
        server.start()
        yield server
    finally:
        if not server.has_ended:
            server.end(signal.SIGKILL)
    told = server.log.read_text()
    assert may_log_faults or "Traceback" not in told, told[-4000:]
