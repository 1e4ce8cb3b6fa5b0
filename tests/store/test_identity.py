"""Which log this is: another server under the same address, and copies, get a new epoch."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import delete, make_url, select, update

from rtdash.protocol.channels import Channel, Stream
from rtdash.store import event_log, identity
from rtdash.store.database import Database, DatabaseReplaced
from rtdash.store.event_log import NewEvent
from rtdash.store.event_reader import EventReader
from rtdash.store.schema import origin
from rtdash.store.venues import save_venues
from tests.programs import installed
from tests.stores import HOTEL, NOW, VENUES, new_database

pytestmark = pytest.mark.anyio

ROOMS = Stream(HOTEL.id, Channel.HOTEL_RESERVATIONS)


def append(count: int):
    events = [NewEvent(ROOMS, {"timestamp": "", "seq": 0})] * count
    return lambda conn: event_log.append(conn, events, now=NOW)


def move_to_another_server(conn):
    """Change the row as a failover or a restored dump does: it names the server of before."""
    conn.execute(update(origin).where(origin.c.key == identity.LINEAGE).values(value="1/00000001"))


@contextmanager
def restored(url: str, *, is_beside: bool) -> Iterator[str]:
    """Where a dump of the database was restored: in another one of the server, or in its place."""
    dump = subprocess.run(
        [installed("pg_dump"), "--clean", "--if-exists", "--no-owner", url],
        capture_output=True,
        check=True,
    ).stdout
    with new_database(url) as beside:
        target = beside if is_beside else url
        subprocess.run(
            [installed("psql"), "--quiet", "--set", "ON_ERROR_STOP=1", target],
            input=dump,
            capture_output=True,
            check=True,
        )
        yield target


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
class TestServer:
    """A PostgreSQL server has an identifier and a timeline."""

    async def test_nothing_is_read_of_another_server_until_the_epoch_is_new(self, database):
        """Neither the epoch nor events: their numbers may have been given to others before."""
        await database.write(append(3))
        log = EventReader(database)
        await log.read_heads()
        await database.write(move_to_another_server)
        for reading in (log.read_heads(), log.events(ROOMS, 0, 5), log.floor(ROOMS)):
            with pytest.raises(DatabaseReplaced):
                await reading
        with pytest.raises(DatabaseReplaced):
            await database.read(event_log.read_epoch)

    async def test_the_first_write_of_a_new_connection_draws_the_epoch(self, database):
        """In its own transaction, before anything is numbered; the connection was lost with the
        server of before.
        """
        epoch = await database.read(event_log.read_epoch)
        await database.write(move_to_another_server)
        database._writer._drop_connection()
        await database.write(append(1))
        drawn = await database.read(event_log.read_epoch)
        assert drawn != epoch
        await database.write(append(1))
        assert await database.read(event_log.read_epoch) == drawn

    async def test_of_several_processes_one_draws(self, database, database_url, tmp_path, clock):
        """All go on with the same epoch."""
        other = await Database.open(database_url, data_dir=tmp_path, clock=clock)
        await other.write(append(0))
        await database.write(move_to_another_server)
        for one in (database, other):
            one._writer._drop_connection()
            await one.write(append(1))
        epochs = {await one.read(event_log.read_epoch) for one in (database, other)}
        assert len(epochs) == 1
        await other.close()

    async def test_a_user_without_rights_on_the_server_finds_it_too(self, database, database_url):
        """An ordinary role may read identifier and timeline."""
        del database_url
        await database.write(
            lambda conn: conn.exec_driver_sql(
                "DO $$ BEGIN CREATE ROLE plain; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            )
        )

        def as_plain(conn):
            conn.exec_driver_sql("SET LOCAL ROLE plain")
            return identity.has_lineage(conn)

        assert await database.write(as_plain)

    @pytest.mark.parametrize("table", ["beside", "over it"])
    async def test_a_dump_restored_on_the_same_server_is_another_log(
        self, database, database_url, tmp_path, clock, table
    ):
        """In a database of its own, or in the place of the tables: identifier and timeline stay,
        and the numbers of what came behind the dump are given again.
        """
        await database.write(append(3))
        epoch = await database.read(event_log.read_epoch)
        with restored(database_url, is_beside=table == "beside") as url:
            store = await Database.open(url, data_dir=tmp_path, clock=clock)
            assert await store.read(event_log.read_epoch) != epoch
            await store.close()

    async def test_a_dump_restored_under_a_connection_that_stands_is_a_new_log(
        self, database, database_url
    ):
        """Nothing ends the connections of a server whose tables are made anew: where a read says that
        the log is another one, its epoch is drawn on the connection that is there.
        """
        await database.write(append(3))
        log = EventReader(database)
        epoch, _ = await log.read_heads()
        with restored(database_url, is_beside=False):
            with pytest.raises(DatabaseReplaced):
                await log.read_heads()
            drawn = await log.draw_epoch(epoch)
            assert drawn != epoch
            assert await log.read_heads([ROOMS]) == (drawn, {ROOMS: 3})

    async def test_what_an_older_version_has_left_keeps_its_epoch(
        self, database, database_url, tmp_path, clock
    ):
        """The older version knew only the server; what it didn't note is noted now."""
        epoch = await database.read(event_log.read_epoch)
        await database.write(
            lambda conn: conn.execute(delete(origin).where(origin.c.key == identity.TABLE))
        )
        again = await Database.open(database_url, data_dir=tmp_path, clock=clock)
        assert await again.read(event_log.read_epoch) == epoch
        noted = select(origin.c.value).where(origin.c.key == identity.TABLE)
        assert await again.read(lambda conn: conn.execute(noted).scalar_one())
        await again.close()

    async def test_a_dump_in_another_database_keeps_the_epoch_of_the_same_server(
        self, database, database_url, tmp_path, clock
    ):
        """A restart is no failover."""
        assert make_url(database_url).database
        epoch = await database.read(event_log.read_epoch)
        again = await Database.open(database_url, data_dir=tmp_path, clock=clock)
        assert await again.read(event_log.read_epoch) == epoch
        await again.close()


