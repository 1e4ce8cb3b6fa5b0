"""`rtdash serve --workers N`: N server processes on one port, looked after by a parent that serves
nobody itself.

Each listens on a socket of its own (SO_REUSEPORT), among which the kernel spreads new connections.
"""

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rtdash.cli.failures import CommandFailed, Exit

FIRST_RESTART_S = 0.5
LAST_RESTART_S = 30.0
"""How long a worker that died stays dead: longer each time, unless it had lived for as long."""

MERCY_S = 5.0
"""What a worker gets beyond its own shutdown timeout before it is killed."""

_spawning = multiprocessing.get_context("spawn")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Worker:
    """`news` brings one message: None when it is ready, else why it can't be. The worker ends when
    our end of it closes.
    """

    process: BaseProcess
    news: Connection
    started_at: float
    is_ready: bool = False


def run(
    settings: Any,
    address: tuple[str, int],
    *,
    on_ready: Callable[[], None],
    on_ending: Callable[[], None],
) -> None:
    """Keep `settings.workers` processes serving until SIGINT, SIGTERM or SIGHUP, then have them
    drained; raises KeyboardInterrupt after SIGINT.

    A SIGINT during the drain kills them. `on_ready` is called once, when all of them answer,
    `on_ending` when the end has begun.
    Raises CommandFailed when one can't start the first time.
    """
    with TemporaryDirectory(prefix="rtdash-") as directory, _stop_signals() as stops:
        crew = _Crew(settings, address, Path(directory))
        try:
            number = crew.keep(stops, on_ready)
        finally:
            on_ending()
            crew.end(stops)
    if number == signal.SIGINT:
        raise KeyboardInterrupt


class _Crew:
    def __init__(self, settings: Any, address: tuple[str, int], directory: Path) -> None:
        self._settings = settings
        self._address = address
        self._directory = directory
        self._pause_s = FIRST_RESTART_S
        self._workers = [self._start(number) for number in range(settings.workers)]

    def keep(self, stops: Connection, on_ready: Callable[[], None]) -> int:
        """Look after them until a signal comes; its number."""
        is_told = False
        while True:
            told = wait([stops, *(worker.news for worker in self._workers)])
            if stops in told:
                return int(stops.recv())
            for worker in [one for one in self._workers if one.news in told]:
                self._hear(worker, is_first=not is_told)
            if not is_told and all(worker.is_ready for worker in self._workers):
                is_told = True
                on_ready()
            if any(worker.process.exitcode is not None for worker in self._workers) and stops.poll(
                self._pause_s
            ):
                return int(stops.recv())
            self._workers = [
                one if one.process.exitcode is None else self._start(number)
                for number, one in enumerate(self._workers)
            ]

    def end(self, stops: Connection) -> None:
        """Have all of them drained, and kill whoever is late, where the shutdown has a limit.
        Another Ctrl-C kills all: KeyboardInterrupt.
        """
        from rtdash.server import serving

        for worker in self._workers:
            worker.process.terminate()
        patience_s = self._settings.limits.shutdown_timeout_s
        deadline = time.monotonic() + patience_s + MERCY_S if patience_s else None
        is_cut = False
        while not is_cut and (
            alive := [
                worker.process.sentinel
                for worker in self._workers
                if worker.process.exitcode is None
            ]
        ):
            told = wait([stops, *alive], deadline and max(0.0, deadline - time.monotonic()))
            if not told:
                break
            is_cut = stops in told and stops.recv() == signal.SIGINT
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()
            worker.news.close()
        if is_cut:
            serving.tell_end_at_once()
            raise KeyboardInterrupt

    def _start(self, number: int) -> _Worker:
        from rtdash.server.metrics.workers import WorkerMetrics

        ours, theirs = _spawning.Pipe()
        place = WorkerMetrics(self._directory, number)
        process = _spawning.Process(
            target=_work, args=(self._settings, self._address, place, theirs), name="rtdash worker"
        )
        process.start()
        theirs.close()
        return _Worker(process, ours, time.monotonic())

    def _hear(self, worker: _Worker, *, is_first: bool) -> None:
        """It is ready, has failed, or (an end of file) has died."""
        try:
            failure: tuple[str, str | None, int] | None = worker.news.recv()
        except (EOFError, ConnectionError):
            worker.process.join()
            self._mourn(worker)
            return
        worker.is_ready = failure is None
        if failure is not None and is_first:
            what, hint, code = failure
            raise CommandFailed(what, hint=hint, code=Exit(code))
        if failure is not None:
            _log.error("a worker can't start: %s", failure[0])

    def _mourn(self, worker: _Worker) -> None:
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
def _stop_signals() -> Iterator[Connection]:
    """SIGINT, SIGTERM and SIGHUP as messages, so that they wake whoever waits for messages."""
    from rtdash.server.serving import heeds_hangup

    heard, told = _spawning.Pipe(duplex=False)
    numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if heeds_hangup() else [])]
    before = {
        number: signal.signal(number, lambda number, _frame: told.send(number))
        for number in numbers
    }
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _work(settings: Any, address: tuple[str, int], place: Any, news: Connection) -> None:
    """One worker process: a server like that of a single one."""
    from rtdash.cli.serve import raise_file_limit, serve_one
    from rtdash.server import logs, serving

    os.setpgrp()  # Ctrl-C is for the parent, which then sends SIGTERM
    logs.set_up(settings.log, settings.log_level)
    raise_file_limit()

    def ready() -> None:
        news.send(None)
        threading.Thread(target=_end_with_parent, args=(news,), daemon=True).start()

    try:
        serve_one(
            settings,
            serving.bind(*address, shared=True),
            on_ready=ready,
            on_ending=lambda: None,
            siblings=place,
        )
    except CommandFailed as failure:
        with suppress(OSError):
            news.send((failure.what, failure.hint, int(failure.code)))


def _end_with_parent(news: Connection) -> None:
    """Nobody looks after orphans: they drain."""
    with suppress(EOFError, OSError):
        news.recv()
    os.kill(os.getpid(), signal.SIGTERM)


def reserve(host: str, port: int) -> socket.socket:
    """A bound socket that keeps the port for the workers. Raises ListenFailed when somebody has
    it.
    """
    from rtdash.server import serving

    with serving.bind(
        host, port
    ) as alone:  # fails where a shared one would join another server's port
        port = alone.getsockname()[1]
    return serving.bind(host, port, shared=True)
