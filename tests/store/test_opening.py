"""What is opened as a store and what is refused: versions, tables of another program, addresses."""

import pytest
from sqlalchemy import select

from rtdash.store.database import BadStoreUrl, Database, StoreError, StoreTooNew
from rtdash.store.schema import HEAD_REVISION, alembic_version, meta
from rtdash.store.schema_upgrade import WORKS_WITH
from rtdash.store.venues import save_venues
from tests.stores import VENUES

pytestmark = pytest.mark.anyio


async def test_the_same_store_opens_again(database_url, tmp_path, clock):
    """What is there stays, its epoch too."""
    epochs = []
    for _ in range(2):
        database = await Database.open(database_url, data_dir=tmp_path, clock=clock)
        epochs.append(
            await database.read(
                lambda conn: conn.execute(
                    select(meta.c.value).where(meta.c.key == "epoch")
                ).scalar_one()
            )
        )
        await database.close()
    assert epochs[0] == epochs[1]


@pytest.mark.parametrize("works_with", [None, "9998"])
async def test_a_newer_database_is_refused(database_url, tmp_path, clock, works_with):
    """The database's version is one that this program does not know; nothing is changed."""
    await _make_newer(database_url, tmp_path, clock, works_with)
    with pytest.raises(StoreTooNew, match="9999") as refused:
        await Database.open(database_url, data_dir=tmp_path, clock=clock)
    assert "upgrade" in refused.value.hint


async def test_a_newer_database_that_this_version_works_on_is_opened(
    database_url, tmp_path, clock, caplog
):
    """As after a rolling update, when an old process starts again, or the new version is taken
    back; its tables stay.
    """
    await _make_newer(database_url, tmp_path, clock, HEAD_REVISION)
    database = await Database.open(database_url, data_dir=tmp_path, clock=clock)
    assert "they work side by side" in caplog.text
    await database.write(lambda conn: save_venues(conn, VENUES))
    assert await database.read(
        lambda conn: conn.execute(select(alembic_version.c.version_num)).scalar_one()
    ) == ("9999")
    await database.close()


async def _make_newer(url, folder, clock, works_with):
    database = await Database.open(url, data_dir=folder, clock=clock)

    def change(conn):
        conn.execute(alembic_version.update(), {"version_num": "9999"})
        conn.execute(meta.delete().where(meta.c.key == WORKS_WITH))
        if works_with is not None:
            conn.execute(meta.insert(), {"key": WORKS_WITH, "value": works_with})

    await database.write(change)
    await database.close()


async def test_a_database_of_another_program_is_refused(database_url, tmp_path, clock):
    """Tables that are not ours are left alone."""
    database = await Database.open(database_url, data_dir=tmp_path, clock=clock)
    await database.write(lambda conn: conn.exec_driver_sql("DROP TABLE meta"))
    await database.close()
    with pytest.raises(StoreError, match="another program"):
        await Database.open(database_url, data_dir=tmp_path, clock=clock)


@pytest.mark.parametrize(
    "url", ["mysql://localhost/x", "sqlite://", "no url at all", "sqlite:///:memory:"]
)
async def test_urls_that_name_no_store_are_refused(url, tmp_path, clock):
    """The hint says what a URL looks like."""
    with pytest.raises(BadStoreUrl) as refused:
        await Database.open(url, data_dir=tmp_path, clock=clock)
    assert "sqlite:///PATH" in refused.value.hint


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("pgbouncer=true", "no option 'pgbouncer'"),
        ("foo%20bar=1", "no option 'foo bar'"),
    ],
)
async def test_options_that_postgresql_does_not_have_are_refused(
    option, told, tmp_path, clock
) -> None:
    """In words; providers print URLs with options of other programs."""
    url = f"postgresql://u:only-for-tests@127.0.0.1:1/x?{option}"
    with pytest.raises(BadStoreUrl, match=told) as refused:
        await Database.open(url, data_dir=tmp_path, clock=clock)
    assert refused.value.hint
    assert "only-for-tests" not in f"{refused.value} {refused.value.hint}"


@pytest.mark.parametrize("password", ["correct@horse:battery", "correct@battery", "@battery@"])
async def test_a_password_that_is_not_escaped_is_not_quoted(password, tmp_path, clock):
    """A part of it looks like a port, or is looked up as a host."""
    with pytest.raises(BadStoreUrl) as refused:
        await Database.open(f"postgresql://ann:{password}@h/db", data_dir=tmp_path, clock=clock)
    assert "battery" not in f"{refused.value} {refused.value.hint}"
