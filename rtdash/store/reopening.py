"""Closing a SQLite file after the disk failed under it, and opening it again."""

import logging
import sqlite3
from typing import cast

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from rtdash.store.engines import Engines
from rtdash.store.errors import StoreUnavailable, translate
from rtdash.store.identity import ensure_identity
from rtdash.store.reader import Reader

_PATIENCE_S = 5.0

_log = logging.getLogger(__name__)


def reopen(engines: Engines, reader: Reader) -> tuple[Engines, StoreUnavailable | None]:
    """Close all connections, so that the next one recovers from the file itself, and return new
    engines, with what keeps the store from writing for now. Nothing is read in between. To be
    called in the writer's thread.

    After failed writes, SQLite's memory of a file need not be what is on disk.
    """
    _log.error("the disk failed under the store: it is closed and opened again")
    reader.hold(_PATIENCE_S)
    reader.close_watch()
    engines.dispose()
    fresh, fault = engines.remake(), None
    try:
        with fresh.writer.connect() as conn:
            _empty_log(conn)
            with conn.begin():
                ensure_identity(conn)
    except (SQLAlchemyError, sqlite3.Error) as error:
        fault = translate(error) or StoreUnavailable(str(error), reason="io_error")
    except StoreUnavailable as unavailable:
        fault = unavailable
    if fault is not None:
        _log.warning("the store can't be opened yet: %s", fault)
    reader.go_on(fresh)
    return fresh, fault


def _empty_log(conn: Connection) -> None:
    """Write SQLite's log into the database, wait for the disk, and begin the log anew. Raises
    sqlite3.Error, StoreUnavailable.

    What can be read of the log need not be on the disk: after a failed fsync the kernel goes on
    showing pages that it has given up, and the next fsync succeeds without them ("fsyncgate",
    PostgreSQL 2018; Rebello et al., USENIX ATC 2020). When such a page is read anew, the log ends
    there, and every later commit would be gone.
    """
    driver = cast("sqlite3.Connection", conn.connection.driver_connection)
    (is_busy, *_) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_busy:
        raise StoreUnavailable(
            "the disk has failed, and the log can't be emptied while the database is read",
            reason="io_error",
            hint="end other programs that have the file open",
        )
