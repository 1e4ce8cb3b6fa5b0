"""Readers' connections that are renewed while others are in use."""

import sqlite3
import threading
from pathlib import Path

import pytest

from rtdash.store.engines import Engines
from rtdash.store.sqlite_engines import sqlite_engines

PATIENCE_S = 30.0


@pytest.fixture
def engines(tmp_path: Path) -> Engines:
    made = sqlite_engines(str(tmp_path / "rtdash.db"), 5.0)
    with made.writer.begin() as conn:
        conn.exec_driver_sql("CREATE TABLE t (n INTEGER)")
    return made


def raw(conn) -> sqlite3.Connection:
    return conn.connection.dbapi_connection


def test_a_connection_of_before_is_closed_when_it_is_given_back(engines: Engines) -> None:
    """One of afterwards is kept, and used again."""
    with engines.reader.connect() as conn:
        before = raw(conn)
        engines.renew_readers()
        before.execute("SELECT 1")
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        before.execute("SELECT 1")
    with engines.reader.connect() as conn:
        after = raw(conn)
    with engines.reader.connect() as conn:
        assert raw(conn) is after
    engines.dispose()


def test_a_connection_that_was_being_made_is_closed_too(engines: Engines) -> None:
    """To connect to a server that is silent takes seconds."""
    connecting, renewed = threading.Event(), threading.Event()
    made: list[sqlite3.Connection] = []

    def wait() -> None:
        connecting.set()
        assert renewed.wait(PATIENCE_S)

    def read() -> None:
        with engines.reader.connect() as conn:
            made.append(raw(conn))

    engines.check_first(wait)
    thread = threading.Thread(target=read)
    thread.start()
    assert connecting.wait(PATIENCE_S)
    engines.renew_readers()
    renewed.set()
    thread.join(PATIENCE_S)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        made[0].execute("SELECT 1")
    engines.dispose()


def test_renewing_changes_no_listeners(engines: Engines) -> None:
    """A reader that gives its connection back at that moment goes through them."""
    stale = engines.reader.pool
    before = list(stale.dispatch.checkin)
    engines.renew_readers()
    assert list(stale.dispatch.checkin) == before
    engines.dispose()
