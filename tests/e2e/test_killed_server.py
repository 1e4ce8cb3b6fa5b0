"""A server that is killed under `rtdash simulate` and `rtdash watch`: both come back by themselves,
and nothing is lost or done twice.
"""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import IO

import pytest

from tests.client.processes import Served

LIMIT_S = 40

pytestmark = pytest.mark.timeout(120)


def test_simulate_and_watch_outlive_it(tmp_path: Path) -> None:
    """Every operation is applied once, its event is in the log once, and the watcher gets each
    event once, in order.
    """
    server = Served(tmp_path / "data")
    events = tmp_path / "events"
    with (
        events.open("w") as out,
        _start(server, "watch", "restaurant_reservations", "--json", out=out) as watch,
    ):
        _wait_until(
            lambda: any(message.get("state") == "live" for message in _messages(events)),
            "the watcher is not live",
        )
        with _start(
            server, "simulate", "--venue", "harbour-grill", "--rate", "40/s", "--duration", "6s"
        ) as simulate:
            _wait_until(lambda: len(_seqs(events)) > 10, "no event came")
            server.end(signal.SIGKILL)
            server.start()
            _, told = simulate.communicate(timeout=LIMIT_S)
            assert simulate.returncode == 0, told
        head = _head(server)
        _wait_until(lambda: len(_seqs(events)) >= head, "the watcher did not get everything")
        watch.terminate()
        assert watch.wait(LIMIT_S) == 130
    assert _seqs(events) == list(range(1, head + 1))
    ids = Counter(
        message["operationId"] for message in _messages(events) if "operationId" in message
    )
    assert set(ids.values()) == {1}
    assert "refused" not in told
    sent = int(told.split(" operations sent in")[0].split()[-1].replace(",", ""))
    assert sent == head
    assert server.end() == 0


def _start(server: Served, *arguments: str, out: IO[str] | None = None) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "rtdash",
        *arguments,
        "--data",
        str(server.data),
        "--url",
        server.url,
    ]
    return subprocess.Popen(
        command, stdout=out, stderr=subprocess.DEVNULL if out else subprocess.PIPE, text=True
    )


def _messages(events: Path) -> list[dict[str, object]]:
    return [
        json.loads(line)
        for line in events.read_text().splitlines(keepends=True)
        if line.endswith("\n")
    ]


def _seqs(events: Path) -> list[object]:
    return [message["seq"] for message in _messages(events) if "seq" in message]


def _head(server: Served) -> int:
    command = [
        sys.executable,
        "-m",
        "rtdash",
        "events",
        "restaurant_reservations",
        "--data",
        str(server.data),
        "--limit",
        "100000",
    ]
    return len(
        subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=LIMIT_S
        ).stdout.splitlines()
    )


def _wait_until(holds, complaint: str) -> None:
    until = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < until, complaint
        time.sleep(0.1)
