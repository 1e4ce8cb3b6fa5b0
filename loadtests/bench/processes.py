"""The processes of a measurement: servers with their CPU and memory, and the C programs that count and that set the floor."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).resolve().parent
SECRET = "a-secret-for-measurements-only-" * 2
START_S = 30.0
UNLIMITED = {
    "RTDASH_CONNECTIONS_PER_USER": "0",
    "RTDASH_HANDSHAKES_PER_MINUTE": "0",
    "RTDASH_REQUESTS_PER_SECOND": "0",
    "RTDASH_SECRET": SECRET,
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, and how to reach it. `started_s`: seconds from its start until it took connections."""

    process: psutil.Process
    port: int
    token: str
    started_s: float

    def cpu_s(self) -> float:
        """Seconds of CPU so far, of all its processes."""
        return sum(sum(one.cpu_times()[:2]) for one in self._all())

    def rss_bytes(self) -> int:
        """Resident memory, of all its processes."""
        return sum(one.memory_info().rss for one in self._all())

    def _all(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


def build(directory: Path) -> None:
    """Compile the C programs."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        sys.exit("the suite needs a C compiler: install gcc")
    for name in ("counter", "floor"):
        subprocess.run([compiler, "-O2", "-o", str(directory / name), str(HERE / f"{name}.c")], check=True)  # noqa: S603 - our own source


@contextmanager
def rtdash(data: Path) -> Iterator[Server]:
    """`rtdash serve` as a user starts it, limits lifted, with a new store."""
    shutil.rmtree(data, ignore_errors=True)
    environment = os.environ | UNLIMITED | {"RTDASH_DATA": str(data)}
    token = subprocess.run([sys.executable, "-m", "rtdash", "token"], env=environment, capture_output=True, text=True, check=True).stdout
    with _serving([sys.executable, "-m", "rtdash", "serve", "--port"], environment, token.strip()) as server:
        yield server


@contextmanager
def peer(kind: str) -> Iterator[Server]:
    """One of `peers.py`."""
    token = subprocess.run(
        [sys.executable, "-m", "rtdash", "token"], env=os.environ | UNLIMITED, capture_output=True, text=True, check=True
    ).stdout
    with _serving([sys.executable, str(HERE / "peers.py"), kind], dict(os.environ), token.strip(), SECRET) as server:
        yield server


@contextmanager
def counting(directory: Path, server: Server, clients: int, events: int, *, hello: str, deflate: bool = False) -> Iterator["Counting"]:
    """So many clients that have had their answer."""
    command = [str(directory / "counter"), str(server.port), f"/ws?token={server.token}", str(clients), str(events), hello]
    with subprocess.Popen(  # noqa: S603 - our own program
        [*command, *(["deflate"] if deflate else [])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            if process.stdout is None or process.stdout.readline().strip() != "ready":
                sys.exit("the clients could not connect")
            yield Counting(process)
        finally:
            process.kill()


@dataclass(frozen=True, slots=True)
class Counting:
    """Clients that count."""

    process: "subprocess.Popen[str]"

    def result(self) -> dict[str, Any]:
        """What they have counted, once they have all of it."""
        out, _ = self.process.communicate(timeout=120)
        counted: dict[str, Any] = json.loads(out)
        return counted


def floor(directory: Path, sockets: int, size: int, *, rounds: int, rate: int) -> dict[str, float]:
    """The bare system call: so many sockets, the same bytes and pace."""
    out = subprocess.run(  # noqa: S603 - our own program
        [str(directory / "floor"), str(sockets), str(rounds), str(size), str(rate)], capture_output=True, text=True, check=True
    ).stdout
    measured: dict[str, float] = json.loads(out)
    return measured


@contextmanager
def _serving(command: list[str], environment: dict[str, str], token: str, *more: str) -> Iterator[Server]:
    port = _free_port()
    start = time.monotonic()
    with subprocess.Popen(  # noqa: S603 - this package, or a peer beside this file
        [*command, str(port), *more], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            while not _accepts(port):
                if process.poll() is not None or time.monotonic() > start + START_S:
                    sys.exit(f"{command} did not start")
                time.sleep(0.01)
            yield Server(psutil.Process(process.pid), port, token, time.monotonic() - start)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _free_port() -> int:
    """One below those that the kernel gives to whoever asks for any, so that nobody else is given it meanwhile."""
    for port in range(21_000 + os.getpid() % 5_000, 32_000):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    sys.exit("no port is free")


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
