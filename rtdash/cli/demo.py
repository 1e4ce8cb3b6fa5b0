"""`rtdash demo`: a server with a past and live traffic, and its live view, in one command."""

import contextlib
import json
import shlex
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from rtdash.cli.child_processes import Interrupts, child_process
from rtdash.cli.credentials import ADDRESS_FILE, own_server_token
from rtdash.cli.demo_progress import DemoProgress, ProgressReader, show_progress
from rtdash.cli.demo_traffic import Order
from rtdash.cli.failures import CommandFailed
from rtdash.cli.quantities import parse_rate, parse_seconds

if TYPE_CHECKING:
    import subprocess

START_LIMIT_S = 60


def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep the data in this directory. [default: a temporary one]",
            show_default=False,
        ),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(
            metavar="RATE",
            help="New reservations, e.g. 2/s. [default: by the venues' size and the hour of the"
            " day, on fast forward]",
            show_default=False,
        ),
    ] = None,
    days: Annotated[
        int, typer.Option(min=0, max=3_660, metavar="DAYS", help="Days of past to begin with.")
    ] = 60,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="The traffic's seed.")] = 1,
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

    Example: rtdash demo --duration 5m
    """
    rate_per_s = parse_rate(rate) if rate else None
    with contextlib.ExitStack() as stack:
        interrupts = Interrupts()
        directory = (
            data.absolute()
            if data
            else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rtdash-demo-")))
        )
        log = stack.enter_context(_open_log(directory))
        order = Order(seed, days, rate_per_s, is_new=not (directory / "rtdash.db").exists())
        (directory / ADDRESS_FILE).unlink(missing_ok=True)
        serve = ["rtdash", "serve", "--port", "0", "--data", str(directory)]
        server = stack.enter_context(child_process(serve, log, interrupts))
        # It plans the past while the server starts, and waits for the address.
        make_traffic = ["rtdash.cli.demo_traffic", json.dumps(asdict(order))]
        traffic = stack.enter_context(child_process(make_traffic, log, interrupts, with_pipes=True))
        progress = ProgressReader(traffic)
        url = _wait_until_open(directory, server, progress, Path(log.name))
        _watch(url, directory, duration, _banner(url, directory, progress, is_kept=bool(data)))
    sys.stderr.write(
        "the demo is over\n  next: rtdash serve   ·   rtdash watch   ·   rtdash simulate --help\n"
    )


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


def _wait_until_open(
    directory: Path, server: "subprocess.Popen[str]", progress: ProgressReader, log: Path
) -> str:
    """Show what is waited for until the first screen has its data; return the server's URL."""
    deadline = time.monotonic() + START_LIMIT_S
    with show_progress() as show:
        url = ""
        while url or time.monotonic() < deadline:
            if server.poll() is not None:
                raise _failure("the server did not start", log)
            if not url and (url := _read_address(directory / ADDRESS_FILE)):
                sys.stderr.write(f"rtdash demo at {url}\n")
                progress.start(url, own_server_token(directory, user="demo", admin=True))
            if (latest := progress.latest).is_open:
                return url
            if latest.has_ended:
                raise _failure("the past could not be loaded", log)
            show("starting the server" if not url else "loading the past", latest)
            time.sleep(0.02)
    raise _failure(f"the server was not ready within {START_LIMIT_S} s", log)


def _failure(what: str, log: Path) -> CommandFailed:
    said = log.read_text(encoding="utf-8", errors="replace")[-2000:].strip()
    return CommandFailed(
        f"{what}: {said}" if said else what, hint="check this machine: rtdash doctor"
    )


def _read_address(address: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return address.read_text(encoding="utf-8").strip()
    return ""


def _banner(
    url: str, directory: Path, progress: ProgressReader, *, is_kept: bool
) -> Callable[[], tuple[str, ...]]:
    """Return the lines above the live view: the address, how to stop, how to join."""
    end = "q ends it" if is_kept else "q ends it and removes its data"
    lines = (
        f"rtdash demo at {url}   {end}",
        f"second terminal: rtdash watch --data {shlex.quote(str(directory))}",
    )

    def render() -> tuple[str, ...]:
        latest: DemoProgress = progress.latest
        return lines if latest.is_loaded else (*lines, latest.words)

    return render


def _watch(
    url: str, directory: Path, duration: float | None, banner: Callable[[], tuple[str, ...]]
) -> None:
    from rtdash.cli.watch import run_watch
    from rtdash.protocol.channels import Channel
    from rtdash.watch.app import WatchOptions

    run_watch(
        WatchOptions(
            url=url,
            token=own_server_token(directory, user="demo"),
            channels=tuple(Channel),
            duration_s=duration,
            banner=banner,
        )
    )
