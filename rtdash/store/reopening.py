"""Closing a SQLite file after the disk failed under it, and opening it again."""

import logging
import sqlite3
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from rtdash.store.engines import Engines
from rtdash.store.errors import StoreUnavailable, translate
from rtdash.store.identity import ensure_identity
from rtdash.store.reader import Reader
from rtdash.store.sqlite_log import LogInUse, take_over_log

_PATIENCE_S = 5.0

_log = logging.getLogger(__name__)


def reopen(engines: Engines, reader: Reader) -> tuple[Engines, StoreUnavailable | None]:
    """Close all connections, take the log over from the disk, and return new engines, with what
    keeps the store from writing for now. Nothing is read in between, and later only if the log
    could be read anew. To be called in the writer's thread.

    After failed writes, SQLite's memory of a file need not be what is on disk.
    """
    _log.error("the disk failed under the store: it is closed and opened again")
    is_free = reader.hold(_PATIENCE_S)
    reader.close_watch()
    engines.dispose(keeps_log=True)
    fault = _fault_of(lambda: _take_over(engines, is_free=is_free))
    fresh = engines.remake()
    refusal = fault if isinstance(fault, LogInUse) else None
    if fault is None:
        fault = _fault_of(lambda: _enter(fresh))
    if fault is not None:
        _log.warning("the store can't be opened yet: %s", fault)
    reader.go_on(fresh, refusal=refusal)
    return fresh, fault


def _take_over(engines: Engines, *, is_free: bool) -> None:
    engines.check()
    if not is_free:
        raise LogInUse("reads of before still run", reason="io_error")
    if engines.file is not None:
        take_over_log(engines.file)


def _enter(fresh: Engines) -> None:
    with fresh.writer.begin() as conn:
        ensure_identity(conn)
    fresh.guard_log()


def _fault_of(work: Callable[[], None]) -> StoreUnavailable | None:
    try:
        work()
    except (SQLAlchemyError, sqlite3.Error) as error:
        return translate(error) or StoreUnavailable(str(error), reason="io_error")
    except StoreUnavailable as unavailable:
        return unavailable
    return None
