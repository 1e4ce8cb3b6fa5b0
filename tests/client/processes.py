"""A real `rtdash serve` in a process of its own, which can be killed, stopped and started again on
the same port.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from rtdash.server.auth.tokens import DEFAULT_SCOPES, mint

START_LIMIT_S = 40


class Served:
    """Runs until `end`. `data` is its data directory."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        self._environment = {**os.environ, "RTDASH_DATA": str(data)} | {
            f"RTDASH_{name.upper()}": value for name, value in settings.items()
        }
        self._port = "0"
        self._booked = 0
        self.start()

    def start(self) -> None:
        """Start it, on the same port as before, and wait until it is ready."""
        address = self.data / "address"
        address.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rtdash", "serve", "--port", self._port],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._wait_until_ready(address)
        except BaseException:
            self.end(signal.SIGKILL)
            raise
        self.url = address.read_text().strip()
        self._port = self.url.rpartition(":")[2]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it and wait until it has ended; returns its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(30)
        self._process.stdout.close()
        return code

    def token(self, **claims: Any) -> str:
        """A token of the server's own secret."""
        return mint(
            (self.data / "secret").read_text().strip(),
            user="anna",
            scopes=(*DEFAULT_SCOPES, "admin"),
            **claims,
        )

    def book(self, count: int = 1, *, name: str = "John Smith") -> list[str]:
        """Book tables at the grill, one operation each; returns the operations' ids."""
        ids = [f"op-{self._booked + number}" for number in range(1, count + 1)]
        self._booked += count
        content = {
            "op": "book",
            "kind": "restaurant",
            "customerName": name,
            "guests": 4,
            "source": "web",
        }
        date = datetime.now(UTC).isoformat()
        operations = [{"operationId": one, **content, "date": date} for one in ids]
        answer = httpx2.post(
            f"{self.url}/api/operations",
            json=operations,
            headers={"Authorization": f"Bearer {self.token()}"},
            timeout=30,
        )
        assert [outcome["outcome"] for outcome in answer.json()["outcomes"]] == [
            "applied"
        ] * count, answer.text
        return ids

    def _wait_until_ready(self, address: Path) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while not (address.exists() and address.read_text().strip()):
            assert self._process.poll() is None, "the server did not start"
            assert time.monotonic() < deadline, "the server was not ready in time"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for the tests of a module, with the packaged venues and a secret of its own."""
    running = Served(tmp_path_factory.mktemp("served") / "data")
    yield running
    running.end()
