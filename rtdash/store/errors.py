"""Errors of a store, and the drivers' errors that become them. The only place that knows their
codes.
"""

import sqlite3
from typing import ClassVar

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    NotSupportedError,
    PendingRollbackError,
    ProgrammingError,
    SQLAlchemyError,
    TimeoutError,  # noqa: A004
)

RETRY_AFTER_S = 1.0
"""Seconds that a caller waits when nothing better is known: a full queue empties and a connection
comes back within that.
"""


class StoreError(Exception):
    """Trouble with the store; `hint` says what to do about it."""

    def __init__(self, problem: str, *, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint


# a state of the world, named as the broker's is
class StoreUnavailable(StoreError):  # noqa: N818
    """Failure after which nothing is stored. The same call may succeed in `retry_after_s` seconds;
    `reason` is a stable word for metrics and `/readyz`.
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


class DatabaseReplaced(StoreUnavailable):
    """Another database answers under the same address: after a failover or a restored copy. A write
    draws a new epoch; until then nothing is read, since numbers may be given twice.
    """


class StoreTooNew(StoreError):  # noqa: N818
    """A database that a newer version of rtdash has written."""


class StoreLocked(StoreError):  # noqa: N818
    """Another process, `pid` if it is known, works on this store. With `is_passing` it may have
    died, and the store is free soon.
    """

    def __init__(
        self, problem: str, *, hint: str, pid: int | None, is_passing: bool = False
    ) -> None:
        super().__init__(problem, hint=hint)
        self.pid = pid
        self.is_passing = is_passing


class BadStoreUrl(StoreError):  # noqa: N818
    """A database URL of an unknown scheme, or of one without an installed driver."""


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
    "25P04": (
        "lost",
        "the database server ended a transaction that took too long",
        "look at its transaction_timeout",
    ),
    "42501": (
        "refused",
        "the database server refuses this user what rtdash needs",
        "grant it the tables of the database",
    ),
    "55000": (
        "refused",
        "the database server takes no connections to this database",
        "look whether it is being restored or moved",
    ),
    "57014": (
        "cancelled",
        "the database server cancelled the statement",
        "look for the program that cancels, and at its statement_timeout",
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
_BUSY = ("overloaded", "all connections to the store are in use", "look for long transactions")
_BROKEN = (DisconnectionError, PendingRollbackError)
"""Texts that SQLAlchemy raises about a connection that was lost before."""

_OF_THE_STATEMENT = (ProgrammingError, DataError, NotSupportedError, IntegrityError)
"""Errors of a driver without an SQLSTATE that are the caller's. All others come from a connection
that broke, even in the middle of a message (psycopg: "lost synchronization")."""


def translate(error: BaseException) -> StoreUnavailable | None:
    """Return the store's trouble that a driver's error stands for; None when the fault is the
    statement's.
    """
    driver_error = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(driver_error, sqlite3.Error):
        found = _SQLITE.get(getattr(driver_error, "sqlite_errorcode", 0) & 0xFF)
    elif isinstance(error, DBAPIError):
        found = _postgres(error)
    elif isinstance(error, TimeoutError):
        found = _BUSY
    elif isinstance(error, _BROKEN):
        found = _LOST
    else:
        found = None
    if found is None:
        return None
    reason, problem, hint = found
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
        is_lost = error.connection_invalidated or not isinstance(error, _OF_THE_STATEMENT)
        reason, problem, hint = _LOST
        return (reason, f"{problem} ({_last_line(str(error.orig))})", hint) if is_lost else None
    return _POSTGRES.get(state) or _POSTGRES.get(state[:2])


def _last_line(text: str) -> str:
    """Where psycopg repeats the server's reason, e.g. of a refused login. It has user and host,
    never the password.
    """
    return text.strip().rpartition("\n")[2].strip()
