"""SQLite and PostgreSQL: the statements in which they differ. The queries are the same for both."""

import math
import time
from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import sqlite

_MIGRATION_LOCK = 0x72746461_73680001
"""Key of the PostgreSQL advisory lock that migrations hold: "rtdash" and a number."""


def insert_new(conn: Connection, table: Table) -> Any:
    """Return an INSERT that leaves rows alone where the key is there already."""
    return _insert(conn, table).on_conflict_do_nothing()


def upsert(conn: Connection, table: Table, columns: Sequence[str]) -> Any:
    """Return an INSERT that sets `columns` where the key is there already."""
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
        # closed in the end and not given back: no other user is to have this patience
        conn.detach()
        conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")


def server_now_ms(conn: Connection) -> int:
    """Return the instant by the clock that all processes of the store share, in ms."""
    if not has_row_locks(conn):
        return time.time_ns() // 1_000_000
    statement = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    return int(conn.exec_driver_sql(statement).scalar_one())


def read_data_version(conn: Connection) -> int:
    """A number of SQLite's that differs after another connection has committed to the file."""
    return int(conn.exec_driver_sql("PRAGMA data_version").scalar_one())


def _insert(conn: Connection, table: Table) -> Any:
    if conn.dialect.name == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - the engine has loaded it already

    return postgresql.insert(table)
