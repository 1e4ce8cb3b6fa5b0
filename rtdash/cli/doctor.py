"""`rtdash doctor`: checks of this machine, each with advice for what is wrong."""

import os
import resource
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from rtdash.cli.configuration import read_settings
from rtdash.cli.credentials import DataOption, JsonOption, data_directory, find_url, reach_hint
from rtdash.cli.epoch import draw_new_epoch
from rtdash.cli.failures import CommandFailed
from rtdash.domain.printable import json_line, printable

FILES_BESIDE_SOCKETS = 200


class CheckLevel(StrEnum):
    """Weight of a finding: only BAD makes the command fail."""

    OK = "ok"
    WARNING = "WARN"
    BAD = "BAD"


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check; `advice` says how to mend what is not ok."""

    check: str
    is_ok: bool
    found: str
    advice: str = ""
    fault: CheckLevel = CheckLevel.BAD
    """Weight of the finding if it isn't ok."""

    @property
    def level(self) -> CheckLevel:
        """Weight of the finding."""
        return CheckLevel.OK if self.is_ok else self.fault


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
    as_json: JsonOption = False,
) -> None:
    """Check this machine: data directory, store, limits, server.

    Examples: rtdash doctor · rtdash doctor --json · rtdash doctor --new-epoch --data DIR
    """
    directory = data_directory(data)
    if new_epoch:
        draw_new_epoch(directory)
        return
    findings = [
        finding
        for check in (_python, _directory, _secret, _store, _files, _extras, _server)
        for finding in check(directory)
    ]
    (_print_json if as_json else _print)(findings)
    bad = sum(finding.level is CheckLevel.BAD for finding in findings)
    if bad:
        raise CommandFailed(
            f"{bad} of {len(findings)} checks need attention",
            hint="mend them from the top; then: rtdash doctor",
        )
    warnings = sum(finding.level is CheckLevel.WARNING for finding in findings)
    is_running = findings[-1].found.endswith("}")
    typer.echo(
        f"{f'no fault; warnings: {warnings}' if warnings else 'all well'}\n"
        f"  next: rtdash {'watch' if is_running else 'serve'}",
        err=True,
    )


def _print(findings: list[Finding]) -> None:
    for finding in findings:
        typer.echo(f"{finding.level.value:<4} {finding.check}: {printable(finding.found)}")
        if finding.advice and not finding.is_ok:
            typer.echo(f"       {finding.advice}")


def _print_json(findings: list[Finding]) -> None:
    typer.echo(
        json_line(
            [
                {
                    "check": finding.check,
                    "level": finding.level.name.lower(),
                    "found": finding.found,
                    "advice": "" if finding.is_ok else finding.advice,
                }
                for finding in findings
            ]
        )
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
    if directory.is_dir():
        mode = stat.S_IMODE(directory.stat().st_mode)
        yield Finding(
            "directory mode",
            mode & 0o077 == 0,
            f"{mode:04o}",
            f"other users of this machine can look into it: chmod 700 {directory}",
            fault=CheckLevel.WARNING,
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
    wanted = read_settings({}).limits.max_connections
    needed = 2 * wanted + FILES_BESIDE_SOCKETS
    possible = max(0, (hard - FILES_BESIDE_SOCKETS) // 2)
    yield Finding(
        "open files",
        hard == resource.RLIM_INFINITY or hard >= needed,
        f"{soft} (at most {hard}); max_connections={wanted} by WebSocket and HTTP needs {needed}",
        f"there is room for {possible} connections: raise it (ulimit -Hn {needed}, LimitNOFILE="
        f" of systemd), or set RTDASH_MAX_CONNECTIONS={possible}",
        fault=CheckLevel.WARNING,
    )


def _extras(_: Path) -> Iterator[Finding]:
    modules = {"redis": "redis", "rabbitmq": "aio_pika", "kafka": "aiokafka", "postgres": "psycopg"}
    there = [name for name, module in modules.items() if find_spec(module)]
    yield Finding("extras", True, ", ".join(there) or "none (not needed on one machine)")


def _server(directory: Path) -> Iterator[Finding]:
    import httpx2

    from rtdash.client.api_errors import Unreachable
    from rtdash.client.environment import open_client

    url = find_url(directory)
    try:
        with open_client(httpx2.Client, url, timeout=3) as client:
            answer = client.get(f"{url}/readyz")
    except (httpx2.HTTPError, Unreachable) as error:
        is_distrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
        found = (
            f"the certificate of {url} is not trusted"
            if is_distrusted
            else f"none answers at {url}"
        )
        yield Finding("server", not is_distrusted, found, reach_hint(str(error)))
        return
    is_rtdash = answer.headers.get("content-type", "").startswith("application/json")
    yield Finding(
        "server",
        answer.status_code == 200 and is_rtdash,
        f"{url} answers {answer.status_code}: {answer.text[:120]}",
        "see its log" if is_rtdash else "that is no rtdash: name the server by RTDASH_URL",
    )
