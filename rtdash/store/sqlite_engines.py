"""Engines of a SQLite file: one connection that writes, a few that read."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url

from rtdash.store.engines import OPTIONS, READERS, Engines
from rtdash.store.errors import BadStoreUrl

_WRITER = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA cache_size=-32768",
    "PRAGMA wal_autocheckpoint=0",  # see sqlite_log.LogCheckpoints
    "PRAGMA journal_size_limit=67108864",
)
_READER = ("PRAGMA query_only=ON", "PRAGMA cache_size=-8192", "PRAGMA temp_store=MEMORY")


def sqlite_engines(path: str, busy_timeout_s: float) -> Engines:
    """Return the engines of the file at `path`. Raises BadStoreUrl for a database in memory."""
    if not path or path == ":memory:":
        raise BadStoreUrl(
            "SQLite needs a file: several connections work on it", hint="give sqlite:///PATH"
        )
    if path.startswith("file:"):  # a URI of SQLite's own, with its options
        url = make_url(f"sqlite:///{path}")
        file = Path((url.database or "").removeprefix("file:")).absolute()
    else:
        # Not by parsing a URL: the path may hold what has a meaning there.
        file = Path(path).absolute()
        url = URL.create("sqlite", database=str(file))
    options = {"connect_args": {"timeout": busy_timeout_s}, **OPTIONS}
    writer = create_engine(url, pool_size=1, **options)
    reader = create_engine(url, pool_size=READERS + 1, **options)
    _prepare(writer, _WRITER, begin="BEGIN IMMEDIATE")
    _prepare(reader, _READER, begin="BEGIN")
    return Engines(writer, reader, file, lambda: sqlite_engines(path, busy_timeout_s))


def _prepare(engine: Engine, pragmas: Sequence[str], *, begin: str) -> None:
    """Our own BEGIN instead of the driver's, which comes too late (SQLAlchemy, SQLite dialect,
    "transactional behaviour"). In the dialect itself: a listener for it would be asked about every
    statement as well.
    """

    def connected(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(pragma)

    def do_begin(connection: Any) -> None:
        connection.cursor().execute(begin)

    event.listen(engine, "connect", connected)
    engine.dialect.do_begin = do_begin  # type: ignore[assignment, method-assign]
