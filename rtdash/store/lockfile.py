"""One process works on a SQLite database: the lock file beside it, held as long as the process
lives.
"""

import fcntl
import os
from pathlib import Path
from typing import TextIO

from rtdash.private_files import FileUnsafe, open_private
from rtdash.store.errors import StoreError, StoreLocked


class LockFile:
    """An exclusive flock on `path`; the kernel gives it back when the process dies, however it
    dies.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    def acquire(self) -> None:
        """Take it and write our pid into it. Raises StoreLocked with the other's pid, StoreError
        where files can't be written.
        """
        try:
            file = os.fdopen(open_private(self.path), "r+", encoding="utf-8")
        except FileUnsafe as unsafe:
            raise StoreError(str(unsafe), hint=unsafe.hint) from None
        except OSError as error:
            raise StoreError(
                f"{self.path.parent} can't be written: {error.strerror}",
                hint="choose another data directory, or mend its rights",
            ) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _read_pid(file)
            file.close()
            raise StoreLocked(
                f"another process works on {self.path.with_suffix('')}"
                + (f" (pid {pid})" if pid else ""),
                hint=f"stop it first (kill {pid})" if pid else "stop it first",
                pid=pid,
            ) from None
        file.seek(0)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give it back. The file stays: removing it would let two processes lock two files of one
        name.
        """
        if self._file is not None:
            self._file.close()
            self._file = None


def _read_pid(file: TextIO) -> int | None:
    file.seek(0)
    text = file.read().strip()
    return int(text) if text.isdecimal() else None
