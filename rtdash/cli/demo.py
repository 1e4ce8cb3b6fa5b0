"""`rtdash demo`: a server with a past and live traffic, and its live view, in one command."""

import contextlib
import json
import shlex
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from rtdash.cli.child_processes import Interrupts, child_process
from rtdash.cli.credentials import ADDRESS_FILE, own_server_code, own_server_token
from rtdash.cli.demo_progress import ProgressReader, show_progress
from rtdash.cli.demo_traffic import Order
from rtdash.cli.failures import CommandFailed
from rtdash.cli.open_page import has_desktop, open_address
from rtdash.cli.options import option
from rtdash.cli.quantities import parse_rate, parse_seconds

if TYPE_CHECKING:
    import subprocess

    from rtdash.watch.banner import Banner

START_LIMIT_S = 60
LOG = "demo.log"
_TALL = 30
"""Height from which the banner has a line more."""


def demo(
    data: Annotated[
        Path | None,
        option(
            metavar="DIR",
            help="Keep the data in this directory. [default: a temporary one]",
        ),
    ] = None,
    rate: Annotated[
        str | None,
        option(
            metavar="RATE",
            help="New reservations, e.g. 2/s. [default: by the venues' size and the hour of the"
            " day, on fast forward]",
        ),
    ] = None,
    days: Annotated[
        int, typer.Option(min=0, max=3_660, metavar="DAYS", help="Days of past to begin with.")
    ] = 60,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="The traffic's seed.")] = 1,
    duration: Annotated[
        float | None,
        option(
            parser=parse_seconds,
            metavar="TIME",
            help="End after that time, e.g. 30s or 5m. [default: q or Ctrl-C]",
        ),
    ] = None,
) -> None:
    """Show it all: server, a past, live traffic, live view.

    The server takes a free port; the data are temporary unless --data. Settings by RTDASH_* or
    rtdash.toml are not used: they are for other servers.

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
        url = _wait_until_open(directory, server, progress, is_kept=bool(data))
        lines = _lines(url, directory, is_kept=bool(data))
        if has_desktop():
            open_address(directory, f"{url}/#code={own_server_code(directory, user='demo')}")
        _watch(url, directory, duration, _banner(lines, progress))
    sys.stderr.write(
        "the demo is over\n  next: rtdash serve   ·   rtdash watch   ·   rtdash simulate --help\n"
    )


def _open_log(directory: Path) -> IO[str]:
    """Open the log of server and traffic, beside their data."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return (directory / LOG).open("w", encoding="utf-8")
    except OSError as error:
        raise CommandFailed(
            f"{directory} can't be written: {error.strerror}",
            hint="choose a directory that you may write: rtdash demo --data DIR",
        ) from None


def _wait_until_open(
    directory: Path, server: "subprocess.Popen[str]", progress: ProgressReader, *, is_kept: bool
) -> str:
    """Show what is waited for until the first screen has its data; return the server's URL."""
    log, deadline = directory / LOG, time.monotonic() + START_LIMIT_S
    with show_progress() as show:
        _load_view()
        url = ""
        while url or time.monotonic() < deadline:
            if server.poll() is not None:
                raise _failure("the server did not start", log)
            if not url and (url := _read_address(directory / ADDRESS_FILE)):
                sys.stderr.write("\n  ".join(_lines(url, directory, is_kept=is_kept)) + "\n")
                progress.begin_traffic(url, own_server_token(directory, user="demo", admin=True))
            if (latest := progress.latest).is_open:
                return url
            if latest.has_ended:
                raise _failure("the past could not be loaded", log)
            show("starting the server" if not url else "loading the past", latest)
            time.sleep(0.02)
    raise _failure(f"the server was not ready within {START_LIMIT_S} s", log)


def _load_view() -> None:
    """Import the live view while the server starts: it takes half a second."""
    import rtdash.watch.screen
    import rtdash.watch.watcher  # noqa: F401 - both for their time alone


def _failure(what: str, log: Path) -> CommandFailed:
    said = log.read_text(encoding="utf-8", errors="replace")[-2000:].strip()
    return CommandFailed(
        f"{what}: {said}" if said else what, hint="check this machine: rtdash doctor"
    )


def _read_address(address: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return address.read_text(encoding="utf-8").strip()
    return ""


def _lines(url: str, directory: Path, *, is_kept: bool) -> tuple[str, str, str]:
    """Return the address and how to stop, how to join, and the page."""
    end = "q or Ctrl-C ends it" + ("" if is_kept else " and removes its data")
    data = shlex.quote(str(directory))
    return (
        f"rtdash demo at {url}   {end}",
        f"second terminal: rtdash watch --data {data}",
        f"in the browser:  rtdash open --data {data}",
    )


def _banner(lines: tuple[str, str, str], progress: ProgressReader) -> "Banner":
    """Return the function that makes the lines above the live view."""

    def render(height: int) -> tuple[str, ...]:
        latest = progress.latest
        if not latest.is_loaded:
            return (*lines[:2], latest.words)
        return lines if height >= _TALL else lines[:2]

    return render


def _watch(url: str, directory: Path, duration: float | None, banner: "Banner") -> None:
    from rtdash.cli.watch import run_watch
    from rtdash.protocol.channels import Channel
    from rtdash.watch.watcher import WatchOptions

    run_watch(
        WatchOptions(
            url=url,
            token=own_server_token(directory, user="demo"),
            channels=tuple(Channel),
            duration_s=duration,
            banner=banner,
        )
    )
