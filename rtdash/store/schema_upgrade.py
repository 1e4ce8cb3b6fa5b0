"""Preparation of a database at open: made when it is empty, migrated when it is older, refused when
it is not ours, or newer and changed too much for this version.
"""

import logging
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, insert, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from rtdash.domain.instants import to_ms
from rtdash.store import dialects, migrations, schema
from rtdash.store.engines import Engines
from rtdash.store.errors import StoreError, StoreTooNew, translate
from rtdash.store.files import StoreFiles
from rtdash.store.identity import HAS_LINEAGE, draw_epoch, ensure_identity, has_lineage, mark_copy
from rtdash.store.sqlite_log import take_over_left_log

if TYPE_CHECKING:
    from alembic.config import Config

OLDEST_CODE: Final = "0007"
"""Servers made for this migration, or a later one, work on the tables of today, too."""

WORKS_WITH = "works_with"
"""Key of `meta`: OLDEST_CODE of the version that made or migrated the tables."""

_READ_REVISION = select(schema.alembic_version.c.version_num)
_READ_WORKS_WITH = select(schema.meta.c.value).where(schema.meta.c.key == WORKS_WITH)
_MAY_NOT = "42501"
"""SQLSTATE of a statement that the user has no right to."""

_log = logging.getLogger(__name__)


def prepare(engines: Engines, now: datetime, files: StoreFiles | None = None) -> None:
    """Bring the database to `schema.HEAD_REVISION`, in one transaction, whatever the number of
    processes that start at once.

    Raises StoreTooNew, StoreUnavailable, StoreError.
    """
    if engines.file is not None:
        take_over_left_log(engines.file)
    try:
        with engines.writer.begin() as conn:
            dialects.lock_migrations(conn)
            revision = read_revision(conn)
            if revision is None:
                _create(conn)
            elif revision != schema.HEAD_REVISION:
                _migrate_by_right(conn, revision)
            if has_lineage(conn):
                for engine in (engines.writer, engines.reader):
                    engine.update_execution_options(**{HAS_LINEAGE: True})
                conn = conn.execution_options(**{HAS_LINEAGE: True})  # noqa: PLW2901
            if files is not None and files.is_replaced(conn):
                mark_copy(conn, to_ms(now))
            ensure_identity(conn)
            # One small write, so that a database that can't be written is noticed now and not by
            # the first guest.
            conn.execute(
                dialects.upsert(conn, schema.meta, ["value"]),
                {"key": "probed_at", "value": str(to_ms(now))},
            )
        if files is not None:
            with engines.reader.connect() as conn:
                files.note(conn)
        engines.guard_log()
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise translate(error) or error from error


def migrate(conn: Connection) -> None:
    """Run every migration that the database lacks, from the first on if it is empty. Raises
    StoreTooNew.
    """
    # a quarter of a second, for the rare start that migrates
    from alembic import command  # noqa: PLC0415

    refuse_newer(conn)
    revision = read_revision(conn)
    if revision is not None and not _is_known(revision):
        _log.warning(
            "the database is of a newer rtdash (%s, this one is of %s); they work side by side, but"
            " upgrade this one, too",
            revision,
            schema.HEAD_REVISION,
        )
        return
    config = _alembic()
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
    _note_works_with(conn)


def refuse_newer(conn: Connection) -> None:
    """Raises StoreTooNew for a revision that is not known here and says that this version doesn't
    work on it, StoreError for a database of another program.
    """
    revision = read_revision(conn)
    if revision is None or _is_known(revision):
        return
    works_with = conn.execute(_READ_WORKS_WITH).scalar()
    if works_with is None or works_with > schema.HEAD_REVISION:
        raise StoreTooNew(
            f"the database is of a newer rtdash (its version is {revision}, this one knows"
            f" {schema.HEAD_REVISION})",
            hint="upgrade: pip install --upgrade rtdash; or choose another data directory",
        )


def _migrate_by_right(conn: Connection, revision: str) -> None:
    try:
        migrate(conn)
    except SQLAlchemyError as error:
        if getattr(getattr(error, "orig", None), "sqlstate", None) != _MAY_NOT:
            raise
        raise StoreError(
            f"the tables are of version {revision}, this rtdash needs {schema.HEAD_REVISION}, and"
            " the user of the database URL may not alter them",
            hint="let their owner do it: rtdash migrate --database postgresql://OWNER@…",
        ) from error


def _is_known(revision: str) -> bool:
    if revision == schema.HEAD_REVISION:
        return True
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    scripts = ScriptDirectory.from_config(_alembic()).walk_revisions()
    return revision in {script.revision for script in scripts}


def _note_works_with(conn: Connection) -> None:
    conn.execute(
        dialects.upsert(conn, schema.meta, ["value"]),
        {"key": WORKS_WITH, "value": OLDEST_CODE},
    )


def _alembic() -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option(
        "script_location", str(Path(migrations.__file__).parent).replace("%", "%%")
    )
    return config


def read_revision(conn: Connection) -> str | None:
    """Return the stored revision; None for an empty database. Raises StoreError for the tables of
    another program.
    """
    tables = inspect(conn).get_table_names()
    if not tables:
        return None
    if schema.alembic_version.name in tables and schema.meta.name in tables:
        return str(conn.execute(_READ_REVISION).scalar_one())
    raise StoreError(
        "the database belongs to another program", hint="give rtdash a database of its own"
    )


def _create(conn: Connection) -> None:
    """All tables at once: the same as the migrations give, without loading alembic."""
    schema.metadata.create_all(conn, checkfirst=False)
    conn.execute(insert(schema.alembic_version), {"version_num": schema.HEAD_REVISION})
    _note_works_with(conn)
    draw_epoch(conn)
