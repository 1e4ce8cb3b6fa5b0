"""`rtdash serve` as it is typed, where it is expected not to start, and clients of one that is
expected to end.
"""

import fcntl
import json
import os
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.faults.process import ServerProcess, server_process

PATIENCE_S = 40


def serve(
    data: Path, settings: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Return its output and its exit code. `settings` are RTDASH_* settings without their prefix."""
    environment = (
        os.environ
        | {f"RTDASH_{name.upper()}": value for name, value in settings.items()}
        | {"RTDASH_DATA": str(data / "data")}
    )
    command = [sys.executable, "-m", "rtdash", "serve", "--port", "0", *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def wait_for(is_so: Callable[[], object]) -> None:
    """Until it is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def reloadable(data: Path, **settings: object) -> Iterator[ServerProcess]:
    """A server without a terminal whose file of settings can be changed."""
    config = data.with_name("rtdash.toml")
    config.touch()
    with server_process(data, in_child=os.setsid, config=config, **settings) as server:
        yield server


@contextmanager
def following(server: ServerProcess, number: int) -> Iterator[list[ClientConnection]]:
    """So many sockets that have had their answer."""
    with ExitStack() as stack:
        address = f"{server.url.replace('http', 'ws')}/ws?token={server.token()}"
        clients = [stack.enter_context(connect(address, proxy=None)) for _ in range(number)]
        for client in clients:
            client.send(
                json.dumps({"action": "subscribe", "channels": ["restaurant_reservations"]})
            )
            assert json.loads(client.recv(PATIENCE_S))["status"] == "subscribed"
        yield clients


def farewells(client: ClientConnection) -> list[int]:
    """The codes of the `disconnect` messages that came until it was closed."""
    told: list[dict[str, Any]] = []
    with suppress(ConnectionClosed):
        while True:
            told.append(json.loads(client.recv(PATIENCE_S)))
    return [message["code"] for message in told if message.get("type") == "disconnect"]


class Terminal:
    """A terminal, to be closed. `take` runs in a child before the server: it becomes its own."""

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()

    def take(self) -> None:
        """Make it the controlling terminal of this process."""
        os.setsid()
        fcntl.ioctl(self._slave, termios.TIOCSCTTY, 0)

    def close(self) -> None:
        """As closing the window does: the kernel sends SIGHUP."""
        os.close(self._slave)
        os.close(self._master)
