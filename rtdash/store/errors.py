"""Errors of a store, and the drivers' errors that become them. The only place that knows their
codes.
"""

import sqlite3

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

from rtdash.store.error_codes import POSTGRES, SQLITE

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


_CONFLICTS = frozenset({"40001", "40P01"})
_LOST = POSTGRES["08"]
_BUSY = ("overloaded", "all connections to the store are in use", "look for long transactions")
_BROKEN = (DisconnectionError, PendingRollbackError)
"""Texts that SQLAlchemy raises about a connection that was lost before."""

_OF_THE_STATEMENT = (ProgrammingError, DataError, NotSupportedError, IntegrityError)
"""Errors of a driver without an SQLSTATE that are the caller's. All others come from a connection
that broke, even in the middle of a message (psycopg: "lost synchronization")."""


class RunAgain(Exception):  # noqa: N818
    """Raised by a function in the writer that has to run once more, on a clean transaction."""


def translate(error: BaseException) -> StoreUnavailable | None:
    """Return the store's trouble that a driver's error stands for; None when the fault is the
    statement's.
    """
    driver_error = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(driver_error, sqlite3.Error):
        found = SQLITE.get(getattr(driver_error, "sqlite_errorcode", 0) & 0xFF)
    elif isinstance(error, DBAPIError):
        found = _postgres(error)
    elif isinstance(error, TimeoutError):
        found = _BUSY
    elif isinstance(error, _BROKEN) or _is_unwrapped(error):
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


def _is_unwrapped(error: BaseException) -> bool:
    """Whether it is an error of psycopg that SQLAlchemy doesn't wrap: of a pooled connection that
    was closed meanwhile, at its change to read-only.
    """
    kind = type(error)
    return kind.__module__.partition(".")[0] == "psycopg" and kind.__name__ in {
        "OperationalError",
        "InterfaceError",
    }


def _postgres(error: DBAPIError) -> tuple[str, str, str] | None:
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        # psycopg gives no SQLSTATE when the connection broke or never stood.
        is_lost = error.connection_invalidated or not isinstance(error, _OF_THE_STATEMENT)
        reason, problem, hint = _LOST
        return (reason, f"{problem} ({_last_line(str(error.orig))})", hint) if is_lost else None
    return POSTGRES.get(state) or POSTGRES.get(state[:2])


def _last_line(text: str) -> str:
    """Where psycopg repeats the server's reason, e.g. of a refused login. It has user and host,
    never the password.
    """
    return text.strip().rpartition("\n")[2].strip()
