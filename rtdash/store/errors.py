"""What can go wrong with a store, and how the drivers' errors are told apart. The only place that
knows their codes.
"""

import sqlite3
from typing import ClassVar

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

RETRY_AFTER_S = 1.0
"""What a caller waits when nothing better is known: a full queue empties and a connection comes
back within that."""


class StoreError(Exception):
    """Trouble with the store; `hint` says what to do about it."""

    def __init__(self, problem: str, *, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint


# a state of the world, named as the broker's is
class StoreUnavailable(StoreError):  # noqa: N818
    """It was not stored. The same call may succeed in `retry_after_s` seconds; `reason` is a stable
    word for metrics and `/readyz`.
    """

    is_outcome_known: ClassVar[bool] = True

    def __init__(
        self, problem: str, *, reason: str, hint: str = "", retry_after_s: float = RETRY_AFTER_S
    ) -> None:
        super().__init__(problem, hint=hint)
        self.reason = reason
        self.retry_after_s = retry_after_s


class OutcomeUnknown(StoreUnavailable):
    """COMMIT failed: it may have been stored or not. Repeating with the same operation id is
    safe.
    """

    is_outcome_known = False


class StoreTooNew(StoreError):  # noqa: N818
    """A database that a newer version of rtdash has written."""


class StoreLocked(StoreError):  # noqa: N818
    """Another process, `pid` if it told, works on this SQLite database."""

    def __init__(self, problem: str, *, hint: str, pid: int | None) -> None:
        super().__init__(problem, hint=hint)
        self.pid = pid


class BadStoreUrl(StoreError):  # noqa: N818
    """A database URL of an unknown scheme, or one whose driver isn't installed."""


_SQLITE = {
    sqlite3.SQLITE_FULL: ("disk_full", "the disk is full", "free some space"),
    sqlite3.SQLITE_READONLY: (
        "read_only",
        "the database can't be written",
        "give this user the right to write the file and its directory",
    ),
    sqlite3.SQLITE_BUSY: (
        "locked",
        "another program holds the database locked",
        "end the program that has the file open",
    ),
    sqlite3.SQLITE_LOCKED: (
        "locked",
        "another connection holds the database locked",
        "end the program that has the file open",
    ),
    sqlite3.SQLITE_IOERR: ("io_error", "reading or writing the database failed", "check the disk"),
    sqlite3.SQLITE_CORRUPT: (
        "broken",
        "the database file is damaged",
        "restore a backup, then: rtdash doctor --new-epoch",
    ),
    sqlite3.SQLITE_NOTADB: (
        "broken",
        "the file is not a database",
        "restore a backup, then: rtdash doctor --new-epoch",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "cannot_open",
        "the database file can't be opened",
        "check the path and the rights of its directory",
    ),
    sqlite3.SQLITE_PERM: (
        "cannot_open",
        "the database file may not be opened",
        "check the rights of the file and its directory",
    ),
    sqlite3.SQLITE_PROTOCOL: (
        "locked",
        "another program holds the database locked",
        "end the program that has the file open",
    ),
    sqlite3.SQLITE_NOMEM: (
        "no_memory",
        "the store ran out of memory",
        "give the process more memory",
    ),
}
"""Result codes of SQLite (sqlite.org/rescode.html) that are the store's trouble and not the
statement's."""

_POSTGRES = {
    "53100": ("disk_full", "the database server's disk is full", "free some space there"),
    "53300": (
        "overloaded",
        "the database server takes no more connections",
        "raise its max_connections, or run fewer processes",
    ),
    "53": ("overloaded", "the database server is out of resources", "look at its log"),
    "25006": ("read_only", "the database can't be written", "connect to the primary"),
    "25P03": (
        "lost",
        "the database server ended a transaction that stood still",
        "look at what held this process up",
    ),
    "28": (
        "refused",
        "the database server refused the login",
        "check user and password in the database URL",
    ),
    "3D000": (
        "refused",
        "the database server has no such database",
        "create it, or correct the database URL",
    ),
    "55P03": (
        "locked",
        "rows stayed locked for too long",
        "look for a long transaction on the database server",
    ),
    "57": ("lost", "the database server ended the connection", "look at its log"),
    "08": (
        "lost",
        "the connection to the database server was lost",
        "check that it runs and can be reached, and the URL's user and password",
    ),
    "58": ("io_error", "the database server can't read or write its files", "look at its log"),
    "XX": (
        "broken",
        "the database server reports damaged data",
        "restore a backup, then: rtdash doctor --new-epoch",
    ),
    "RT000": (
        "silent",
        "the database server doesn't answer",
        "look whether it is frozen or overloaded, and at the network in between",
    ),
}
"""SQLSTATEs and their classes (PostgreSQL manual, appendix A), and the one of our own, that are the
store's trouble."""

_CONFLICTS = frozenset({"40001", "40P01"})
_LOST = _POSTGRES["08"]


def translate(error: BaseException) -> StoreUnavailable | None:
    """The store's trouble that a driver's error tells of; None when it isn't the store's but the
    statement's.
    """
    driver_error = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(driver_error, sqlite3.Error):
        told = _SQLITE.get(getattr(driver_error, "sqlite_errorcode", 0) & 0xFF)
    elif isinstance(error, DBAPIError):
        told = _postgres(error)
    else:
        told = None
    if told is None:
        return None
    reason, problem, hint = told
    return StoreUnavailable(problem, reason=reason, hint=hint)


def is_trouble(error: BaseException) -> bool:
    """Whether a transaction failed for a reason of the store, or of another transaction, and not of
    what it tried to write.
    """
    return is_conflict(error) or translate(error) is not None


def is_conflict(error: BaseException) -> bool:
    """Whether PostgreSQL undid a transaction only because of another one (deadlock, serialization):
    it may run again at once.
    """
    return (
        isinstance(error, SQLAlchemyError)
        and getattr(getattr(error, "orig", None), "sqlstate", None) in _CONFLICTS
    )


def _postgres(error: DBAPIError) -> tuple[str, str, str] | None:
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        # psycopg gives no SQLSTATE when the connection broke or never stood.
        is_lost = error.connection_invalidated or isinstance(error, OperationalError)
        reason, problem, hint = _LOST
        return (reason, f"{problem} ({_last_line(str(error.orig))})", hint) if is_lost else None
    return _POSTGRES.get(state) or _POSTGRES.get(state[:2])


def _last_line(text: str) -> str:
    """Where psycopg repeats the server's reason, e.g. of a refused login. It has user and host,
    never the password.
    """
    return text.strip().rpartition("\n")[2].strip()
