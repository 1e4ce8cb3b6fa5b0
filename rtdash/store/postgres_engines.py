"""Engines of a PostgreSQL server, or of a pooler in front of it.

A transaction pooler (PgBouncer, Supavisor, Neon's) gives each transaction another session. What
belongs to a session is lost or, worse, met by others: prepared statements, SET, session locks. So
behind one nothing of a session is used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL, Connection, create_engine, event

from rtdash.store import stuck_transactions
from rtdash.store.engines import OPTIONS, READERS, Engines
from rtdash.store.errors import BadStoreUrl, StoreError
from rtdash.store.response_timeout import ResponseTimeoutConnection, connect

# A server behind a dead network would hold a transaction for two hours; with these, TCP gives up
# within about 15 s. An encoding of the environment or of the role would change what is stored.
_CONNECT = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "application_name": "rtdash",
    "client_encoding": "UTF8",
}
_ENCODING = "UTF8"
_LOOK_AT_SERVER = "SELECT pg_backend_pid(), current_setting('server_encoding')"


@dataclass(slots=True)
class _PostgresServer:
    """Server of the last connection."""

    is_pooled: bool = False

    def connect(
        self, _dialect: Any, _record: Any, arguments: Sequence[Any], options: dict[str, Any]
    ) -> ResponseTimeoutConnection:
        """Connect, and look what is at the other end. Raises StoreError for a database with an
        encoding that can't hold every name.
        """
        connection = connect(*arguments, **options)
        try:
            pid, encoding = connection.execute(_LOOK_AT_SERVER).fetchone() or (0, _ENCODING)
            connection.rollback()
            _refuse_encoding(encoding)
            # A pooler gives clients a process id of its own, so that it can pass on a cancel.
            self.is_pooled = pid != connection.info.backend_pid
            if self.is_pooled:
                connection.prepare_threshold = None
            connection.on_silence = partial(stuck_transactions.end_all, *arguments, **options)
        except BaseException:
            connection.close()
            raise
        return connection

    def bound_session(self, connection: Any, _record: Any) -> None:
        """Bound transactions by a statement: an option of the connection would replace those of the
        URL.
        """
        if not self.is_pooled:
            connection.execute(f"SET {_bound()}")
            connection.commit()

    def bound_transaction(self, conn: Connection) -> None:
        """Bound this transaction alone: the session is another client's afterwards."""
        if self.is_pooled:
            conn.exec_driver_sql(f"SET LOCAL {_bound()}")


def postgres_engines(url: URL) -> Engines:
    """Return the engines of a server. Raises BadStoreUrl for an option that PostgreSQL doesn't
    have.
    """
    _refuse_unknown_options(url)
    url = url.set(drivername="postgresql+psycopg")
    options: dict[str, Any] = {"connect_args": {**_CONNECT, **_host_alone(url)}, **OPTIONS}
    # named, since a role or a database may have another default: rows are locked first and read
    # then, and what is read must be what the lock was waited for
    writer = create_engine(url, pool_size=1, isolation_level="READ COMMITTED", **options)
    reader = create_engine(
        url,
        pool_size=READERS + 1,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
        **options,
    )
    server = _PostgresServer()
    event.listen(writer, "connect", server.bound_session)
    event.listen(writer, "begin", server.bound_transaction)
    for engine in (writer, reader):
        event.listen(engine, "do_connect", server.connect)
    return Engines(writer, reader, None, lambda: postgres_engines(url), lambda: server.is_pooled)


def _bound() -> str:
    return f"idle_in_transaction_session_timeout = '{stuck_transactions.STUCK_S}s'"


def _host_alone(url: URL) -> dict[str, str]:
    """Return what keeps libpq at the host of the URL: a PGHOSTADDR that a machine has for another
    database would go over it.
    """
    names_host = bool(url.host) or "host" in url.query
    return {"hostaddr": ""} if names_host and "hostaddr" not in url.query else {}


def _refuse_encoding(encoding: str) -> None:
    if encoding != _ENCODING:
        raise StoreError(
            f"the database's encoding is {encoding}, which can't hold every name",
            hint=f"make another: createdb --encoding={_ENCODING} --template=template0 NAME",
        )


def _refuse_unknown_options(url: URL) -> None:
    for name in url.query:
        try:
            make_conninfo("", **{name: "1"})  # the only one of its family that looks at names
        except psycopg.ProgrammingError:
            raise BadStoreUrl(
                f"PostgreSQL has no option {name!r}",
                hint="take it out of the database URL; rtdash finds poolers by itself",
            ) from None
