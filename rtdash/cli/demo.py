"""`rtdash demo`: a server with a past and live traffic, and its live view, in one command."""

import contextlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO, Annotated

import typer

from rtdash.cli.credentials import ADDRESS_FILE, own_server_token
from rtdash.cli.failures import CommandFailed
from rtdash.cli.quantities import parse_rate, parse_seconds

CHANNELS = (
    "hotel_stats",
    "hotel_reservations",
    "hotel_notifications",
    "restaurant_stats",
    "restaurant_reservations",
    "restaurant_notifications",
)
START_LIMIT_S = 30
END_LIMIT_S = 20


def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Keep the data in this directory. [default: a temporary one]", show_default=False
        ),
    ] = None,
    rate: Annotated[str, typer.Option(help="New reservations, e.g. 2/s.")] = "2/s",
    days: Annotated[int, typer.Option(min=0, help="Days of past to begin with.")] = 60,
    seed: Annotated[int, typer.Option(help="The traffic's seed.")] = 1,
    duration: Annotated[
        float | None,
        typer.Option(
            parser=parse_seconds,
            metavar="TIME",
            help="End after that time, e.g. 30s or 5m. [default: q or Ctrl-C]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show it all: server, a past, live traffic, live view.

    The server takes a free port; the data are temporary unless --data. Settings of other servers,
    by RTDASH_* or rtdash.toml, have no say.
    """
    parse_rate(rate)
    with contextlib.ExitStack() as stack:
        interrupts = _Interrupts()
        directory = (
            data.absolute()
            if data
            else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rtdash-demo-")))
        )
        log = stack.enter_context(_open_log(directory))
        server = stack.enter_context(
            _child(["serve", "--port", "0", "--data", str(directory)], log, interrupts)
        )
        url = _wait_for_address(directory / ADDRESS_FILE, server, Path(log.name))
        sys.stderr.write(
            f"rtdash demo at {url} (data in {directory}{'' if data else ', removed at the end'})\n"
        )
        traffic = [
            "simulate",
            "--url",
            url,
            "--data",
            str(directory),
            "--seed",
            str(seed),
            "--backfill",
            str(days),
            "--rate",
            rate,
        ]
        simulate = stack.enter_context(_child(traffic, log, interrupts, stderr=subprocess.PIPE))
        lines = _Lines(simulate, log)
        if days:
            _wait_for_past(lines, days)
        _watch(url, directory, duration)
    sys.stderr.write(
        "the demo is over\n  next: rtdash serve   ·   rtdash watch hotel_stats   ·   rtdash"
        " simulate --help\n"
    )


class _Interrupts:
    """Ctrl-C, SIGTERM and the end of the terminal as KeyboardInterrupt, so that no child and no
    data are left behind. Held back while a child is being started, which would be lost, and once
    the end has begun, which would be cut short.
    """

    def __init__(self) -> None:
        self._is_held = False
        self._is_pending = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
                signal.signal(number, self._handle)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold interrupts back until the end of the block."""
        self._is_held = True
        yield
        self._is_held = False
        if self._is_pending:
            raise KeyboardInterrupt

    def end(self) -> None:
        """Ignore interrupts from now on."""
        self._is_held = True

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._is_pending = True
        if not self._is_held:
            raise KeyboardInterrupt


def _open_log(directory: Path) -> IO[str]:
    """Open the log of server and traffic, beside their data."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return (directory / "demo.log").open("w", encoding="utf-8")
    except OSError as error:
        raise CommandFailed(
            f"{directory} can't be written: {error.strerror}",
            hint="choose a directory that you may write: rtdash demo --data DIR",
        ) from None


@contextlib.contextmanager
def _child(
    arguments: list[str], log: IO[str], interrupts: _Interrupts, *, stderr: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run an rtdash command that ignores this terminal's Ctrl-C; end it with SIGTERM when the demo
    ends.
    """
    from rtdash.settings import environment_without_settings

    command = [sys.executable, "-m", "rtdash", *arguments]
    environment, directory = environment_without_settings(), Path(log.name).parent
    process = None
    try:
        with interrupts.held():
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=stderr or log,
                start_new_session=True,
            )
        yield process
    finally:
        interrupts.end()
        if process:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for_address(address: Path, server: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise CommandFailed(
                f"the server did not start:\n{log.read_text(encoding='utf-8')[-2000:]}",
                hint="check this machine: rtdash doctor",
            )
        if address.is_file() and (url := address.read_text(encoding="utf-8").strip()):
            return url
        time.sleep(0.02)
    raise CommandFailed(
        f"the server was not ready within {START_LIMIT_S} s",
        hint="check this machine: rtdash doctor",
    )


class _Lines:
    """Lines of a child's stderr, copied to the log; the child never waits for a reader."""

    def __init__(self, child: subprocess.Popen[bytes], log: IO[str]) -> None:
        self.latest: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._log = log
        self._child = child
        threading.Thread(target=self._copy, name="rtdash-demo-log", daemon=True).start()

    def _copy(self) -> None:
        assert self._child.stderr is not None, "it was started with a pipe"
        for line in self._child.stderr:
            text = line.decode(errors="replace").rstrip()
            self.latest.put(text)
            with contextlib.suppress(ValueError):  # the log is closed once the demo is over
                self._log.write(text + "\n")
        self.latest.put(None)


def _wait_for_past(lines: _Lines, days: int) -> None:
    """Show the backfill's progress until it is done."""
    from rich.console import Console

    from rtdash.cli.simulate_run import LOADED

    with Console(stderr=True).status(f"loading {days} days of past") as status:
        said = ""
        while (line := lines.latest.get()) is not None:
            if line.startswith(LOADED):
                return
            said = line
            status.update(f"loading {days} days of past: {line}")
    raise CommandFailed(
        f"the past could not be loaded: {said}", hint="check this machine: rtdash doctor"
    )


def _watch(url: str, directory: Path, duration: float | None) -> None:
    from rtdash.cli.watch import watch

    watch(
        list(CHANNELS),
        url=url,
        token=own_server_token(directory, user="demo"),
        data=directory,
        duration=duration,
    )
