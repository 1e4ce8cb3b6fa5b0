"""`rtdash backup`: an online copy of the store, which can't be mistaken for the store itself."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from rtdash.cli.credentials import DataOption
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.options import DatabaseOption

PROGRESS_AFTER_S = 1.0


def backup(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="New file for the copy; it must not exist.")
    ],
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Copy the store while a server works on it.

    The copy is marked: the first server that starts on it draws a new epoch, so that clients reload
    instead of missing events. To restore: stop the server, put the copy in the place of rtdash.db
    (without -wal and -shm), start.

    Example: rtdash backup /backup/rtdash-monday.db
    """
    from rtdash.cli.stores import read_store_settings
    from rtdash.store.backup import copy_store
    from rtdash.store.database import StoreError
    from rtdash.store.store_url import open_engines

    settings = read_store_settings(data, database)
    try:
        source = open_engines(settings.database_url, busy_timeout_s=5).file
        if source is None:
            raise CommandFailed(
                "the store is a PostgreSQL server, which has backups of its own",
                hint=(
                    "pg_dump or pg_basebackup; rtdash recognises a restored server by its"
                    " identifier and timeline, and draws a new epoch"
                ),
                code=Exit.USAGE,
            )
        copy_store(source, file, now_ms=time.time_ns() // 1_000_000, progress=_Progress())
    except StoreError as error:
        raise CommandFailed(str(error), hint=error.hint, code=Exit.USAGE) from None
    typer.echo(f"copied to {file} ({file.stat().st_size // 1024} KiB)", err=True)


class _Progress:
    """A line a second, once the copying has taken one."""

    def __init__(self) -> None:
        self._shown_at = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Show the progress, if it is time to."""
        now = time.monotonic()
        if now - self._shown_at >= PROGRESS_AFTER_S:
            self._shown_at = now
            sys.stderr.write(f"{100 * done // max(total, 1)} % copied\n")
