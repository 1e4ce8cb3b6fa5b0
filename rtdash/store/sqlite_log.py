"""SQLite's log (the WAL): when it is copied into the database, and how one is taken over of which
the disk may have lost pages.

SQLite's automatic checkpoint is off: it says nothing of its errors. A failed fsync of the database
loses pages that the kernel no longer counts as unwritten. If an earlier checkpoint has copied them
(it copies a part while a reader is in the way, and waits for no disk), the next one does not copy
them again; its fsync succeeds, the log begins anew, and the pages are gone.
"""

import contextlib
import logging
import os
import sqlite3
from pathlib import Path
from typing import cast
from urllib.parse import quote

from sqlalchemy import Connection

from rtdash.store.errors import StoreUnavailable, translate

LOG_PAGES = 8_000
"""Pages of the log, some 32 MiB, after which it is copied."""

_MOST_TIMES = 8.0
"""How much more often than by its own estimate a checkpoint comes: where rows cost more pages, and
where readers have kept a log from beginning anew."""

_ALONE_PATIENCE_S = 1.0
_SYNC_ATTEMPTS = 2

_log = logging.getLogger(__name__)


class LogInUse(StoreUnavailable):
    """The log can't be taken over: connections that were open when the disk failed still are, and
    what they know of the log stays with it.
    """


class LogCheckpoints:
    """Checkpoints of the connection that writes, by an estimate of the pages that its commits have
    written. Known are the rows that they changed, and at each checkpoint the length of the log.
    """

    def __init__(self) -> None:
        self._driver: sqlite3.Connection | None = None
        self._rows = self._pages = 0
        self._ratio = 1.0

    def after_commit(self, conn: Connection) -> None:
        """Copy the log into the database when it is time, as far as no reader is in the way.

        Raises StoreUnavailable where the disk fails; all that was committed is in the log.
        """
        driver = cast("sqlite3.Connection", conn.connection.driver_connection)
        rows = driver.total_changes
        changed = rows - self._rows if driver is self._driver else rows
        self._driver, self._rows = driver, rows
        self._pages += _estimate_pages(changed)
        if self._pages * self._ratio < LOG_PAGES:
            return
        estimate, self._pages = self._pages, 0
        try:
            _, pages, _ = driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            fault = translate(error)
            if fault is not None and fault.reason == "io_error":
                raise fault from error
            _log.warning("the log can't be copied into the database: %s", fault or error)
        else:
            self._ratio = min(max(pages / estimate, 1.0), _MOST_TIMES)


def _estimate_pages(rows: int) -> int:
    """Pages that a commit of so many rows writes: a booking's 4 rows 12, a hundred bookings' 600
    rows 200.
    """
    return min(3 * rows, 30 + rows // 3)


class LogGuard:
    """A connection that can't write, open as long as others are.

    SQLite's last connection copies the log and deletes it when it is closed, also after an fsync
    that failed. While this one is open no other is the last; itself, it can't.
    """

    def __init__(self, file: Path) -> None:
        self._log_name = f"{file}-wal"
        self._connection = sqlite3.connect(
            f"file:{quote(str(file))}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            self._connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except sqlite3.Error:
            self._connection.close()
            raise
        self._log = _identity(self._log_name)

    def has_log(self) -> bool:
        """Whether the log is where it was. What is in one that was deleted is not found again by
        the next connection: the last one has to copy it.
        """
        return _identity(self._log_name) == self._log

    def close(self) -> None:
        """Close it."""
        self._connection.close()


def take_over_log(file: Path) -> None:
    """Copy what the disk has of a database's log into the database, wait for the disk, and begin
    the log anew. No connection of this process may be open. Raises sqlite3.Error, LogInUse.
    """
    _forget_cached(file)
    with contextlib.closing(
        sqlite3.connect(file, isolation_level=None, timeout=_ALONE_PATIENCE_S)
    ) as alone:
        # Alone, it reads the whole log anew, and takes no other's word for what has been copied.
        alone.execute("PRAGMA locking_mode=EXCLUSIVE")
        try:
            alone.execute("PRAGMA synchronous=FULL")
            alone.execute("SELECT count(*) FROM sqlite_master").fetchall()
            alone.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            raise LogInUse(
                "the disk has failed, and the file can't be read anew while it is open elsewhere",
                reason="io_error",
                hint=f"end other programs that have {file.name} open",
            ) from error


def take_over_left_log(file: Path) -> None:
    """Take over the log of a process that was killed: the kernel may show pages of it that are not
    on the disk. Where another program has the file open, it is left to SQLite. Raises
    StoreUnavailable.
    """
    try:
        if not os.path.getsize(f"{file}-wal"):  # noqa: PTH202
            return
    except OSError:
        return
    try:
        take_over_log(file)
    except LogInUse:
        _log.warning("%s is open in another program; its log is taken as it is", file.name)
    except sqlite3.Error as error:
        raise translate(error) or StoreUnavailable(str(error), reason="io_error") from error


def _forget_cached(file: Path) -> None:
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


def _identity(name: str) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        found = os.stat(name)  # noqa: PTH116
        return found.st_dev, found.st_ino
    return None
