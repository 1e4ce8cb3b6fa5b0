"""`rtdash import`: reservations of another system, from a file and a map."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rtdash.cli.completion import complete_venue
from rtdash.cli.credentials import DataOption, TokenOption, UrlOption, find_token, find_url
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.options import option
from rtdash.domain.printable import json_line, printable

if TYPE_CHECKING:
    from rtdash.imports import ImportMap, SourceRow

MAX_BYTES = 512 * 1024 * 1024
"""Larger files are to be sent in parts: a file is held in memory."""
BATCH = 500
"""Operations in a request."""
PREVIEW = 10
"""Rows that `--dry-run` shows."""
SHOWN_NAMES = 20
PROGRESS_S = 1.0

_USE_MAP = "write a first map with: rtdash import FILE --suggest > map.toml"


@dataclass(slots=True)
class _Account:
    """Outcome of the rows."""

    rows: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    shown_at: float = 0.0

    def report(self, line: str) -> None:
        """Write about a row that can't be taken, and count it."""
        self.outcomes["refused"] += 1
        sys.stderr.write(f"{printable(line)}\n")

    def progress(self) -> None:
        """Write how far it is, at most once a second."""
        now = time.monotonic()
        if now - self.shown_at >= PROGRESS_S:
            self.shown_at = now
            sys.stderr.write(f"{self.summary()} …\n")

    def summary(self) -> str:
        """The counts, in words."""
        parts = [
            f"{self.outcomes[one]:,} {one}" for one in ("applied", "repeated", "refused", "read")
        ]
        known = [part for part in parts if not part.startswith("0 ")]
        return f"{self.rows:,} rows: {', '.join(known) or 'nothing yet'}"


def import_file(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV, TSV, NDJSON or JSON; - is stdin.")
    ],
    map_file: Annotated[
        Path | None, typer.Option("--map", metavar="MAP.toml", help="Which column is which field.")
    ] = None,
    venue: Annotated[
        str | None,
        option(
            metavar="ID",
            autocompletion=complete_venue,
            help="The venue of rows for which the map names none.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what the rows become; send nothing.")
    ] = False,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Print a first map for the file.")
    ] = False,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
) -> None:
    """Mirror the reservations of another system.

    Each row is a reservation's whole state. It is safe to repeat: what is known already, or older,
    changes nothing. Every row that can't be taken is named with its line, column and reason.

    Examples: rtdash import bookings.csv --suggest > map.toml · rtdash import bookings.csv --map
    map.toml --dry-run · rtdash import bookings.csv --map map.toml
    """
    content = _read(file)
    if suggest:
        sys.stdout.write(_suggest(content, file))
        return
    mapping = _map(map_file)
    account = _Account()
    if dry_run:
        _preview(_operations(content, file, mapping, account, venue=venue, zones={}), account)
    else:
        base, bearer = find_url(data, url), find_token(data, token)
        asyncio.run(_send(base, bearer, content, file, mapping, account, venue))
    sys.stderr.write(f"{account.summary()}\n")
    if account.outcomes["refused"]:
        raise typer.Exit(Exit.FAULT)


def _read(file: Path) -> bytes:
    try:
        if str(file) == "-":
            content = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with file.open("rb") as opened:
                content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandFailed(f"{file} can't be read: {error.strerror}", code=Exit.USAGE) from None
    if len(content) > MAX_BYTES:
        limit = f"{file} is too large: it has more than {MAX_BYTES // 1024**2} MiB"
        raise CommandFailed(limit, hint="split it", code=Exit.USAGE)
    return content


def _suggest(content: bytes, file: Path) -> str:
    from rtdash.imports import Undecodable, suggest_map

    try:
        return suggest_map(content, name=file.name)
    except Undecodable as error:
        raise CommandFailed(f"{file}: {error}", code=Exit.USAGE) from None


