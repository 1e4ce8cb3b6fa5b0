"""What is opened as a store and what is refused: versions, tables of another program, addresses."""

import pytest
from sqlalchemy import select

from rtdash.store.database import BadStoreUrl, Database, StoreError, StoreTooNew
from rtdash.store.schema import alembic_version, meta

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


async def test_a_newer_database_is_refused(database_url, tmp_path, clock):
    """Its version is one that this program does not know; nothing is changed."""
    database = await Database.open(database_url, data_dir=tmp_path, clock=clock)
    await database.write(
        lambda conn: conn.execute(alembic_version.update(), {"version_num": "9999"})
    )
    await database.close()
    with pytest.raises(StoreTooNew, match="9999") as refused:
        await Database.open(database_url, data_dir=tmp_path, clock=clock)
    assert "upgrade" in refused.value.hint


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


async def test_a_password_that_is_not_escaped_is_not_quoted(tmp_path, clock):
    """A part of it looks like a port."""
    with pytest.raises(BadStoreUrl) as refused:
        await Database.open(
            "postgresql://ann:correct@horse:battery@h/db", data_dir=tmp_path, clock=clock
        )
    assert "battery" not in f"{refused.value} {refused.value.hint}"
