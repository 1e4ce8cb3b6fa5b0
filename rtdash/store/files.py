"""The files of a SQLite store: private to one user, locked for one process, and recognised when
another copy has taken their place, before the start or under the running server.
"""

import contextlib
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from rtdash.private_files import (
    FileUnsafe,
    make_directory,
    open_private,
    read_private,
    write_private,
)
from rtdash.store.errors import StoreError, StoreUnavailable
from rtdash.store.lockfile import LockFile
from rtdash.store.schema import heads

_Identity = tuple[int, int]
"""Device and inode of a file."""

_COUNT_EVENTS = select(func.coalesce(func.sum(heads.c.seq), 0))

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Mark:
    """State of the file when it was last closed: which inode, and how many events it had given
    numbers to.
    """

    inode: int
    events: int


class StoreFiles:
    """Lock, modes and mark of the database file `file`."""

    def __init__(self, file: Path, data_dir: Path) -> None:
        self._file = file
        self._data_dir = data_dir
        # as text: both are looked at before each transaction
        self._name, self._wal_name = str(file), f"{file}-wal"
        self._identity: _Identity | None = None
        self._wal_identity: _Identity | None = None
        self._mark = file.with_name(f"{file.name}.mark")
        self._lock = LockFile(file.with_name(f"{file.name}.lock"))

    def acquire(self) -> None:
        """Make the directories, lock the file for this process, and make it private.

        Raises StoreLocked, StoreError.
        """
        for directory in (self._data_dir, self._file.parent):
            try:
                make_directory(directory)
            except OSError as error:
                raise StoreError(
                    f"{directory} can't be made: {error.strerror}",
                    hint="choose another data directory, or mend its rights",
                ) from None
        try:
            self._lock.acquire()
            # SQLite gives the files beside it the mode of the database.
            os.close(open_private(self._file))
            self._refuse_second_name()
            self._identity = _identity(self._name)
            for name in ("-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    os.close(open_private(self._file.with_name(self._file.name + name), os.O_RDWR))
        except FileUnsafe as unsafe:
            self._lock.release()
            raise StoreError(str(unsafe), hint=unsafe.hint) from None
        except OSError:  # SQLite says it in its own words
            pass

    def check(self) -> None:
        """Raise StoreUnavailable while the database file is not the one that was opened.

        SQLite goes on with a file that has been moved away or deleted: what it then stores is gone
        with the process (sqlite.org/howtocorrupt.html, section 4.1).
        """
        if self._identity in {None, found := _identity(self._name)}:
            return
        raise StoreUnavailable(
            "the database file is gone" if found is None else "another database file was put here",
            reason="replaced",
            hint=f"put {self._file.name} back as it was; to work on what is there: restart the server",
        )

    def check_written(self, *, is_new: bool) -> None:
        """Check the file in a transaction that writes; `is_new`: the first one of its connection.

        A log that is gone is an error of the disk: when all connections are closed, what is in it
        goes into the database.
        """
        self.check()
        found = _identity(self._wal_name)
        if is_new:
            self._wal_identity = found
        elif found != self._wal_identity:
            raise StoreUnavailable(
                f"{self._file.name}-wal is not the one that was opened",
                reason="io_error",
                hint="leave the files beside the database to rtdash",
            )

    def is_replaced(self, conn: Connection) -> bool:
        """Whether the file isn't the one that was closed here last: a copy that was put back.

        Seen by another inode, or by fewer events. A copy that kept both looks like the original;
        `rtdash backup` marks its copies inside.
        """
        try:
            values = json.loads(read_private(self._mark))
            mark = _Mark(int(values["inode"]), int(values["events"]))
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return mark.inode != self._file.stat().st_ino or _count_events(conn) < mark.events

    def note(self, conn: Connection) -> None:
        """Write the mark: what the file is now. The mark of before stays where another file was put
        here.
        """
        if self._identity != _identity(self._name):
            return
        try:
            mark = {"inode": self._file.stat().st_ino, "events": _count_events(conn)}
            write_private(self._mark, json.dumps(mark) + "\n")
        except (OSError, SQLAlchemyError) as error:
            _log.warning("%s can't be written: %s", self._mark.name, error)

    def _refuse_second_name(self) -> None:
        if self._file.stat().st_nlink > 1:
            raise FileUnsafe(
                self._file,
                "has a second name (a hard link), and SQLite keeps a log beside each",
                hint="take the other name away, or make it a copy: rtdash backup",
            )

    def release(self) -> None:
        """Give the lock back."""
        self._lock.release()


def _identity(name: str) -> _Identity | None:
    try:
        found = os.stat(name)  # noqa: PTH116 - a Path takes twice as long
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _count_events(conn: Connection) -> int:
    return int(conn.execute(_COUNT_EVENTS).scalar_one())
