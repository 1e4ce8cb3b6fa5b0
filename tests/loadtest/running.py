"""`rtdash loadtest` and `rtdash serve` as whole processes, and what a run leaves."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from rtdash.cli.credentials import local_token
from rtdash.loadtest.plan.scenario import find_packaged
from rtdash.loadtest.run.own_server import LIFTED
from rtdash.loadtest.verdict.validity import EXACT

PATIENCE_S = 300
"""For three tries of a phase of half a minute on a busy machine."""
PATIENT = find_packaged("slo", "default").read_text().replace('"p90"', '"p50"')
for mixed in ("pong_time", "rest_read_time"):
    head = f'metric = "{mixed}"\nstatistic = '
    PATIENT = PATIENT.replace(f'{head}"p50"', f'{head}"p90"')
"""The default SLOs, but for a machine so busy that half of the events may be late. Of answers of
several kinds the slow kind is less than half.
"""

UNEXCUSED = """
[generator]
most_lag_ms = 20000
excused_lag_ms = 20000
excused_wait = 100
excused_others = 100
excused_stops = 100
excused_steal = 100
excused_fsync_ms = 60000
[[phase]]"""
"""A machine that is busy is no excuse here: what is judged is the server."""

TRIED = """
[generator]
tries = 3
[[phase]]"""
"""The run's own excuses: on a machine that is too busy, a right server gets no verdict, never 99."""

CALM = """
summary = "calm"
[[phase]]
name = "calm"
duration_s = 3
dashboards = 12
publish_rate = 60
"""
DROPPING = """
summary = "connections are closed and come back"
[[phase]]
name = "dropping"
duration_s = 4
dashboards = 10
publish_rate = 40
[phase.drops]
clean = 120
rst = 120
share = 1.0
"""


def write(path: Path, text: str) -> str:
    """Write the file; return its path, for a command line."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return str(path)


@dataclass
class RunOutcome:
    """How a run ended, and what it left. `family`: its children when something was done to it."""

    code: int
    folder: Path
    output: str
    family: list[psutil.Process] = field(default_factory=list)

    @property
    def summary(self) -> dict:
        """summary.json."""
        return json.loads((self.folder / "summary.json").read_text())

    @property
    def broken(self) -> set[str]:
        """The metrics of the SLOs that were broken."""
        return {slo["metric"] for slo in self.summary["slos"] if slo["outcome"] == "broken"}

    def assert_right(self) -> None:
        """Exit 0 and nothing found; or 98, when the machine was too busy three times, and then
        nothing is broken of what is no matter of time.
        """
        assert self.code in {0, 98}, self.output
        assert not self.broken & EXACT, self.output
        if self.code == 0:
            assert self.findings == ""

    @property
    def findings(self) -> str:
        """What was found, a line each."""
        return "\n".join(text for phase in self.summary["phases"] for text in phase["findings"])

    @property
    def left(self) -> list[psutil.Process]:
        """Processes that should have ended with it."""
        return [
            one for one in self.family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE
        ]


@dataclass
class Run:
    """A run that goes on. `said`: what it has written."""

    process: asyncio.subprocess.Process
    folder: Path
    said: list[str] = field(default_factory=list)
    family: list[psutil.Process] = field(default_factory=list)

    async def until(self, text: str) -> None:
        """Returns when it has written a line with that text."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.said.append(line.decode())
            if text in self.said[-1]:
                return
        raise AssertionError(f"it never said {text!r}: {''.join(self.said)}")

    async def child(self, command: str) -> psutil.Process:
        """Wait for a child with that word on its command line."""
        while True:
            self.family = psutil.Process(self.process.pid).children(recursive=True)
            for one in self.family:
                if command in one.cmdline():
                    return one
            await asyncio.sleep(0.05)

    async def outcome(self) -> RunOutcome:
        """How it ends."""
        assert self.process.stdout is not None
        self.said += [line.decode() async for line in self.process.stdout]
        return RunOutcome(
            await self.process.wait(), self.folder / "report", "".join(self.said), self.family
        )


@asynccontextmanager
async def running(
    folder: Path, scenario: str, *arguments: str, **environment: str
) -> AsyncIterator[Run]:
    """The command on that scenario, bounded in time; it is ended in any case, and what it has
    started with it.
    """
    path = write(folder / "scenario.toml", scenario)
    command = ["-m", "rtdash", "loadtest", path, "--report", str(folder / "report"), *arguments]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | environment,
    )
    run = Run(process, folder)
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield run
    finally:
        if process.returncode is None:
            run.family = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            await process.wait()
        for one in [one for one in run.family if one.is_running()]:
            one.kill()


class Server:
    """`rtdash serve` on its own data, with the limits of users lifted. `flags` and `environment`
    are added.
    """

    def __init__(self, folder: Path, *flags: str) -> None:
        self.url = ""
        self.folder = folder
        self._flags = flags
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Returns when it is ready; a second start takes the same port."""
        port = str(urlsplit(self.url).port or 0)
        self._process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "rtdash",
                "serve",
                "--port",
                port,
                "--data",
                str(self.folder),
                *self._flags,
            ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **LIFTED, **(environment or {})},
        )
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            if b"rtdash is ready at " in line:
                self.url = line.decode().partition("rtdash is ready at ")[2].split()[0]
                return
        raise AssertionError("the server did not start")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)

    async def stop(self) -> None:
        """End it as an operator would."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
            await self._process.communicate()

    @property
    def arguments(self) -> tuple[str, ...]:
        """For a run against it."""
        return (
            "--url",
            self.url,
            "--tokens",
            write(self.folder.parent / "tokens", local_token(self.folder)),
        )


@asynccontextmanager
async def serving(folder: Path, *flags: str) -> AsyncIterator[Server]:
    """A server that runs, and has ended behind it."""
    server = Server(folder / "data", *flags)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
