"""One of several server processes: what it gets from its parent, and its life."""

import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from rtdash.cli.failures import CommandFailed

if TYPE_CHECKING:
    from rtdash.server.listener import Listeners
    from rtdash.server.metrics.worker_metrics import WorkerMetrics
    from rtdash.settings import Settings


@dataclass(frozen=True, slots=True)
class WorkerOrder:
    """Start values of a worker. `given` are the flags, for a reload of the settings."""

    settings: "Settings"
    given: dict[str, Any]
    listeners: "Listeners"
    can_reload: bool


def work(order: WorkerOrder, metrics: "WorkerMetrics | None", reports: Connection) -> None:
    """Run one worker process: a server like a single one."""
    from rtdash.cli.server_process import serve_one, settings_reader
    from rtdash.server import logs
    from rtdash.server.process_hooks import ProcessHooks

    os.setpgrp()  # Ctrl-C is for the parent, which then sends SIGTERM
    logs.set_up(order.settings.log, order.settings.log_level)

    def ready() -> None:
        reports.send(None)
        threading.Thread(target=_end_with_parent, args=(reports,), daemon=True).start()

    reread = settings_reader(order.given) if order.can_reload else None
    hooks = ProcessHooks(ready, lambda: None, lambda: False, reread)
    try:
        serve_one(order.settings, order.listeners.open(), hooks, metrics)
    except CommandFailed as failure:
        with suppress(OSError):
            reports.send((failure.what, failure.hint, int(failure.code)))


def _end_with_parent(reports: Connection) -> None:
    """Wait for the parent's end, then drain: no process supervises an orphan."""
    with suppress(EOFError, OSError):
        reports.recv()
    os.kill(os.getpid(), signal.SIGTERM)
