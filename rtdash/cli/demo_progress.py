"""Progress of the demo's traffic: read from its process, shown on stderr while it is waited for."""

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_SILENT_S = 1.0
"""Time after which a task shows its progress."""
_PLAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class DemoProgress:
    """How far the past is loaded, in operations."""

    done: int = 0
    total: int = 0
    is_open: bool = False
    """Whether the first screen has its data; the rest goes on loading behind it."""
    is_loaded: bool = False
    has_ended: bool = False
    """Whether the process is gone."""

    @property
    def words(self) -> str:
        """The progress in one line."""
        if self.has_ended:
            return "the traffic has ended: demo.log in the data directory says why"
        return f"loading the past: {self.done:,} of {self.total:,} operations"


class ProgressReader:
    """Reader of the traffic's stdout; `latest` is what it has reported."""

    def __init__(self, child: "subprocess.Popen[str]") -> None:
        self.latest = DemoProgress()
        self._child = child
        threading.Thread(target=self._read, name="rtdash-demo-progress", daemon=True).start()

    def begin_traffic(self, url: str, token: str) -> None:
        """Have the traffic begin."""
        assert self._child.stdin is not None, "it was started with a pipe"
        with contextlib.suppress(BrokenPipeError):  # it has ended, as `latest` says
            self._child.stdin.write(json.dumps({"url": url, "token": token}) + "\n")
            self._child.stdin.flush()

    def _read(self) -> None:
        assert self._child.stdout is not None, "it was started with a pipe"
        with contextlib.suppress(ValueError):  # the pipe is closed once the demo is over
            for line in self._child.stdout:
                report = json.loads(line)
                self.latest = DemoProgress(
                    report["done"],
                    report["total"],
                    is_open=self.latest.is_open or report["state"] == "open",
                    is_loaded=report["state"] == "loaded",
                )
        latest = self.latest
        self.latest = DemoProgress(
            latest.done, latest.total, is_open=latest.is_open, has_ended=True
        )


@contextlib.contextmanager
def show_progress() -> Iterator[Callable[[str, DemoProgress], None]]:
    """Yield a function that shows what is waited for: a bar on a terminal, else a line every few
    seconds; nothing within the first second.
    """
    started = time.monotonic()
    if not sys.stderr.isatty():
        yield _PlainProgress(started).show
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting the server", total=None)

        def show(what: str, progress: DemoProgress) -> None:
            bar.update(
                task, description=what, completed=progress.done, total=progress.total or None
            )

        yield show


class _PlainProgress:
    """Progress for a log: a line every few seconds."""

    def __init__(self, started_s: float) -> None:
        self._next_s = started_s + _SILENT_S

    def show(self, what: str, progress: DemoProgress) -> None:
        """Write a line when one is due."""
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + _PLAIN_S
            counts = f": {progress.done:,} of {progress.total:,} operations"
            sys.stderr.write(f"{what}{counts if progress.total else ''}\n")
