"""The files of a SQLite store: private to one user, locked for one process, and recognised when
another copy has taken their place.
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
from rtdash.store.errors import StoreError
from rtdash.store.lockfile import LockFile
from rtdash.store.schema import heads

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
            for name in ("-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    os.close(open_private(self._file.with_name(self._file.name + name), os.O_RDWR))
        except FileUnsafe as unsafe:
            self._lock.release()
            raise StoreError(str(unsafe), hint=unsafe.hint) from None
        except OSError:  # SQLite says it in its own words
            pass

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
        """Write the mark: what the file is now."""
        try:
            mark = {"inode": self._file.stat().st_ino, "events": _count_events(conn)}
            write_private(self._mark, json.dumps(mark) + "\n")
        except (OSError, SQLAlchemyError) as error:
            _log.warning("%s can't be written: %s", self._mark.name, error)

    def release(self) -> None:
        """Give the lock back."""
        self._lock.release()


def _count_events(conn: Connection) -> int:
    return int(conn.execute(_COUNT_EVENTS).scalar_one())
