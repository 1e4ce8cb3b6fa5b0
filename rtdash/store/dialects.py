"""SQLite and PostgreSQL: everything in which they differ, and nothing else. The queries are the
same for both.
"""

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from rtdash.store.errors import BadStoreUrl
from rtdash.store.prepared import translated

READERS = 3
"""Threads, and connections, that read at a time."""

_MIGRATION_LOCK = 0x72746461_73680001
"""Key of the PostgreSQL advisory lock that migrations hold: "rtdash" and a number."""

_PROCESS_LOCK = 0x72746461_73680002
"""Key of the lock that every server process holds: shared, or alone where no broker leads to
others."""

STUCK_S = 10
"""After so long in a transaction without a word a process is taken for frozen, and PostgreSQL takes
its locks away."""

_SQLITE_WRITER = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA cache_size=-32768",
    "PRAGMA wal_autocheckpoint=8000",
    "PRAGMA journal_size_limit=67108864",
)
_SQLITE_READER = ("PRAGMA query_only=ON", "PRAGMA cache_size=-8192", "PRAGMA temp_store=MEMORY")

# Errors end up in logs, and parameters are guests' names and session ids.
_ENGINE = {"max_overflow": 0, "hide_parameters": True}

# A server behind a dead network would hold a transaction for two hours; with these, TCP gives up
# within about 15 s.
_POSTGRES_CONNECT = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "application_name": "rtdash",
}


@dataclass(frozen=True, slots=True)
class Engines:
    """`writer` has one connection, `reader` a few whose transactions see one snapshot; `file` is
    SQLite's database file.
    """

    writer: Engine
    reader: Engine
    file: Path | None

    def renew_readers(self) -> None:
        """Have the next reads get new connections: what has happened to one may have happened to
        all. Those in use are closed afterwards.
        """
        stale = self.reader.pool
        self.reader.dispose()
        event.listen(stale, "checkin", _close)

    def dispose(self) -> None:
        """Close the connections that nobody holds."""
        self.writer.dispose()
        self.reader.dispose()


def open_engines(url: str, *, busy_timeout_s: float) -> Engines:
    """Engines for `sqlite:///path` or `postgresql://…`. Nothing is connected yet. Raises
    BadStoreUrl.
    """
    try:
        parsed = make_url(url)
        match parsed.get_backend_name():
            case "sqlite":
                return _sqlite_engines(parsed, busy_timeout_s)
            case "postgresql":
                return _postgres_engines(parsed)
            case name:
                raise BadStoreUrl(
                    f"a store can't be {name!r}",
                    hint="give sqlite:///PATH or postgresql://USER@HOST/DATABASE",
                )
    except (
        ArgumentError,
        NoSuchModuleError,
        ValueError,
    ):  # whose texts may quote half of a password
        raise BadStoreUrl(
            "the database URL can't be read",
            hint="give sqlite:///PATH or postgresql://USER@HOST/DATABASE",
        ) from None
    except ModuleNotFoundError:
        raise BadStoreUrl(
            "PostgreSQL needs its driver", hint="pip install 'rtdash[postgres]'"
        ) from None


def insert_new(conn: Connection, table: Table) -> Any:
    """An INSERT that leaves rows alone whose key is there already."""
    return _insert(conn, table).on_conflict_do_nothing()


def upsert(conn: Connection, table: Table, columns: Sequence[str]) -> Any:
    """An INSERT that sets `columns` where the key is there already."""
    statement = _insert(conn, table)
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={name: statement.excluded[name] for name in columns},
    )


def upsert_greater(conn: Connection, table: Table, column: str) -> Any:
    """An INSERT that sets `column` where the key is there already with a smaller value, and leaves
    a greater one alone.
    """
    statement = _insert(conn, table)
    fresh = statement.excluded[column]
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key), set_={column: fresh}, where=table.c[column] < fresh
    )


