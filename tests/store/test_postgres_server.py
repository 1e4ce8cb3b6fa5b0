"""A store on a PostgreSQL server: lost connections, locks, logins, and the processes that share
it.
"""

import asyncio
from itertools import count
from threading import Barrier, Event
from uuid import uuid4

import pytest
from sqlalchemy import bindparam, make_url, select

from rtdash.broker.notices import NoticeCodec
from rtdash.broker.postgres import PostgresBroker
from rtdash.store import engines, event_log, stuck_transactions
from rtdash.store.database import (
    Database,
    OutcomeUnknown,
    StoreError,
    StoreLocked,
    StoreUnavailable,
)
from rtdash.store.schema import meta
from tests.store.writing import PATIENCE_S, keys, put

pytestmark = pytest.mark.anyio


def _one_row(conn):
    conn.exec_driver_sql("UPDATE meta SET value = 'frozen' WHERE key = 'a'")


def _many_rows(conn):
    """The driver ends these with a Flush, behind which PostgreSQL's own timer doesn't run."""
    change = meta.update().where(meta.c.key == bindparam("of")).values(value="frozen")
    conn.execute(change, [{"of": "a"}, {"of": "none"}])


def _half_a_pipeline(conn):
    """Without its Sync, the session counts as active."""
    driver = conn.connection.driver_connection
    pipeline = driver.pipeline()
    pipeline.__enter__()
    statement = "UPDATE meta SET value = 'frozen' WHERE key = 'a' RETURNING key"
    assert driver.execute(statement).fetchone() == ("a",)
    return pipeline


def _unread_answer(conn):
    """Larger than what the sockets hold: the server waits until it is taken."""
    _one_row(conn)
    conn.connection.driver_connection.pgconn.send_query(b"SELECT repeat('x', 100000000)")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
