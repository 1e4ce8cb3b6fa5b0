"""`rtdash serve --workers N`: N server processes on one port, supervised by a parent process that
serves no client itself.

Each worker listens on a socket of its own (SO_REUSEPORT), and the kernel spreads new connections
over them.
"""

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.worker_process import WorkerOrder, work
from rtdash.server import service_manager
from rtdash.server.signals import announce_abort, handles_hangup, release_hangup

if TYPE_CHECKING:
    from rtdash.server.listener import Listeners
    from rtdash.server.process_hooks import ProcessHooks
    from rtdash.settings import Settings

FIRST_RESTART_S = 0.5
LAST_RESTART_S = 30.0
"""Pause before a worker that died is started again: it doubles up to this bound, and begins anew
after a worker that had lived for as long."""

KILL_GRACE_S = 5.0
"""Time that a worker gets beyond its own shutdown timeout before it is killed."""

_spawning = multiprocessing.get_context("spawn")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Worker:
    """A worker process. `reports` brings one message: None when the worker is ready, else the
    reason why it can't start. The worker ends when the parent's end of it closes.
    """

    process: BaseProcess
    reports: Connection
    started_at: float
    is_ready: bool = False


def run(
    settings: "Settings", given: dict[str, Any], listeners: "Listeners", hooks: "ProcessHooks"
) -> None:
    """Keep `settings.workers` processes serving until SIGINT, SIGTERM or SIGHUP, then drain them.
    Raises KeyboardInterrupt after SIGINT.

    Where `hooks` can reread the settings, SIGHUP reloads the workers instead; each reads the
    settings again with the flags in `given`. A SIGINT during the drain kills the workers. The hooks
    are called once for all of them. Raises CommandFailed when one can't start the first time.
    """
    from rtdash.server.process_hooks import NEED_POLL_S

    order = WorkerOrder(
        settings, given, listeners.for_workers(), can_reload=hooks.reread is not None
    )
    with _metrics_directory() as directory, _stop_signals() as stops:
        supervisor = _Supervisor(order, directory)
        try:
            number = supervisor.supervise(stops, hooks.on_ready)
        finally:
            hooks.on_ending()
            # the workers serve on; another signal doesn't wait
            while hooks.is_needed() and not stops.poll(NEED_POLL_S):
                continue
            supervisor.stop(stops)
    if number == signal.SIGINT:
        raise KeyboardInterrupt


class _Supervisor:
    """Parent of the workers: starts them, restarts those that die, reloads and stops all of
    them.
    """

    def __init__(self, order: WorkerOrder, directory: Path | None) -> None:
        self._order = order
        self._directory = directory
        self._pause_s = FIRST_RESTART_S
        self._workers = [self._start(number) for number in range(order.settings.workers)]

    def supervise(self, stops: Connection, on_ready: Callable[[], None]) -> int:
        """Keep all workers running until a signal ends them; return its number."""
        was_ready = False
        while True:
            reports = [worker.reports for worker in self._workers]
            readable = wait([stops, *reports], service_manager.watchdog_interval_s())
            service_manager.notify(service_manager.ALIVE)
            if stops in readable and (number := self._handle_signal(stops)):
                return number
            for worker in [one for one in self._workers if one.reports in readable]:
                self._read_report(worker, is_first=not was_ready)
            if not was_ready and all(worker.is_ready for worker in self._workers):
                was_ready = True
                on_ready()
            if (
                any(worker.process.exitcode is not None for worker in self._workers)
                and stops.poll(self._pause_s)
                and (number := self._handle_signal(stops))
            ):
                return number
            self._workers = [
                one if one.process.exitcode is None else self._start(number)
                for number, one in enumerate(self._workers)
            ]

    def _handle_signal(self, stops: Connection) -> int:
        """Pass a reload on to the workers and return 0, or return the number of a signal to stop."""
        number = int(stops.recv())
        if number != signal.SIGHUP or not self._order.can_reload:
            return number
        service_manager.notify_reloading()
        for worker in self._workers:
            if worker.is_ready and worker.process.pid is not None:
                os.kill(worker.process.pid, signal.SIGHUP)
        service_manager.notify(service_manager.READY)
        return 0

    def stop(self, stops: Connection) -> None:
        """Drain all workers, and kill those that are late, where the shutdown has a limit. Another
        Ctrl-C kills all: KeyboardInterrupt.
        """
        for worker in self._workers:
            worker.process.terminate()
        limits = self._order.settings.limits
        limit_s = limits.shutdown_timeout_s and limits.drain_delay_s + limits.shutdown_timeout_s
        deadline = time.monotonic() + limit_s + KILL_GRACE_S if limit_s else None
        is_interrupted = False
        while not is_interrupted and (
            alive := [
                worker.process.sentinel
                for worker in self._workers
                if worker.process.exitcode is None
            ]
        ):
            readable = wait([stops, *alive], deadline and max(0.0, deadline - time.monotonic()))
            if not readable:
                break
            is_interrupted = stops in readable and stops.recv() == signal.SIGINT
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()
            worker.reports.close()
        if is_interrupted:
            announce_abort()
            raise KeyboardInterrupt

    def _start(self, number: int) -> _Worker:
        from rtdash.server.metrics.worker_metrics import WorkerMetrics

        ours, theirs = _spawning.Pipe()
        metrics = WorkerMetrics(self._directory, number) if self._directory else None
        process = _spawning.Process(
            target=work, args=(self._order, metrics, theirs), name="rtdash worker"
        )
        process.start()
        theirs.close()
        return _Worker(process, ours, time.monotonic())

    def _read_report(self, worker: _Worker, *, is_first: bool) -> None:
        """Handle the report of a worker that is ready, can't start, or (end of file) has died."""
        try:
            failure: tuple[str, str | None, int] | None = worker.reports.recv()
        except (EOFError, ConnectionError):
            worker.process.join()
            self._note_death(worker)
            return
        worker.is_ready = failure is None
        if failure is not None and is_first:
            what, hint, code = failure
            raise CommandFailed(what, hint=hint, code=Exit(code))
        if failure is not None:
            _log.error("a worker can't start: %s", failure[0])

    def _note_death(self, worker: _Worker) -> None:
        """Set the pause before the restart of a worker that has died, and log it."""
        lived_s = time.monotonic() - worker.started_at
        self._pause_s = (
            FIRST_RESTART_S if lived_s > LAST_RESTART_S else min(LAST_RESTART_S, self._pause_s * 2)
        )
        _log.error(
            "worker %s has ended (%s) and is started again",
            worker.process.pid,
            worker.process.exitcode,
        )


@contextmanager
def _metrics_directory() -> Iterator[Path | None]:
    """Make the directory in which workers ask each other for their metrics; None where no directory
    can be made, as on a read-only file system.
    """
    try:
        directory = TemporaryDirectory(prefix="rtdash-")
    except OSError as error:
        _log.warning(
            "no directory for temporary files (%s): /metrics has the figures of one worker only",
            error.strerror,
        )
        yield None
        return
    with directory as path:
        yield Path(path)


@contextmanager
def _stop_signals() -> Iterator[Connection]:
    """Turn SIGINT, SIGTERM and SIGHUP into messages, which wake a process that waits for
    messages.
    """
    receiving, sending = _spawning.Pipe(duplex=False)
    numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if handles_hangup() else [])]
    before = {
        number: signal.signal(number, lambda number, _frame: sending.send(number))
        for number in numbers
    }
    release_hangup()
    try:
        yield receiving
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
