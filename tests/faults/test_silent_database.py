"""PostgreSQL says nothing any more, although every byte to it is acknowledged: 503 in bounded time,
and well again by itself.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from rtdash.loadtest.generator.fault_proxy import Fault, FaultProxy
from rtdash.store import postgres_engines
from rtdash.store.response_timeout import ResponseTimeoutConnection
from tests.conftest import FULL
from tests.faults.test_store import CHANNEL, Rest, pong
from tests.faults.verdicts import tell
from tests.server.sockets import Client, Server, anyio_backend, serving
from tests.servers import TestServer, own
from tests.stores import new_database

__all__ = ["anyio_backend"]

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

SILENCE_S, CONNECT_S = (ResponseTimeoutConnection.timeout_s, 5) if FULL else (1.5, 2)
BOUND_S = SILENCE_S + 2 * CONNECT_S + 10
"""What is under way is given up after a silence, what waits for it after an attempt to connect; a
busy machine needs more."""


@asynccontextmanager
async def frozen(postgres: TestServer, _proxy: FaultProxy) -> AsyncIterator[None]:
    """The database's processes stand still; the kernel answers for them."""
    postgres.send(signal.SIGSTOP)
    try:
        yield
    finally:
        postgres.send(signal.SIGCONT)


@asynccontextmanager
async def cut_off(_postgres: TestServer, proxy: FaultProxy) -> AsyncIterator[None]:
    """Connections are half-open for good, and new ones lead nowhere."""
    proxy.delay_s = 3600.0
    proxy.inject(Fault.HALF_OPEN, proxy.connections)
    try:
        yield
    finally:
        proxy.delay_s = 0.0


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ResponseTimeoutConnection, "timeout_s", SILENCE_S)
    monkeypatch.setitem(postgres_engines._CONNECT, "connect_timeout", CONNECT_S)


@pytest.mark.parametrize("fault", [frozen, cut_off], ids=["frozen", "cut off"])
async def test_a_silent_database_is_weathered(
    fault: Callable[[TestServer, FaultProxy], AbstractAsyncContextManager[None]],
    postgres_server: TestServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Writes and reads are refused, /readyz says why, sockets stand; afterwards all is well, and
    each operation is stored once.
    """
    async with AsyncExitStack() as stack:
        database = stack.enter_context(new_database(own(postgres_server).url))
        proxy = await stack.enter_async_context(FaultProxy("127.0.0.1", postgres_server.port))
        url = make_url(database).set(port=proxy.port).render_as_string(hide_password=False)
        server = await stack.enter_async_context(_served(tmp_path, url))
        client = await stack.enter_async_context(server.client())
        rest = await stack.enter_async_context(
            Rest(f"http://127.0.0.1:{server.port}", server.token())
        )
        await client.subscribe(CHANNEL)
        tell(capsys, await _weather(rest, client, fault(postgres_server, proxy)))


@asynccontextmanager
async def _served(data: Path, database: str) -> AsyncIterator[Server]:
    """The server starts and ends in another thread: the proxy that it talks through is on this
    one's loop.
    """
    running = serving(data, "fast", settings={"database": database}, requests_per_second=0)
    server = await asyncio.to_thread(running.__enter__)
    try:
        yield server
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


async def _weather(rest: Rest, client: Client, fault: AbstractAsyncContextManager[None]) -> str:
    """Operations before, in and behind the fault; what was refused is repeated with its own id.
    Gives how long things took.
    """
    keys = ["before", *(f"within-{number}" for number in range(6)), "behind"]
    assert (await rest.book("before")).status_code == 201
    async with fault:
        began = time.monotonic()
        async with asyncio.timeout(BOUND_S):
            refused = await asyncio.gather(
                rest.reservations(), *(rest.book(key) for key in keys[1:4])
            )
            first_s = time.monotonic() - began
        async with asyncio.timeout(BOUND_S):
            refused += await asyncio.gather(
                rest.reservations(), *(rest.book(key) for key in keys[4:7])
            )
            second_s = time.monotonic() - began - first_s
        assert [answer.status_code for answer in refused] == [503] * len(refused)
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
        readiness = await rest.readiness()
        assert (readiness.status_code, readiness.json()["status"]) == (503, "unavailable")
        assert "database server" in " ".join(readiness.json()["problems"])
        heard = await pong(client)
    mended = time.monotonic()
    await rest.is_ready()
    ready_s = time.monotonic() - mended
    for key in keys[1:]:
        assert (await rest.book(key)).status_code in {200, 201}
    heard += [
        (await client.until(lambda body: "seq" in body))["operationId"] for _ in keys[len(heard) :]
    ]
    assert heard + await pong(client) == await rest.log()
    assert sorted(heard) == sorted(keys)
    return (
        f"refused after {first_s:.1f} s, then after {second_s:.1f} s; ready {ready_s:.1f} s after"
        " it was mended"
    )
