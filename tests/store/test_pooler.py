"""A store behind a transaction pooler: a real PgBouncer whose few server connections many clients
share.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from rtdash.broker import check_broker, open_broker
from rtdash.broker.base import BrokerUnavailable, BrokerUnusable
from rtdash.broker.notices import NoticeCodec, derive_key
from rtdash.store import leases
from rtdash.store.database import Database, StoreLocked
from rtdash.store.venues import save_venues
from tests.programs import free_port, installed, scratch, unprivileged
from tests.servers import TestServer
from tests.store.writing import keys, put
from tests.stores import NOW, VENUES, new_database

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def pooled_url(postgres_server: TestServer) -> Iterator[str]:
    """A database by way of PgBouncer, which gives each transaction one of two connections."""
    user = unprivileged()
    with new_database(postgres_server.url) as direct, scratch(user) as directory:
        url, port = make_url(direct), free_port()
        (directory / "users").write_text(f'"{url.username}" "{url.password}"\n')
        (directory / "pgbouncer.ini").write_text(
            "\n".join(
                (
                    "[databases]",
                    f"* = host={url.host} port={url.port}",
                    "[pgbouncer]",
                    f"listen_port = {port}",
                    "listen_addr = 127.0.0.1",
                    "unix_socket_dir =",
                    "auth_type = plain",
                    f"auth_file = {directory / 'users'}",
                    "pool_mode = transaction",
                    "default_pool_size = 2",
                )
            )
        )
        for one in directory.iterdir():
            one.chmod(0o644)
        pooler = TestServer(
            "pgbouncer",
            "",
            port,
            own=True,
            command=[installed("pgbouncer", "/usr/sbin/pgbouncer"), "pgbouncer.ini"],
            directory=Path(directory),
            user=user,
        )
        pooler.start()
        try:
            yield url.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        finally:
            pooler.end()


async def open_store(url: str, tmp_path: Path, clock) -> Database:
    store = await Database.open(url, data_dir=tmp_path, clock=clock)
    await store.write(lambda conn: save_venues(conn, VENUES))
    return store


async def test_every_statement_works_behind_a_pooler(pooled_url, tmp_path, clock) -> None:
    """Prepared statements would be looked for in another session: 5 of 100 requests failed."""
    stores = [await open_store(pooled_url, tmp_path, clock) for _ in range(3)]
    assert all(store.is_pooled for store in stores)

    async def work(store: Database, number: int) -> None:
        for round_ in range(12):
            await store.write(put(f"pooled-{number}-{round_}"))
            await store.read(keys)
            await store.read(lambda conn: leases.read_leases(conn, now=NOW))

    await asyncio.gather(
        *(
            work(store, 10 * place + number)
            for place, store in enumerate(stores)
            for number in (1, 2)
        )
    )
    assert len({key for key in await stores[0].read(keys) if key.startswith("pooled-")}) == 72
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_server_that_ended_leaves_no_lock_with_the_pooler(
    pooled_url, tmp_path, clock
) -> None:
    """A session's lock would stay there, and keep the next start out."""
    for _ in range(3):
        alone = await open_store(pooled_url, tmp_path, clock)
        await alone.acquire_process_lock(alone=True)
        late = await open_store(pooled_url, tmp_path, clock)
        with pytest.raises(StoreLocked):
            await late.acquire_process_lock(alone=False)
        await alone.close()
        await late.close()


async def test_a_transaction_is_bounded_and_the_bound_is_not_left_to_others(
    pooled_url, tmp_path, clock
) -> None:
    """SET would stay with the session, and hit another client's next transaction."""
    show = "SHOW idle_in_transaction_session_timeout"
    store = await open_store(pooled_url, tmp_path, clock)
    assert await store.write(lambda conn: conn.exec_driver_sql(show).scalar_one()) == "10s"
    for _ in range(4):
        assert await store.read(lambda conn: conn.exec_driver_sql(show).scalar_one()) == "0"
    await store.close()


async def test_notices_need_the_server_itself(pooled_url) -> None:
    """LISTEN belongs to a session: it is refused at the start, naming the pooler."""
    broker = open_broker(pooled_url, NoticeCodec(derive_key("a secret")))
    with pytest.raises(BrokerUnusable, match="pooler"):
        await check_broker(broker)
    with pytest.raises(BrokerUnavailable, match="pooler"):
        await anext(broker.listen())
    await broker.close()
