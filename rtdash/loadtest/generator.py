"""The generator: locust as a child process, told by a file and ended by a signal."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from rtdash.loadtest.orders import ORDERS_VARIABLE, OVER_FILE, TRAFFIC_FILE, Orders
from rtdash.loadtest.results import Results, collect
from rtdash.loadtest.samples import Ticks
from rtdash.resources import data_path

_START_S = 30.0
_STOP_S = 60.0
"""Thousands of clients and all that they received are written in a second on an idle machine; a
busy one gets its time."""
_LOOK_EVERY_S = 0.1
_LOG_LINES = 8


class GeneratorFailed(Exception):  # noqa: N818
    """Locust did not start, or ended by itself; the text holds the last lines that it wrote."""


class Generator:
    """One phase's users. `processes` beyond 1 are locust's workers; `with_ui` keeps its web UI on
    port 8089.
    """

    def __init__(self, orders: Orders, *, processes: int = 1, with_ui: bool = False) -> None:
        self.ticks = Ticks(Path(orders.folder))
        self._orders = orders
        self._processes = processes
        self._with_ui = with_ui
        self._log = Path(orders.folder) / "locust.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it hasn't ended by itself."""
        return self._process is not None and self._process.poll() is None

    @property
    def obituary(self) -> str | None:
        """How it ended, if it did by itself."""
        code = None if self._process is None else self._process.poll()
        if code is None:
            return None
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        return f"the generator ended by itself, {how}: {self._last_lines() or 'it wrote nothing'}"

    def start(self) -> None:
        """Returns at once; the users come at their own rate."""
        phase = self._orders.phase
        users = [
            "--users",
            str(phase.users),
            "--spawn-rate",
            f"{phase.spawn_rate:g}",
            "--stop-timeout",
            "0",
        ]
        mode = ["--autostart", "--web-host", "127.0.0.1"] if self._with_ui else ["--headless"]
        workers = ["--processes", str(self._processes)] if self._processes > 1 else []
        command = [
            sys.executable,
            "-m",
            "locust",
            "-f",
            str(data_path("loadtests", "locustfile.py")),
            *users,
            *mode,
            *workers,
        ]
        quiet = ["--only-summary", "--skip-log-setup", "--reset-stats"]
        environment = {**os.environ, ORDERS_VARIABLE: str(self._orders.save())}
        with self._log.open("ab") as log:
            # A session of its own: a Ctrl-C at the terminal is for the run, which ends the
            # generator itself.
            self._process = subprocess.Popen(  # noqa: S603
                [*command, *quiet],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
                cwd=self._orders.folder,
            )

    async def spawned(self) -> None:
        """Returns when the clients are connected, or have had the time that they need. Raises
        GeneratorFailed when none came.
        """
        phase = self._orders.phase
        wanted = phase.dashboards + phase.offices
        loop = asyncio.get_running_loop()
        until = loop.time() + _START_S + 2 * phase.users / phase.spawn_rate
        while loop.time() < until:
            self.ticks.refresh()
            if self.ticks.last and self.ticks.total("connected") >= wanted:
                return
            await asyncio.sleep(_LOOK_EVERY_S)
        if not self.ticks.last:
            raise GeneratorFailed("the generator did not start: " + self._last_lines())

    def traffic_begins(self) -> None:
        """What it measures of itself counts from now on."""
        (Path(self._orders.folder) / TRAFFIC_FILE).touch()

    async def writers_ended(self, timeout_s: float) -> None:
        """Tell the writers to end; returns when what they had under way is answered, or the time is
        over.
        """
        (Path(self._orders.folder) / OVER_FILE).touch()
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        while (
            self._orders.phase.writers
            and self.is_running
            and not self.ticks.is_idle
            and loop.time() < until
        ):
            await asyncio.sleep(_LOOK_EVERY_S)
            self.ticks.refresh()

    async def finish(self) -> Results:
        """End it, and read what its processes report: `processes` of them."""
        await asyncio.to_thread(self._end)
        return collect(Path(self._orders.folder))

    def kill(self) -> None:
        """Leave nothing behind, whatever happened."""
        if self._process is not None:
            # Its workers are in its group; what has ended already is no error.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _end(self) -> None:
        if self._process is not None and self.is_running:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_S)
        self.kill()

    def _last_lines(self) -> str:
        return " / ".join(
            self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
        )