class TestFile:
    """A SQLite file is known by its inode and by how many events it had."""

    @pytest.fixture
    def url(self, tmp_path):
        """Where it is."""
        return f"sqlite:///{tmp_path / 'rtdash.db'}"

    async def open(self, url, tmp_path, clock) -> Database:
        """A store that closes well."""
        return await Database.open(url, data_dir=tmp_path, clock=clock)

    async def epoch_after(self, url, tmp_path, clock, *, events: int = 0) -> str:
        """Start, append, end."""
        store = await self.open(url, tmp_path, clock)
        await store.write(lambda conn: save_venues(conn, VENUES))
        await store.write(append(events))
        epoch = await store.read(event_log.read_epoch)
        await store.close()
        return epoch

    async def test_a_restart_keeps_it(self, url, tmp_path, clock):
        """However often."""
        epochs = {await self.epoch_after(url, tmp_path, clock, events=2) for _ in range(3)}
        assert len(epochs) == 1

    async def test_an_older_copy_over_the_file_is_another_log(self, url, tmp_path, clock):
        """The inode stays, events are missing."""
        epoch = await self.epoch_after(url, tmp_path, clock, events=2)
        shutil.copy(tmp_path / "rtdash.db", tmp_path / "kept")
        assert await self.epoch_after(url, tmp_path, clock, events=3) == epoch
        shutil.copy(tmp_path / "kept", tmp_path / "rtdash.db")
        restored = await self.epoch_after(url, tmp_path, clock, events=8)
        assert restored != epoch
        assert await self.epoch_after(url, tmp_path, clock) == restored

    async def test_a_directory_that_was_put_back_is_another_log(self, url, tmp_path, clock):
        """With its mark: the file has another inode."""
        epoch = await self.epoch_after(url, tmp_path, clock, events=2)
        for name in ("rtdash.db", "rtdash.db.mark"):
            shutil.copy(tmp_path / name, tmp_path / f"{name}.kept")
        await self.epoch_after(url, tmp_path, clock, events=3)
        for name in ("rtdash.db", "rtdash.db.mark"):
            (tmp_path / f"{name}.kept").replace(tmp_path / name)
        assert await self.epoch_after(url, tmp_path, clock) != epoch

    @pytest.mark.parametrize("mark", ["", "{}", "[]", '{"inode":"x","events":1}', None])
    async def test_a_mark_that_says_nothing_changes_nothing(
        self, url, tmp_path, clock, mark: str | None
    ):
        """Broken or lost: positions stay good."""
        epoch = await self.epoch_after(url, tmp_path, clock, events=2)
        (tmp_path / "rtdash.db.mark").unlink()
        if mark is not None:
            (tmp_path / "rtdash.db.mark").write_text(mark)
        assert await self.epoch_after(url, tmp_path, clock) == epoch