def _map(file: Path | None) -> "ImportMap":
    from rtdash.imports import MapError, parse_map

    if file is None:
        raise CommandFailed("no map says which column is which", hint=_USE_MAP, code=Exit.USAGE)
    try:
        return parse_map(file.read_bytes(), source=str(file))
    except OSError as error:
        raise CommandFailed(f"{file} can't be read: {error.strerror}", code=Exit.USAGE) from None
    except MapError as error:
        raise CommandFailed(str(error), code=Exit.USAGE) from None


def _operations(
    content: bytes,
    file: Path,
    mapping: "ImportMap",
    account: _Account,
    *,
    venue: str | None,
    zones: Mapping[str, str],
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The operations with their lines; what can't be read is reported on the way."""
    from rtdash.imports import RowError, Undecodable, convert, parse_rows

    version = _file_version(file)
    try:
        for row in parse_rows(content, mapping, name=file.name):
            account.rows += 1
            made: dict[str, Any] | RowError = row if isinstance(row, RowError) else {}
            if not isinstance(row, RowError):
                _check_columns(row, mapping, file)
                made = convert(row, mapping, venue=venue, zones=zones, file_version=version)
            if isinstance(made, RowError):
                account.report(str(made))
            else:
                yield row.line, made
    except Undecodable as error:
        raise CommandFailed(f"{file}: {error}", code=Exit.USAGE) from None


def _check_columns(row: "SourceRow", mapping: "ImportMap", file: Path) -> None:
    """Refuse a table without a column of the map, as each of its rows would be."""
    if row.is_table and (lacking := mapping.columns - row.values.keys()):
        raise CommandFailed(
            f"{file} has no column {_names(sorted(lacking))}; its header has {_names(row.values)}",
            hint="mend the map; a table's first line must be its header",
            code=Exit.USAGE,
        )


def _names(columns: Iterable[str]) -> str:
    names = [printable(repr(name[:40])) for name in columns if name]
    return ", ".join(names[:SHOWN_NAMES]) + (" …" if len(names) > SHOWN_NAMES else "")


def _file_version(file: Path) -> int:
    """Microseconds since 1970 of the file's last change, so that the same file is the same state."""
    if str(file) == "-":
        return int(datetime.now(UTC).timestamp() * 1_000_000)
    return file.stat().st_mtime_ns // 1_000


def _preview(operations: Iterator[tuple[int, dict[str, Any]]], account: _Account) -> None:
    for number, (_, operation) in enumerate(operations):
        account.outcomes["read"] += 1
        if number < PREVIEW:
            sys.stdout.write(json_line(operation) + "\n")


async def _send(
    url: str,
    token: str,
    content: bytes,
    file: Path,
    mapping: "ImportMap",
    account: _Account,
    venue: str | None,
) -> None:
    from rtdash.client.api import Api
    from rtdash.client.api_errors import NotAllowed, Problem, Unreachable

    try:
        async with Api(url, lambda: token) as api:
            zones = {one["id"]: one["timezone"] for one in (await api.profile())["venues"]}
            batch: list[tuple[int, dict[str, Any]]] = []
            for numbered in _operations(content, file, mapping, account, venue=venue, zones=zones):
                batch.append(numbered)
                if len(batch) == BATCH:
                    await _post(api, batch, account)
                    batch = []
            if batch:
                await _post(api, batch, account)
    except Unreachable as error:
        raise CommandFailed(str(error), code=Exit.UNREACHABLE) from None
    except NotAllowed as error:
        raise CommandFailed(str(error), code=Exit.NOT_ALLOWED) from None
    except Problem as error:
        raise CommandFailed(
            str(error), hint="type the same command again: what was done stays done"
        ) from None


async def _post(api: Any, batch: list[tuple[int, dict[str, Any]]], account: _Account) -> None:
    outcomes = await api.post_operations([operation for _, operation in batch])
    for (line, operation), outcome in zip(batch, outcomes, strict=True):
        if outcome["outcome"] == "refused":
            reason = outcome.get("problem", {}).get("detail", "refused")
            account.report(f"line {line}, {operation['reservationId']}: {reason}")
        else:
            account.outcomes[outcome["outcome"]] += 1
    account.progress()
