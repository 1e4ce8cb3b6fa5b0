"""Locust as a child process, configured by a file and ended by a signal."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from rtdash.loadtest.generator.generator_reports import GeneratorReports
from rtdash.loadtest.generator.results import Results, collect
from rtdash.loadtest.generator.run_config import CONFIG_VARIABLE, OVER_FILE, TRAFFIC_FILE, RunConfig
from rtdash.resources import data_path

_START_S = 30.0
_STOP_S = 60.0
"""Thousands of clients and all that they received are written in a second on an idle machine; a
busy one gets its time."""
_LOOK_EVERY_S = 0.1
_LOG_LINES = 8


class GeneratorFailed(Exception):  # noqa: N818
    """Raised when locust did not start, or ended by itself; the text holds its last lines of
    output.
    """


class LocustProcess:
    """Locust as a child process with the users of one phase. `processes` beyond 1 are locust's
    workers; `with_ui` keeps its web UI on port 8089.
    """

    def __init__(self, config: RunConfig, *, processes: int = 1, with_ui: bool = False) -> None:
        self.reports = GeneratorReports(Path(config.folder))
        self._config = config
        self._processes = processes
        self._with_ui = with_ui
        self._log = Path(config.folder) / "locust.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Return whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_reason(self) -> str | None:
        """Return how the process ended by itself; None while it runs."""
        code = None if self._process is None else self._process.poll()
        if code is None:
            return None
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        return f"the generator ended by itself, {how}: {self._last_lines() or 'it wrote nothing'}"

    def start(self) -> None:
        """Start the process; the users come at their own rate."""
        phase = self._config.phase
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
        environment = {**os.environ, CONFIG_VARIABLE: str(self._config.save())}
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
                cwd=self._config.folder,
            )

    async def spawned(self) -> None:
        """Wait until all clients are connected, at most for the time that they need. Raises
        GeneratorFailed when none came.
        """
        phase = self._config.phase
        wanted = phase.dashboards + phase.offices
        loop = asyncio.get_running_loop()
        until = loop.time() + _START_S + 2 * phase.users / phase.spawn_rate
        while loop.time() < until:
            self.reports.refresh()
            if self.reports.last and self.reports.total("connected") >= wanted:
                return
            await asyncio.sleep(_LOOK_EVERY_S)
        if not self.reports.last:
            raise GeneratorFailed("the generator did not start: " + self._last_lines())

    def traffic_begins(self) -> None:
        """Mark the start of the traffic: lateness counts from here."""
        (Path(self._config.folder) / TRAFFIC_FILE).touch()

    async def writers_ended(self, timeout_s: float) -> None:
        """Stop the writers; return when their requests are answered, or after `timeout_s`."""
        (Path(self._config.folder) / OVER_FILE).touch()
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        while (
            self._config.phase.writers
            and self.is_running
            and not self.reports.is_idle
            and loop.time() < until
        ):
            await asyncio.sleep(_LOOK_EVERY_S)
            self.reports.refresh()

    async def finish(self) -> Results:
        """End the process and read the results of all its workers."""
        await asyncio.to_thread(self._end)
        return collect(Path(self._config.folder))

    def kill(self) -> None:
        """Kill the process and its workers."""
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