class TestPostgres:
    """What can happen to connections and transactions of a server."""

    async def test_a_broken_connection_is_replaced(self, database):
        """Writes and reads whose connection was lost before COMMIT are run again on a new one."""
        await database.read(keys)
        pids = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
            " current_database() AND pid <> pg_backend_pid()"
        )
        await database.write(lambda conn: conn.exec_driver_sql(pids).all())
        assert await database.read(keys) == set()
        await database.read(lambda conn: conn.exec_driver_sql(pids).all())
        await database.write(put("a"))
        assert await database.read(keys) == {"a"}
        assert database.is_healthy

    async def test_a_connection_closed_in_the_pool_is_replaced(self, database):
        """What psycopg raises at its change to read-only reaches us as it is: SQLAlchemy wraps no
        error of a connection that it takes from the pool.
        """
        await database.write(put("a"))
        assert await database.read(keys) == {"a"}

        def close_in_pool():
            with database._engines.reader.connect() as conn:
                driver = conn.connection.driver_connection
            driver.close()

        await asyncio.to_thread(close_in_pool)
        assert await database.read(keys) == {"a"}
        assert database.is_healthy

    async def test_settings_of_the_database_change_no_meaning(self, database_url, tmp_path, clock):
        """Another default isolation would have a writer read what was before the lock that it
        waited for, or be undone again and again.
        """
        name = make_url(database_url).database
        first = await Database.open(database_url, data_dir=tmp_path, clock=clock)
        change = f"ALTER DATABASE {name} SET default_transaction_isolation"
        await first.write(lambda conn: conn.exec_driver_sql(f"{change} = 'serializable'"))
        other = await Database.open(database_url, data_dir=tmp_path, clock=clock)
        try:
            shown = await other.write(
                lambda conn: conn.exec_driver_sql("SHOW transaction_isolation").scalar_one()
            )
        finally:
            await other.close()
            await first.write(lambda conn: conn.exec_driver_sql(f"{change} = 'read committed'"))
            await first.close()
        assert shown == "read committed"

    async def test_the_host_of_the_url_is_the_host(
        self, database_url, tmp_path, clock, monkeypatch
    ):
        """Whatever address a machine has in PGHOSTADDR for another database."""
        monkeypatch.setenv("PGHOSTADDR", "127.0.0.9")
        for url in (database_url, database_url.replace("127.0.0.1", "localhost")):
            store = await Database.open(url, data_dir=tmp_path, clock=clock)
            await store.close()
        broker = PostgresBroker(database_url, ("hotel",), NoticeCodec(b"k" * 32))
        await (await broker._connect()).close()

    async def test_a_deadlock_is_run_again(self, database, database_url, tmp_path, clock):
        """Two processes that lock rows in opposite order both succeed in the end."""
        other = await Database.open(database_url, data_dir=tmp_path, clock=clock)
        await database.write(lambda conn: (put("a")(conn), put("b")(conn)))
        meeting = Barrier(2)

        def touch(first, second):
            rounds = count()

            def write(conn):
                for key in (first, second):
                    conn.execute(meta.update().where(meta.c.key == key), {"value": "2"})
                    if next(rounds) == 0:
                        meeting.wait(PATIENCE_S)

            return write

        await asyncio.gather(database.write(touch("a", "b")), other.write(touch("b", "a")))
        await other.close()

    async def test_many_processes_start_at_once(self, database_url, tmp_path, clock):
        """One makes the tables, the others wait and find them."""
        opened = await asyncio.gather(
            *(Database.open(database_url, data_dir=tmp_path, clock=clock) for _ in range(4))
        )
        epochs = {await one.read(event_log.read_epoch) for one in opened}
        assert len(epochs) == 1
        await asyncio.gather(*(one.close() for one in opened))

    async def test_a_server_that_is_not_there(self, database_url, tmp_path, clock):
        """The error says so, and never shows the password."""
        del database_url
        with pytest.raises(StoreUnavailable) as refused:
            await Database.open(
                "postgresql://someone:hunter2@127.0.0.1:1/none", data_dir=tmp_path, clock=clock
            )
        assert refused.value.reason == "lost"
        assert "hunter2" not in f"{refused.value} {refused.value.hint}"

    async def test_a_wrong_password_or_database(self, database_url, tmp_path, clock):
        """The server's own words are passed on, with what to check, and never the password."""
        server = make_url(database_url)
        for wrong, words in (
            (server.set(password="hunter2"), "password authentication failed"),
            (server.set(database="none"), "none"),
        ):
            with pytest.raises(StoreUnavailable, match=words) as refused:
                await Database.open(
                    wrong.render_as_string(hide_password=False), data_dir=tmp_path, clock=clock
                )
            assert "user and password" in refused.value.hint
            assert "hunter2" not in f"{refused.value} {refused.value.hint}"

    async def test_connections_are_bounded(self, database, database_url):
        """However many reads and writes come at once, a process holds one connection that writes
        and a few that read.
        """
        await asyncio.gather(
            *(database.read(keys) for _ in range(50)),
            *(database.write(put(f"k{number}")) for number in range(50)),
        )
        count_them = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND"
            " backend_type = 'client backend'"
        )
        assert (
            await database.read(lambda conn: conn.exec_driver_sql(count_them).scalar_one())
            <= 1 + engines.READERS
        )

    async def test_a_process_that_can_t_hear_of_others_works_alone(
        self, database_url, tmp_path, clock
    ):
        """With a broker any number of processes may run, without one a single process; the place is
        free again when it has closed.
        """
        one, other = [
            await Database.open(database_url, data_dir=tmp_path, clock=clock) for _ in range(2)
        ]
        await one.acquire_process_lock(alone=False)
        await other.acquire_process_lock(alone=False)
        deaf = await Database.open(database_url, data_dir=tmp_path, clock=clock)
        with pytest.raises(StoreLocked) as refused:
            await deaf.acquire_process_lock(alone=True)
        assert "--broker postgresql" in refused.value.hint
        await asyncio.gather(one.close(), other.close(), deaf.close())
        deaf, late = [
            await Database.open(database_url, data_dir=tmp_path, clock=clock) for _ in range(2)
        ]
        await deaf.acquire_process_lock(alone=True)
        with pytest.raises(StoreLocked):
            await late.acquire_process_lock(alone=False)
        await asyncio.gather(deaf.close(), late.close())

    @pytest.mark.parametrize("held", [_one_row, _many_rows, _half_a_pipeline, _unread_answer])
    async def test_a_process_that_stands_still_holds_nobody_up_for_long(
        self, database, database_url, tmp_path, clock, monkeypatch, held
    ):
        """Wherever in a transaction it stands, another one writes the rows that it had locked; when
        it goes on, its callers are asked to repeat.
        """
        await database.write(put("a"))
        monkeypatch.setattr(stuck_transactions, "STUCK_S", 1)
        frozen = await Database.open(database_url, data_dir=tmp_path, clock=clock)
        has_lock, go_on = Event(), Event()

        def stand_still(conn):
            under_way = held(conn)
            has_lock.set()
            assert go_on.wait(PATIENCE_S)
            return under_way

        standing = asyncio.ensure_future(frozen.write(stand_still))
        assert await asyncio.to_thread(has_lock.wait, PATIENCE_S)
        change = meta.update().where(meta.c.key == "a").values(value="other")
        try:
            await database.write(lambda conn: conn.execute(change))
        finally:
            go_on.set()
        with pytest.raises(OutcomeUnknown):
            await standing
        read = select(meta.c.value).where(meta.c.key == "a")
        assert await database.read(lambda conn: conn.execute(read).scalar_one()) == "other"
        await frozen.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_user_who_may_not_alter_tables(database_url, tmp_path, clock):
    """The process serves where the owner has migrated; where not, the error names the owner."""
    owner = await Database.open(database_url, data_dir=tmp_path, clock=clock)
    name = f"clerk_{uuid4().hex}"
    tables = "ALL TABLES IN SCHEMA public"
    for statement in (
        f"CREATE ROLE {name} LOGIN PASSWORD 'x'",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {name}",
    ):
        await owner.write(lambda conn, one=statement: conn.exec_driver_sql(one))
    url = make_url(database_url).set(username=name, password="x")
    url = url.render_as_string(hide_password=False)
    try:
        with pytest.raises(StoreUnavailable, match="no schema") as refused:
            await Database.open(url, data_dir=tmp_path, clock=clock)
        assert "GRANT USAGE" in refused.value.hint
        await owner.write(
            lambda conn: conn.exec_driver_sql(f"GRANT USAGE ON SCHEMA public TO {name}")
        )
        clerk = await Database.open(url, data_dir=tmp_path, clock=clock)
        await clerk.acquire_process_lock(alone=False)
        await clerk.write(put("a"))
        assert await clerk.read(keys) == {"a"}
        await clerk.close()

        def go_back(conn):
            conn.exec_driver_sql(
                "CREATE INDEX reservations_with_guest ON reservations (check_out, business_date)"
            )
            conn.exec_driver_sql("UPDATE alembic_version SET version_num = '0009'")

        await owner.write(go_back)
        with pytest.raises(StoreError, match="may not alter them") as refused:
            await Database.open(url, data_dir=tmp_path, clock=clock)
        assert "rtdash migrate" in refused.value.hint
        migrated = await Database.open(database_url, data_dir=tmp_path, clock=clock)
        await migrated.close()
        clerk = await Database.open(url, data_dir=tmp_path, clock=clock)
        await clerk.close()
    finally:
        await owner.write(lambda conn: conn.exec_driver_sql(f"DROP OWNED BY {name}"))
        await owner.write(lambda conn: conn.exec_driver_sql(f"DROP ROLE {name}"))
        await owner.close()
