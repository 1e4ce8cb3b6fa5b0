"""Files that belong to one user: made with mode 0600 whatever the umask, never through a symbolic
link, and refused where another user could have put them there.
"""

import contextlib
import errno
import functools
import logging
import os
import re
import secrets
import stat
from pathlib import Path

_PRIVATE = 0o600
_OTHERS = 0o077
_WRITABLE_BY_OTHERS = 0o022
_ROOT = 0

_OURS = re.compile(r"(secret|address|open\.html|demo\.log|rtdash\.db)\b.*")
"""Names of the files that rtdash makes in a data directory."""

_log = logging.getLogger(__name__)


# a refusal at the start, for the operator of the machine
class FileUnsafe(OSError):  # noqa: N818
    """A file or directory that another user owns or may write; `hint` says how to mend it."""

    def __init__(self, path: Path, problem: str, *, hint: str) -> None:
        super().__init__(errno.EPERM, problem, str(path))
        self.problem = f"{path} {problem}"
        self.hint = hint

    def __str__(self) -> str:
        return self.problem


def open_private(path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> int:
    """Open a regular file, made with mode 0600 where `flags` make it, and narrowed to that mode
    where it is ours. Returns a file descriptor.

    Raises FileUnsafe for a link, for what is no file, and for a file of another user; OSError.
    """
    try:
        number = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, _PRIVATE)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise FileUnsafe(
                path, "is a symbolic link", hint="name the file itself, or move it here"
            ) from None
        raise
    try:
        _refuse_foreign(path, os.fstat(number))
        if stat.S_IMODE(os.fstat(number).st_mode) & _OTHERS and os.geteuid() in {
            _ROOT,
            os.fstat(number).st_uid,
        }:
            with contextlib.suppress(OSError):  # a read-only file system
                os.fchmod(number, _PRIVATE)
    except BaseException:
        os.close(number)
        raise
    return number


def read_private(path: Path) -> bytes:
    """Return the contents of a file that only this user can have written.

    Raises FileUnsafe for a link, a file of another user, and one that others may write; OSError.
    """
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode) and mode & _WRITABLE_BY_OTHERS:
        raise FileUnsafe(
            path,
            f"may be written by other users (mode {stat.S_IMODE(mode):04o})",
            hint=f"make a new one, since it may not be yours any more; then: chmod 600 {path}",
        )
    with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
        return file.read()


def write_private(path: Path, text: str) -> None:
    """Write a file with mode 0600 in one step: a reader finds all of it or nothing. A link at its
    place is replaced and not followed. Raises OSError.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def make_directory(directory: Path) -> None:
    """Make a directory with mode 0700 where it is missing. One that is ours alone is narrowed to
    that mode; of another that others can look into or write there is a warning. Raises OSError.

    It is not refused: volumes of containers are often so, and what is in it is checked file by
    file.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.stat()
    is_foreign = found.st_uid not in {_ROOT, os.geteuid()}
    if is_foreign:
        _warn(directory, "belongs to another user")
    elif stat.S_IMODE(found.st_mode) & _OTHERS and not _narrow(directory, found):
        verb = "written" if found.st_mode & _WRITABLE_BY_OTHERS else "read"
        _warn(directory, f"may be {verb} by other users")


def _narrow(directory: Path, found: os.stat_result) -> bool:
    """Take a directory's rights from others, unless it holds what isn't rtdash's: a home directory,
    a checkout. Whether that was done.
    """
    if found.st_uid != os.geteuid():
        return False
    with contextlib.suppress(OSError):  # a read-only file system
        if all(_OURS.match(name) for name in os.listdir(directory)):  # noqa: PTH208
            directory.chmod(0o700)
            return True
    return False


@functools.cache
def _warn(directory: Path, what: str) -> None:
    """Warn once: several parts of a start make the directory."""
    _log.warning("the directory %s %s: chmod 700, or choose another", directory, what)


def _refuse_foreign(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise FileUnsafe(path, "is not a file", hint="move it away, or choose another directory")
    if found.st_uid not in {_ROOT, os.geteuid()} and os.geteuid() != _ROOT:
        raise FileUnsafe(
            path,
            f"belongs to another user (uid {found.st_uid})",
            hint="run the server as that user, or move the file away",
        )
    if os.geteuid() == _ROOT and found.st_uid != _ROOT:
        _refuse_foreign_to_root(path, found)


def _refuse_foreign_to_root(path: Path, found: os.stat_result) -> None:
    """Root may serve a user's directory, but not a file that someone else put into root's."""
    if path.parent.stat().st_uid != found.st_uid:
        raise FileUnsafe(
            path,
            f"belongs to another user (uid {found.st_uid}) than its directory",
            hint="run the server as that user, or move the file away",
        )
