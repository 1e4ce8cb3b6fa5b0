"""Engines of a store: which connections a process has."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from rtdash.store.sqlite_log import LogGuard

READERS = 3
"""Threads, and connections, that read at a time."""

# Errors end up in logs, and parameters are guests' names and session ids.
OPTIONS: dict[str, Any] = {"max_overflow": 0, "hide_parameters": True}

_POOL = "pool"
"""Key of the pool for which a connection was made."""


@dataclass(slots=True)
class Engines:
    """`writer` has one connection, `reader` a few, each with transactions that see one snapshot;
    `file` is SQLite's database file.

    `is_pooled()` says whether a pooler stands between us and PostgreSQL, once a connection was
    made. `remake()` gives new engines of the same kind. `check()` raises what keeps connections
    from being made.
    """

    writer: Engine
    reader: Engine
    file: Path | None
    remake: Callable[[], "Engines"]
    is_pooled: Callable[[], bool] = lambda: False
    check: Callable[[], None] = lambda: None
    guard: LogGuard | None = None

    def __post_init__(self) -> None:
        # From the start: a listener that came later would change the list of listeners under a
        # reader that gives its connection back. First, as the next one may connect.
        event.listen(self.reader, "do_connect", self._connecting, insert=True)
        event.listen(self.reader, "checkin", self._given_back)

    def renew_readers(self) -> None:
        """Have the next reads get new connections: what has happened to one may have happened to
        all. Those in use are closed afterwards.
        """
        self.reader.dispose()

    def check_first(self, check: Callable[[], None]) -> None:
        """Call `check` before each new connection, also of remade engines; what it raises keeps
        that from being made.
        """
        remake = self.remake

        def connecting(*_: Any) -> None:
            check()

        def remade() -> "Engines":
            fresh = remake()
            fresh.check_first(check)
            return fresh

        self.remake, self.check = remade, check

        for engine in (self.writer, self.reader):
            event.listen(engine, "do_connect", connecting)

    def guard_log(self) -> None:
        """Keep SQLite's log when connections are closed, see LogGuard. Raises sqlite3.Error, and
        what `check` raises.
        """
        if self.file is not None:
            self.check()
            self.guard = LogGuard(self.file)

    def dispose(self, *, keeps_log: bool = False) -> None:
        """Close the connections that are not in use. The last one copies SQLite's log into the
        database, unless `keeps_log`.
        """
        guard, self.guard = self.guard, None
        if guard is not None and not (keeps_log and guard.has_log()):
            guard.close()
        self.writer.dispose()
        self.reader.dispose()
        if guard is not None:
            guard.close()

    def _connecting(self, _dialect: Any, record: Any, *_: Any) -> None:
        # here and not when it stands: to connect to a silent server takes seconds
        record.info[_POOL] = self.reader.pool

    def _given_back(self, connection: Any, record: Any) -> None:
        if connection is not None and record.info.get(_POOL) is not self.reader.pool:
            record.invalidate()
