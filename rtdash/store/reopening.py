"""Closing a SQLite file after the disk failed under it, and opening it again."""

import contextlib
import logging
import os
import sqlite3
from pathlib import Path
from typing import cast

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from rtdash.store.engines import Engines
from rtdash.store.errors import StoreUnavailable, translate
from rtdash.store.identity import ensure_identity
from rtdash.store.reader import Reader

_PATIENCE_S = 5.0
_SYNC_ATTEMPTS = 2

_log = logging.getLogger(__name__)


def reopen(engines: Engines, reader: Reader) -> tuple[Engines, StoreUnavailable | None]:
    """Close all connections, so that the next one recovers from the file itself, and return new
    engines, with what keeps the store from writing for now. Nothing is read in between. To be
    called in the writer's thread.

    After failed writes, SQLite's memory of a file need not be what is on disk.
    """
    _log.error("the disk failed under the store: it is closed and opened again")
    reader.hold(_PATIENCE_S)
    reader.close_watch()
    engines.dispose()
    if engines.file is not None:
        forget_cached(engines.file)
    fresh, fault = engines.remake(), None
    try:
        with fresh.writer.connect() as conn:
            _empty_log(conn)
            with conn.begin():
                ensure_identity(conn)
    except (SQLAlchemyError, sqlite3.Error) as error:
        fault = translate(error) or StoreUnavailable(str(error), reason="io_error")
    except StoreUnavailable as unavailable:
        fault = unavailable
    if fault is not None:
        _log.warning("the store can't be opened yet: %s", fault)
    reader.go_on(fresh)
    return fresh, fault


def forget_cached(file: Path) -> None:
    """Have the kernel read a database and its log from the disk again.

    After a failed fsync it shows pages that never reached the disk ("fsyncgate", PostgreSQL 2018;
    Rebello et al., USENIX ATC 2020), until it has other use for their memory. A log that is
    recovered from such pages changes under SQLite, which would then copy what it no longer is.
    """
    for name in (str(file), f"{file}-wal"):
        with contextlib.suppress(OSError):
            descriptor = os.open(name, os.O_RDWR)
            try:
                for _ in range(_SYNC_ATTEMPTS):
                    with contextlib.suppress(OSError):  # what fails is given up by that
                        os.fsync(descriptor)
                if hasattr(os, "posix_fadvise"):
                    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def _empty_log(conn: Connection) -> None:
    """Write SQLite's log into the database, wait for the disk, and begin the log anew. Raises
    sqlite3.Error, StoreUnavailable.

    What can be read of the log need not be on the disk, see `forget_cached`; the next fsync says
    nothing of it. When such a page is read anew, the log ends there, and every later commit would
    be gone.
    """
    driver = cast("sqlite3.Connection", conn.connection.driver_connection)
    (is_busy, *_) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_busy:
        raise StoreUnavailable(
            "the disk has failed, and the log can't be emptied while the database is read",
            reason="io_error",
            hint="end other programs that have the file open",
        )
