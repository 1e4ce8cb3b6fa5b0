"""Two processes under traffic while something breaks: the broker, the network to it, one of the
processes, the database. Nothing is lost.
"""

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
)
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.conftest import FULL
from tests.faults.observers import CHANNEL, Subscriber, Writer, following, until
from tests.faults.process import ServerProcess, server_process
from tests.faults.proxy_thread import ProxyThread, proxy_thread
from tests.faults.verdicts import Verdict, judge, quantiles, tell
from tests.servers import TestServer, own, running
from tests.stores import new_database

SUBSCRIBERS = 100 if FULL else 12
PER_SECOND = 300 if FULL else 60
DOWN_S = 3.0 if FULL else 1.0
FROZEN_S = 20.0 if FULL else 5.0
CALM_S = 2.0 if FULL else 0.5
LIMITS = {"connections_per_user": 0, "handshakes_per_minute": 0, "requests_per_second": 0}


@pytest.mark.timeout(600 if FULL else 400)
@pytest.mark.parametrize("server", ["redis", "rabbitmq", "kafka", "postgres"])
def test_nothing_is_lost_with_two_processes(
    server: str,
    request: pytest.FixtureRequest,
    postgres_server: TestServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Broker killed, frozen and cut off, a process killed, PostgreSQL restarted: acknowledged and
    lost 0, events lost 0, order kept.
    """
    with ExitStack() as stack:
        # as a broker PostgreSQL is another server here than the store, so that each fails alone
        broker = (
            stack.enter_context(running(server))
            if server == "postgres"
            else own(request.getfixturevalue(f"{server}_server"))
        )
        database = stack.enter_context(new_database(own(postgres_server).url))
        asyncio.run(_Trial(broker, postgres_server, capsys).run(tmp_path, database))


class _Trial:
    def __init__(
        self, broker: TestServer, postgres: TestServer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._broker = broker
        self._postgres = postgres
        self._capsys = capsys
        self._pair: list[ServerProcess] = []
        self._subscribers = [Subscriber(number) for number in range(SUBSCRIBERS)]
        self._writers: list[Writer] = []

    async def run(self, here: Path, database: str) -> None:
        async with AsyncExitStack() as stack:
            proxy = await stack.enter_async_context(
                proxy_thread(self._broker.inner_port or self._broker.port, self._broker.proxy_port)
            )
            url = urlsplit(self._broker.url)
            broker = url._replace(
                netloc=url.netloc.replace(str(self._broker.port), str(proxy.port))
            ).geturl()
            for name in ("a", "b"):
                running = server_process(here / name, database=database, broker=broker, **LIMITS)
                self._pair.append(await asyncio.to_thread(stack.enter_context, running))
            await self._under_traffic(stack, proxy)
            log = await asyncio.to_thread(self._pair[0].read_log, CHANNEL)
            await until(
                lambda: all(one.seqs and one.seqs[-1] >= len(log) for one in self._subscribers)
            )
        acknowledged = [own_id for writer in self._writers for own_id in writer.acknowledged]
        assert judge(acknowledged, log, self._subscribers) == Verdict()
        assert len(acknowledged) == len(set(acknowledged)) == len(log)
        back = [live - broken for one in self._subscribers for broken, live in one.returns()]
        tell(
            self._capsys,
            f"{self._broker.name}: {len(log)} events to {SUBSCRIBERS} subscribers; connections live"
            f" again after {quantiles(back)}",
        )

    async def _under_traffic(self, stack: AsyncExitStack, proxy: ProxyThread) -> None:
        half = SUBSCRIBERS // 2
        self._writers = [
            Writer(one.url, one.token(), per_second=PER_SECOND / 2, rng=random.Random(one.port))
            for one in self._pair
        ]
        for server, theirs in zip(
            self._pair, (self._subscribers[:half], self._subscribers[half:]), strict=True
        ):
            await stack.enter_async_context(following(theirs, server.url, server.token()))
        async with self._writers[0].writing(), self._writers[1].writing():
            await asyncio.sleep(CALM_S)
            await self._outlive("broker killed", self._broker_killed(), shows="degraded")
            await self._outlive(
                "broker frozen", self._broker_frozen(), shows="degraded" if FULL else None
            )
            await self._outlive("broker cut off", _cut_off(proxy), shows="degraded")
            await self._outlive("process killed", self._process_killed())
            await self._outlive("PostgreSQL restarted", self._postgres_ended(signal.SIGINT))
            await self._outlive("PostgreSQL killed", self._postgres_ended(signal.SIGKILL))

    async def _outlive(
        self, name: str, fault: AbstractAsyncContextManager[float], *, shows: str | None = None
    ) -> None:
        """Keep the fault for its seconds, and until both processes report it where they must;
        afterwards everything works as before.
        """
        sockets_before = sum(len(one.returns()) for one in self._subscribers)
        async with self._watching_readiness() as seen:
            async with fault as lasts_s:
                await asyncio.sleep(lasts_s)
                await self._waiting(
                    f"{name}: {shows}", lambda: shows is None or seen[-2:] == [shows, shows], seen
                )
            mended = time.monotonic()
            await self._waiting(f"{name}: well again", lambda: seen[-2:] == ["ok", "ok"], seen)
            head = max(seq for one in self._subscribers for seq in one.seqs[-1:])
            await self._waiting(
                f"{name}: all events",
                lambda: all(one.seqs[-1] >= head for one in self._subscribers),
                seen,
            )
        if "broker" in name:
            assert "unavailable" not in seen
            assert sum(len(one.returns()) for one in self._subscribers) == sockets_before, (
                f"a socket was closed for the broker's sake: {self._reasons(mended)}"
            )
        tell(
            self._capsys,
            f"{self._broker.name}: {name}: all well {time.monotonic() - mended:.1f} s after it was"
            f" mended; seen {set(seen)}",
        )
        await asyncio.sleep(CALM_S)

    def _reasons(self, mended: float) -> dict[str, int]:
        """Why connections broke since a fault began, and how often."""
        return dict(
            Counter(
                f"{change.detail} ({at - mended:.0f} s)"
                for one in self._subscribers
                for at, change in one.changes
                if change.retry_in_s is not None and at > mended - 2 * FROZEN_S
            )
        )

    @asynccontextmanager
    async def _watching_readiness(self) -> AsyncIterator[list[str]]:
        """What both processes say, one after the other."""
        seen: list[str] = []

        async def look() -> None:
            async with httpx2.AsyncClient(trust_env=False, timeout=5) as http:
                while True:
                    seen.extend([await _readiness(http, one) for one in self._pair])
                    await asyncio.sleep(0.1)

        task = asyncio.create_task(look())
        try:
            yield seen
        finally:
            task.cancel()

    @asynccontextmanager
    async def _broker_killed(self) -> AsyncIterator[float]:
        await asyncio.to_thread(self._broker.end)
        yield DOWN_S
        await asyncio.to_thread(self._broker.start)

    @asynccontextmanager
    async def _broker_frozen(self) -> AsyncIterator[float]:
        self._broker.send(signal.SIGSTOP)
        try:
            yield FROZEN_S
        finally:
            self._broker.send(signal.SIGCONT)

    @asynccontextmanager
    async def _process_killed(self) -> AsyncIterator[float]:
        await asyncio.to_thread(self._pair[0].end, signal.SIGKILL)
        yield 0
        await asyncio.to_thread(self._pair[0].start)

    @asynccontextmanager
    async def _postgres_ended(self, number: signal.Signals) -> AsyncIterator[float]:
        await asyncio.to_thread(self._postgres.end, number)
        yield DOWN_S
        await asyncio.to_thread(self._postgres.start)

    async def _waiting(self, what: str, is_so: Callable[[], bool], seen: list[str]) -> None:
        """Wait, and name what was waited for when it does not come."""
        try:
            await until(is_so)
        except TimeoutError:
            pytest.fail(f"{self._broker.name}: in vain: {what}; seen lately {seen[-20:]}")


@asynccontextmanager
async def _cut_off(proxy: ProxyThread) -> AsyncIterator[float]:
    await proxy.cut_off()
    yield DOWN_S
    await proxy.admit()


async def _readiness(http: httpx2.AsyncClient, server: ServerProcess) -> str:
    try:
        return str((await http.get(f"{server.url}/readyz")).json()["status"])
    except httpx2.HTTPError:
        return "unreachable"
