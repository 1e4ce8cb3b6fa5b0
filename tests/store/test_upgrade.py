"""Migrations: they and the tables of today agree, and a start that has nothing to migrate doesn't
load what migrates.
"""

import subprocess
import sys
from datetime import timedelta

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, Table, insert, inspect, select

from rtdash.domain.instants import from_ms, to_ms
from rtdash.store import migrations, schema, schema_upgrade, sessions, store_url
from rtdash.store.sessions import StoredSession
from tests.stores import NOW

TTL = timedelta(minutes=10)


@pytest.fixture
def engine(engines):
    return engines.writer


@pytest.fixture
def engines(database_url):
    engines = store_url.open_engines(database_url, busy_timeout_s=1)
    yield engines
    engines.dispose()


def described(engine):
    """Tables with all that SQLite keeps of them, spelt alike; of PostgreSQL's the indexes."""
    with engine.connect() as conn:
        if conn.dialect.name != "sqlite":
            read = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
            return dict(conn.exec_driver_sql(read).all())
        rows = conn.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master WHERE name <> 'alembic_version'"
        ).all()
    return {name: " ".join((sql or "").replace("\t", " ").split()) for name, sql in rows}


def test_migrations_make_the_tables_of_today(engine):
    """An old database that was migrated is the same as a new one."""
    with engine.begin() as conn:
        schema_upgrade.migrate(conn)
    migrated = described(engine)
    with engine.begin() as conn:
        assert compare_metadata(MigrationContext.configure(conn), schema.metadata) == []
        assert (
            conn.execute(select(schema.alembic_version.c.version_num)).scalar_one()
            == schema.HEAD_REVISION
        )
        schema.metadata.drop_all(conn)
        schema.metadata.create_all(conn)
    assert described(engine) == migrated


def test_a_store_says_which_servers_work_on_it(engine, engines):
    """The servers of the version before at least, whether it was made or migrated."""
    assert int(schema_upgrade.OLDEST_CODE) < int(schema.HEAD_REVISION)
    read = select(schema.meta.c.value).where(schema.meta.c.key == schema_upgrade.WORKS_WITH)
    schema_upgrade.prepare(engines, NOW)
    with engine.begin() as conn:
        assert conn.execute(read).scalar_one() == schema_upgrade.OLDEST_CODE
        schema.metadata.drop_all(conn)
        schema_upgrade.migrate(conn)
        assert conn.execute(read).scalar_one() == schema_upgrade.OLDEST_CODE


def test_the_last_migration_is_the_one_that_the_schema_names():
    """Or a new migration would never run."""
    config = Config()
    config.set_main_option("script_location", migrations.__path__[0].replace("%", "%%"))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD_REVISION


def test_sessions_of_the_first_tables_are_kept(engine, engines):
    """And a client that comes back for one gets it."""
    session = StoredSession(
        "s1",
        "anna",
        "p1",
        asked_at=from_ms(0),
        subscriptions={},
        positions={},
        expires_at=NOW + TTL,
    )
    row = {"id": "s1", "sub": "anna", "process": "p1", "subscriptions": "{}", "positions": "[]"}
    instants = {"saved_at": to_ms(NOW), "expires_at": to_ms(NOW + TTL)}
    with engine.begin() as conn:
        config = schema_upgrade._alembic()
        config.attributes["connection"] = conn
        command.upgrade(config, "0001")
        first = Table("sessions", MetaData(), autoload_with=conn)
        conn.execute(insert(first), {**row, **instants, "generation": 1})
    schema_upgrade.prepare(engines, NOW)
    with engine.begin() as conn:
        assert sessions.load(conn, "s1", now=NOW, ttl=TTL) == session
        taken = sessions.take_over(
            conn, "s1", sub="anna", process="p2", asked_at=NOW, now=NOW, ttl=TTL
        )
        assert (taken.process, taken.generation, taken.asked_at) == ("p2", 2, NOW)


def test_an_empty_database_is_made_once(engine, engines):
    """A second start changes nothing but the mark of its probe."""
    schema_upgrade.prepare(engines, NOW)
    with engine.begin() as conn:
        conn.execute(insert(schema.meta), {"key": "kept", "value": "yes"})
        before = conn.execute(
            select(schema.meta.c.value).where(schema.meta.c.key == "epoch")
        ).scalar_one()
    schema_upgrade.prepare(engines, NOW)
    with engine.begin() as conn:
        values = {row.key: row.value for row in conn.execute(select(schema.meta))}
        assert values["epoch"] == before
        assert values["kept"] == "yes"
        assert set(inspect(conn).get_table_names()) == set(schema.metadata.tables)


def test_a_start_without_migration_leaves_alembic_alone(tmp_path):
    """Loading it takes a quarter of a second, which no start spends for nothing."""
    program = (
        "import sys\nfrom datetime import UTC, datetime\nfrom rtdash.store import store_url,"
        f" schema_upgrade\nengines = store_url.open_engines('sqlite:///{tmp_path}/x.db',"
        " busy_timeout_s=1)\nschema_upgrade.prepare(engines,"
        " datetime.now(UTC))\nschema_upgrade.prepare(engines, datetime.now(UTC))\nassert 'alembic'"
        " not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
