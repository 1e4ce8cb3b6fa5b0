"""Preparation of a database at open: made when it is empty, migrated when it is older, refused when
it is newer or not ours.
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from rtdash.domain.instants import to_ms
from rtdash.store import dialects, migrations, schema
from rtdash.store.engines import Engines
from rtdash.store.errors import StoreError, StoreTooNew, translate
from rtdash.store.files import StoreFiles
from rtdash.store.identity import HAS_LINEAGE, draw_epoch, ensure_identity, has_lineage, mark_copy

if TYPE_CHECKING:
    from alembic.config import Config

_READ_REVISION = select(schema.alembic_version.c.version_num)


def prepare(engines: Engines, now: datetime, files: StoreFiles | None = None) -> None:
    """Bring the database to `schema.HEAD_REVISION`, in one transaction, whatever the number of
    processes that start at once.

    Raises StoreTooNew, StoreUnavailable, StoreError.
    """
    try:
        with engines.writer.begin() as conn:
            dialects.lock_migrations(conn)
            revision = read_revision(conn)
            if revision is None:
                _create(conn)
            elif revision != schema.HEAD_REVISION:
                migrate(conn)
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
    except SQLAlchemyError as error:
        raise translate(error) or error from error


def migrate(conn: Connection) -> None:
    """Run every migration that the database lacks, from the first on if it is empty. Raises
    StoreTooNew.
    """
    # a quarter of a second, for the rare start that migrates
    from alembic import command  # noqa: PLC0415

    config = _alembic()
    config.attributes["connection"] = conn
    refuse_newer(conn)
    command.upgrade(config, "head")


def refuse_newer(conn: Connection) -> None:
    """Raises StoreTooNew for a revision that is not known here, StoreError for a database of
    another program.
    """
    revision = read_revision(conn)
    if revision in {None, schema.HEAD_REVISION}:
        return
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    if revision not in {
        script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()
    }:
        raise StoreTooNew(
            f"the database is of a newer rtdash (its version is {revision}, this one knows"
            f" {schema.HEAD_REVISION})",
            hint="upgrade: pip install --upgrade rtdash; or choose another data directory",
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
    draw_epoch(conn)
