"""Statements of the write path: built by SQLAlchemy once an engine, then run by the driver itself.

What SQLAlchemy does around an execution costs four times what SQLite needs for it, and more where
its code has left the processor's caches, as after each fan-out to a thousand sockets. Only for
statements with values that need no conversion.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import BindParameter, Connection, bindparam
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Text:
    """A statement as one driver takes it, and how it takes the values of a row."""

    sql: str
    arrange: Callable[[Values], Any]


class Prepared:
    """A statement with named parameters, run within a transaction that has begun. Errors are those
    that SQLAlchemy would raise.

    Where the engines differ, it is given as a function of the connection.
    """

    def __init__(self, statement: ClauseElement | Callable[[Connection], ClauseElement]) -> None:
        self._statement = statement
        self._texts: dict[str, _Text] = {}

    def read(self, conn: Connection, values: Values) -> list[tuple[Any, ...]]:
        """Return the rows that it finds."""
        assert conn.in_transaction(), "nothing here would begin one"
        text = self._texts.get(conn.dialect.name) or self._compile(conn)
        try:
            cursor: Any = conn.connection.cursor()
            cursor.execute(text.sql, text.arrange(values))
            return cast("list[tuple[Any, ...]]", cursor.fetchall())
        except conn.dialect.loaded_dbapi.Error as error:
            raise translated(conn, text.sql, error) from error

    def execute(self, conn: Connection, rows: Sequence[Values]) -> int:
        """Run it once a row; how many rows it changed."""
        assert conn.in_transaction(), "nothing here would begin one"
        text = self._texts.get(conn.dialect.name) or self._compile(conn)
        try:
            cursor: Any = conn.connection.cursor()
            if len(rows) == 1:
                cursor.execute(text.sql, text.arrange(rows[0]))
            else:
                cursor.executemany(text.sql, [text.arrange(row) for row in rows])
            return cast("int", cursor.rowcount)
        except conn.dialect.loaded_dbapi.Error as error:
            raise translated(conn, text.sql, error) from error

    def _compile(self, conn: Connection) -> _Text:
        text = self._texts[conn.dialect.name] = _compile(conn, self._statement)
        return text


class PreparedIn:
    """A query for any number of values of one column; `build` makes its statement from the
    parameters that stand in the IN.

    There is one statement for each power of two: what is left over repeats the last value, which
    finds nothing more.
    """

    def __init__(self, build: Callable[[list[BindParameter[Any]]], ClauseElement]) -> None:
        self._build = build
        self._sizes: dict[int, tuple[Prepared, list[str]]] = {}

    def read(self, conn: Connection, among: Collection[Any]) -> list[tuple[Any, ...]]:
        """Return the rows for these values."""
        if not among:
            return []
        size = 1 << (len(among) - 1).bit_length()
        prepared, names = self._sizes.get(size) or self._prepare(size)
        filled = list(among)
        filled += filled[-1:] * (size - len(filled))
        return prepared.read(conn, dict(zip(names, filled, strict=True)))

    def _prepare(self, size: int) -> tuple[Prepared, list[str]]:
        names = [f"among_{place}" for place in range(size)]
        prepared = Prepared(self._build([bindparam(name) for name in names]))
        self._sizes[size] = prepared, names
        return prepared, names


def translated(conn: Connection, sql: str, error: Exception) -> BaseException:
    """Return what SQLAlchemy would have raised where the driver raised `error`."""
    dialect, driver = conn.dialect, conn.connection.dbapi_connection
    is_lost = dialect.is_disconnect(cast("Any", error), cast("Any", driver), None)
    base = dialect.loaded_dbapi.Error
    return cast(
        "BaseException",
        DBAPIError.instance(
            sql, None, error, base, connection_invalidated=is_lost, dialect=dialect
        ),
    )


def _compile(
    conn: Connection, statement: ClauseElement | Callable[[Connection], ClauseElement]
) -> _Text:
    compiled = (statement if isinstance(statement, ClauseElement) else statement(conn)).compile(
        dialect=conn.dialect
    )
    assert isinstance(compiled, SQLCompiler), "it is SQL"
    names = compiled.positiontup
    # values of its own, as SQLite's OFFSET 0 behind each LIMIT
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    arrange: Callable[[Values], Any] = dict
    if names is not None:
        arrange = itemgetter(*names) if len(names) > 1 else lambda values: (values[names[0]],)
    return _Text(str(compiled), (lambda values: arrange({**fixed, **values})) if fixed else arrange)
