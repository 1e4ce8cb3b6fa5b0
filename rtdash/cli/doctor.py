"""`rtdash doctor`: checks of this machine, each with advice for what is wrong."""

import os
import resource
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from rtdash.cli.configuration import read_settings
from rtdash.cli.credentials import DataOption, data_directory, find_url, reach_hint
from rtdash.cli.failures import CommandFailed, Exit

FILES_BESIDE_SOCKETS = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check; `advice` says how to mend what is not ok."""

    check: str
    is_ok: bool
    found: str
    advice: str = ""


def doctor(
    data: DataOption = None,
    new_epoch: Annotated[
        bool,
        typer.Option(
            "--new-epoch",
            help=(
                "After restoring a backup: draw a new epoch, so that every client reloads instead"
                " of missing what the backup never had."
            ),
        ),
    ] = False,
) -> None:
    """Check this machine: data directory, store, limits, server."""
    directory = data_directory(data)
    if new_epoch:
        _draw_epoch(directory)
        return
    findings = [
        finding
        for check in (_python, _directory, _secret, _store, _files, _extras, _server)
        for finding in check(directory)
    ]
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.is_ok else 'BAD '} {finding.check}: {finding.found}")
        if finding.advice and not finding.is_ok:
            typer.echo(f"       {finding.advice}")
    bad = sum(not finding.is_ok for finding in findings)
    if bad:
        raise CommandFailed(
            f"{bad} of {len(findings)} checks need attention",
            hint="mend them from the top; then: rtdash doctor",
        )
    is_running = findings[-1].found.endswith("}")
    typer.echo(
        f"all well\n  next: rtdash {'watch hotel_stats' if is_running else 'serve'}", err=True
    )


def _python(_: Path) -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding("Python", sys.version_info >= (3, 11), version, "rtdash needs 3.11 or newer")


def _directory(directory: Path) -> Iterator[Finding]:
    place = (
        directory
        if directory.exists()
        else next(parent for parent in directory.parents if parent.exists())
    )
    note = (
        ""
        if directory.is_dir()
        else " (is no directory)"
        if directory.exists()
        else " (made at the first start)"
    )
    yield Finding(
        "data directory",
        place.is_dir() and os.access(place, os.W_OK),
        f"{directory}{note}",
        "choose one that you may write: --data DIR or RTDASH_DATA",
    )
    space = os.statvfs(place)
    free_mib = space.f_bavail * space.f_frsize // 2**20
    yield Finding(
        "disk",
        free_mib >= 256,
        f"{free_mib} MiB free",
        "a full disk refuses every write with 503 until there is room",
    )


def _secret(directory: Path) -> Iterator[Finding]:
    secret = directory / "secret"
    if secret.exists():
        mode = stat.S_IMODE(secret.stat().st_mode)
        yield Finding(
            "secret",
            mode & 0o077 == 0,
            f"mode {mode:04o}",
            f"every user that reads it can sign tokens: chmod 600 {secret}",
        )


def _store(directory: Path) -> Iterator[Finding]:
    from rtdash.store.inspection import inspect_store

    looked = inspect_store(read_settings({"data": directory}).database_url)
    if looked is not None:
        trouble = looked.trouble
        yield Finding(
            "store",
            trouble is None,
            f"{looked.place}, {trouble or 'ok'}",
            (trouble.hint or "") if trouble else "",
        )


def _files(_: Path) -> Iterator[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * read_settings({}).limits.max_connections + FILES_BESIDE_SOCKETS
    yield Finding(
        "open files",
        hard == resource.RLIM_INFINITY or hard >= needed,
        f"{soft} (at most {hard}); {needed} needed for max_connections, by WebSocket and by HTTP",
        "raise it (ulimit -Hn) or lower RTDASH_MAX_CONNECTIONS",
    )


def _extras(_: Path) -> Iterator[Finding]:
    modules = {"redis": "redis", "rabbitmq": "aio_pika", "kafka": "aiokafka", "postgres": "psycopg"}
    there = [name for name, module in modules.items() if find_spec(module)]
    yield Finding("extras", True, ", ".join(there) or "none (not needed on one machine)")


def _server(directory: Path) -> Iterator[Finding]:
    import httpx2

    url = find_url(directory)
    try:
        answer = httpx2.get(f"{url}/readyz", timeout=3)
    except httpx2.HTTPError as error:
        is_distrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
        found = (
            f"the certificate of {url} is not trusted"
            if is_distrusted
            else f"none answers at {url}"
        )
        yield Finding("server", not is_distrusted, found, reach_hint(str(error)))
        return
    yield Finding(
        "server",
        answer.status_code == 200,
        f"{url} answers {answer.status_code}: {answer.text[:120]}",
        "see its log",
    )


def _draw_epoch(directory: Path) -> None:
    import asyncio

    from rtdash.store.database import StoreError
    from rtdash.store.event_log import draw_epoch

    settings = read_settings({"data": directory})
    if not (directory / "rtdash.db").exists() and settings.database is None:
        raise CommandFailed(
            f"there is no store in {directory}",
            hint="name the data directory: rtdash doctor --new-epoch --data DIR",
            code=Exit.USAGE,
        )
    try:
        epoch = asyncio.run(_write(settings, draw_epoch))
    except StoreError as error:
        raise CommandFailed(str(error), hint=getattr(error, "hint", None)) from None
    typer.echo(
        f"the epoch is now {epoch}: every client will reload\n  next: rtdash serve", err=True
    )


async def _write(settings: Any, function: Callable[[Any], Any]) -> Any:
    from datetime import UTC, datetime

    from rtdash.store.database import Database

    database = await Database.open(
        settings.database_url, data_dir=settings.data, clock=lambda: datetime.now(UTC)
    )
    try:
        return await database.write(function)
    finally:
        await database.close()
