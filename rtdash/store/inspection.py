"""A look at a store from outside, for `rtdash doctor`: nothing is written, no lock is taken."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from rtdash.store import schema
from rtdash.store.errors import StoreError, StoreUnavailable, translate
from rtdash.store.schema_upgrade import read_revision, refuse_newer
from rtdash.store.store_url import open_engines
from rtdash.store.venues import read_archived, read_venues

_PATIENCE_S = 5.0
_RESTORE = "restore a backup, then: rtdash doctor --new-epoch"


@dataclass(frozen=True, slots=True)
class Inspection:
    """Where the store is, without a password, and the first thing that is wrong with it; None when
    all is well.
    """

    place: str
    trouble: StoreError | None


def inspect_store(url: str) -> Inspection | None:
    """Return what is at the store's URL; None for a SQLite file that isn't there yet."""
    try:
        engines = open_engines(url, busy_timeout_s=_PATIENCE_S)
    except StoreError as error:
        return Inspection("RTDASH_DATABASE", error)
    if engines.file is None:
        return Inspection(
            make_url(url).render_as_string(hide_password=True), _find_trouble(engines.reader)
        )
    if not engines.file.exists():
        return None
    size_mib = engines.file.stat().st_size // 2**20
    return Inspection(
        f"{engines.file.name}, {size_mib} MiB",
        _find_trouble(_read_only(engines.file), check="PRAGMA quick_check(1)"),
    )


def read_venue_ids(url: str, *, only_archived: bool = False) -> list[str]:
    """Return the venues of a store in its order, or only those out of service; none where the store
    isn't there yet, or can't be asked.
    """
    try:
        engines = open_engines(url, busy_timeout_s=_PATIENCE_S)
        if engines.file is not None and not engines.file.exists():
            return []
        engine = _read_only(engines.file) if engines.file is not None else engines.reader
        with engine.connect() as conn:
            archived = read_archived(conn) if only_archived else ()
            found = [
                venue.id for venue in read_venues(conn) if not only_archived or venue.id in archived
            ]
        engine.dispose()
    except (SQLAlchemyError, StoreError):
        return []
    return found


def read_revisions(url: str) -> tuple[str | None, str]:
    """Return the revision of the tables, None where there are none yet, and the one that this
    version of rtdash needs. Raises StoreError, StoreTooNew.
    """
    engines = open_engines(url, busy_timeout_s=_PATIENCE_S)
    if engines.file is not None and not engines.file.exists():
        return None, schema.HEAD_REVISION
    engine = engines.reader if engines.file is None else _read_only(engines.file)
    try:
        with engine.connect() as conn:
            refuse_newer(conn)
            return read_revision(conn), schema.HEAD_REVISION
    except SQLAlchemyError as error:
        raise translate(error) or StoreUnavailable(str(error), reason="broken") from error
    finally:
        engine.dispose()


def _read_only(file: Path) -> Engine:
    return create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)
    )


def _find_trouble(engine: Engine, check: str | None = None) -> StoreError | None:
    """Return what its own check says, or why it can't be reached or used by this version."""
    try:
        with engine.connect() as conn:
            if check and (verdict := str(conn.execute(text(check)).scalar_one())) != "ok":
                return StoreUnavailable(verdict, reason="broken", hint=_RESTORE)
            refuse_newer(conn)
    except SQLAlchemyError as error:
        return translate(error) or StoreUnavailable(str(error), reason="broken", hint=_RESTORE)
    except StoreError as error:
        return error
    finally:
        engine.dispose()
    return None
