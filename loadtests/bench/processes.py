"""The processes of a measurement: servers with their CPU and memory, and the C programs that count,
that storm, and that set the floor.
"""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).resolve().parent
SECRET = "a-secret-for-measurements-only-" * 2
START_S = 30.0
UNLIMITED = {
    "RTDASH_MAX_CONNECTIONS": "0",
    "RTDASH_CONNECTIONS_PER_USER": "0",
    "RTDASH_HANDSHAKES_PER_MINUTE": "0",
    "RTDASH_REQUESTS_PER_SECOND": "0",
    "RTDASH_SECRET": SECRET,
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, and how to reach it. `started_s`: seconds from its start until it took
    connections.
    """

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


@dataclass(frozen=True, slots=True)
class Subscription:
    """How a client of the counting program subscribes: path, first message, and options as
    `counter.c` lists them.
    """

    path: str
    hello: str
    options: tuple[str, ...] = ()


def build(directory: Path) -> None:
    """Compile the C programs."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        sys.exit("the suite needs a C compiler: install gcc")
    for name in ("counter", "floor", "storm"):
        # our own source
        subprocess.run(  # noqa: S603
            [compiler, "-O2", "-o", str(directory / name), str(HERE / f"{name}.c")], check=True
        )


def may_open(files: int) -> bool:
    """Whether a process may have so many files open."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return hard == resource.RLIM_INFINITY or hard >= files


@contextmanager
def rtdash(data: Path, *more: str, keep: bool = False) -> Iterator[Server]:
    """`rtdash serve` as a user starts it, limits lifted, with a new store, or with the one that is
    there.
    """
    if not keep:
        shutil.rmtree(data, ignore_errors=True)
    environment = os.environ | UNLIMITED | {"RTDASH_DATA": str(data)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # or each start compiles all packages anew
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "rtdash", "serve", "--port", str(port), *more]
    with serving(command, port, environment, token=_token(environment)) as server:
        yield server


@contextmanager
def plain(kind: str, *more: str) -> Iterator[Server]:
    """One of `plain.py`."""
    (port,) = free_ports(1)
    command = [sys.executable, str(HERE / "plain.py"), kind, str(port), SECRET, *more]
    with serving(command, port, dict(os.environ), token=_token(os.environ | UNLIMITED)) as server:
        yield server


@contextmanager
def serving(
    command: list[str], port: int, environment: dict[str, str], *, token: str = ""
) -> Iterator[Server]:
    """A server that is ended by force in the end.

    It shares our session: the kernel divides the processors among sessions first (autogroup), and
    the floor's two ends share one, too.
    """
    start = time.monotonic()
    with subprocess.Popen(  # noqa: S603
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
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


@contextmanager
def counting(
    directory: Path, port: int, subscription: Subscription, clients: int, events: int
) -> Iterator["Counting"]:
    """So many clients that have had their answer."""
    path, hello, options = subscription.path, subscription.hello, subscription.options
    with started(
        [str(directory / "counter"), str(port), path, str(clients), str(events), hello, *options]
    ) as process:
        yield Counting(process)


@contextmanager
def started(command: Sequence[str]) -> Iterator["subprocess.Popen[str]"]:
    """A C program that has said that it is ready."""
    # our own program
    with subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            if process.stdout is None or process.stdout.readline().strip() != "ready":
                sys.exit("the clients could not connect")
            yield process
        finally:
            process.kill()


@dataclass(frozen=True, slots=True)
class Counting:
    """Clients that count."""

    process: "subprocess.Popen[str]"

    def result(self) -> dict[str, Any]:
        """Return the counts, once all of it was counted."""
        out, _ = self.process.communicate(timeout=120)
        counted: dict[str, Any] = json.loads(out)
        return counted


def floor(directory: Path, sockets: int, size: int, *, rounds: int, rate: int) -> dict[str, float]:
    """The bare system call: so many sockets, the same bytes and pace."""
    out = subprocess.run(  # noqa: S603
        [str(directory / "floor"), str(sockets), str(rounds), str(size), str(rate)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    measured: dict[str, float] = json.loads(out)
    return measured


def free_ports(number: int) -> list[int]:
    """Return ports below those that the kernel gives out by itself, so that no other program gets them
    meanwhile.
    """
    found: list[int] = []
    with ExitStack() as held:
        for port in range(21_000 + os.getpid() % 5_000, 32_000):
            with suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
            if len(found) == number:
                return found
    sys.exit("no port is free")


def _token(environment: dict[str, str]) -> str:
    return subprocess.run(
        [sys.executable, "-m", "rtdash", "token"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