def upsert_same(conn: Connection, table: Table, columns: Sequence[str], *, same: str) -> Any:
    """An INSERT that sets `columns` where the key is there already with the same value of `same`,
    and leaves another one's row alone.
    """
    statement = _insert(conn, table)
    fresh = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={name: fresh[name] for name in columns},
        where=table.c[same] == fresh[same],
    )


def has_row_locks(conn: Connection) -> bool:
    """Whether writers must lock rows: SQLite's BEGIN IMMEDIATE holds the whole database already."""
    return conn.dialect.name != "sqlite"


def lock_migrations(conn: Connection) -> None:
    """Hold off every other process that would migrate, until the transaction ends. It, and waiting
    for it, may take its time.
    """
    if has_row_locks(conn):
        cast("Any", conn.connection.driver_connection).timeout_s = math.inf
        conn.detach()  # closed in the end and not given back: nobody else is to have this patience
        conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")


def take_process_lock(conn: Connection, *, alone: bool) -> bool:
    """Whether this process may work beside those that hold the lock already. PostgreSQL keeps it
    until the connection ends.
    """
    function = "pg_try_advisory_lock" if alone else "pg_try_advisory_lock_shared"
    return bool(conn.exec_driver_sql(f"SELECT {function}({_PROCESS_LOCK})").scalar_one())


def read_data_version(conn: Connection) -> int:
    """A number of SQLite's that differs after another connection has committed to the file."""
    return int(conn.exec_driver_sql("PRAGMA data_version").scalar_one())


def _insert(conn: Connection, table: Table) -> Any:
    return sqlite.insert(table) if conn.dialect.name == "sqlite" else postgresql.insert(table)


def _sqlite_engines(url: URL, busy_timeout_s: float) -> Engines:
    if not url.database or url.database == ":memory:":
        raise BadStoreUrl(
            "SQLite needs a file: several connections work on it", hint="give sqlite:///PATH"
        )
    options: dict[str, Any] = {"connect_args": {"timeout": busy_timeout_s}, **_ENGINE}
    writer = create_engine(url, pool_size=1, **options)
    reader = create_engine(url, pool_size=READERS + 1, **options)
    _prepare_sqlite(writer, _SQLITE_WRITER, begin="BEGIN IMMEDIATE")
    _prepare_sqlite(reader, _SQLITE_READER, begin="BEGIN")
    return Engines(writer, reader, Path(url.database.removeprefix("file:")).absolute())


def _prepare_sqlite(engine: Engine, pragmas: Sequence[str], *, begin: str) -> None:
    """Our own BEGIN instead of the driver's, which comes too late (SQLAlchemy, SQLite dialect,
    "transactional behaviour").
    """

    def connected(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(pragma)

    def begun(conn: Connection) -> None:
        try:
            conn.connection.cursor().execute(
                begin
            )  # by the driver itself, as the statements of the write path
        except sqlite3.Error as error:
            raise translated(conn, begin, error) from error

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)


def _postgres_engines(url: URL) -> Engines:
    url = url.set(drivername="postgresql+psycopg")
    options: dict[str, Any] = {"connect_args": _POSTGRES_CONNECT, **_ENGINE}
    writer = create_engine(url, pool_size=1, **options)
    event.listen(writer, "connect", _bound_transactions)
    reader = create_engine(
        url,
        pool_size=READERS + 1,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
        **options,
    )
    for engine in (writer, reader):
        event.listen(engine, "do_connect", _connect_with_timeout)
    return Engines(writer, reader, None)


def _close(connection: Any, _record: Any) -> None:
    if connection is not None:  # it has none when it was lost already
        connection.close()


def _connect_with_timeout(
    _dialect: Any, _record: Any, arguments: Sequence[Any], options: dict[str, Any]
) -> Any:
    from rtdash.store import response_timeout  # noqa: PLC0415

    return response_timeout.connect(*arguments, **options)


def _bound_transactions(connection: Any, _record: Any) -> None:
    """By a statement: an option of the connection would replace those of the URL."""
    connection.execute(f"SET idle_in_transaction_session_timeout = '{STUCK_S}s'")
    connection.commit()
