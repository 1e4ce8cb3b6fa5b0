"""The server dies, again and again, under load: what it has acknowledged is stored, and every
subscriber gets every event once.
"""

import asyncio
import random
import signal
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import cycle
from pathlib import Path

import pytest

from tests.conftest import FULL
from tests.faults.observers import BareSubscriber, Subscriber, Writer, following, until
from tests.faults.process import ServerProcess, server_process
from tests.faults.verdicts import Verdict, judge, quantiles, tell
from tests.servers import TestServer
from tests.stores import new_database

KILLS = 50 if FULL else 4
KILLS_OF_TWO = 30 if FULL else 3
DRAINS = 10 if FULL else 2
SUBSCRIBERS = 20
PER_SECOND = 300
PER_SECOND_OF_TWO = 300 if FULL else 100
SEED = 20_261_123
NO_LIMITS = {"connections_per_user": 0, "handshakes_per_minute": 0, "requests_per_second": 0}


@pytest.mark.timeout(1200 if FULL else 400)
def test_nothing_is_lost_over_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SIGKILL at random moments: acknowledged and lost 0, events lost 0, out of order 0, duplicates
    after the client 0.
    """
    with server_process(tmp_path / "data", **NO_LIMITS) as server:
        asyncio.run(_kill_again_and_again([server], [[server]] * KILLS, capsys))


@pytest.mark.timeout(1200 if FULL else 400)
@pytest.mark.parametrize("broker", ["redis", "rabbitmq", "kafka"])
def test_nothing_is_lost_over_kills_of_two_processes(
    broker: str,
    request: pytest.FixtureRequest,
    postgres_server: TestServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The same where the events of one reach the subscribers of the other by a broker; each is
    killed in turn, and both at once.
    """
    with new_database(postgres_server.url) as database:
        options = {
            "database": database,
            "broker": request.getfixturevalue(f"{broker}_server").url,
            **NO_LIMITS,
        }
        with (
            server_process(tmp_path / "a", **options) as one,
            server_process(tmp_path / "b", **options) as other,
        ):
            asyncio.run(
                _kill_again_and_again(
                    [one, other],
                    ([[one], [other], [one, other]] * KILLS_OF_TWO)[:KILLS_OF_TWO],
                    capsys,
                )
            )


async def _kill_again_and_again(
    servers: Sequence[ServerProcess],
    victims: Sequence[Sequence[ServerProcess]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    rng = random.Random(SEED)
    subscribers = [Subscriber(number) for number in range(SUBSCRIBERS)]
    bare = [BareSubscriber() for _ in range(3)]
    per_second = PER_SECOND if len(servers) == 1 else PER_SECOND_OF_TWO / len(servers)
    writers = [
        Writer(one.url, one.token(), per_second=per_second, rng=random.Random(rng.random()))
        for one in servers
    ]
    async with AsyncExitStack() as stack:
        group = await stack.enter_async_context(asyncio.TaskGroup())
        tasks = [
            group.create_task(one.follow(server.url, server.token()))
            for one, server in zip(bare, cycle(servers), strict=False)
        ]
        await until(lambda: all(one.session for one in bare), tasks)
        for place, server in enumerate(servers):
            await stack.enter_async_context(
                following(subscribers[place :: len(servers)], server.url, server.token())
            )
        async with AsyncExitStack() as writing:
            for writer in writers:
                await writing.enter_async_context(writer.writing())
            for together in victims:
                await asyncio.sleep(rng.uniform(0.2, 3.0 if FULL else 1.0))
                await _kill(together)
            await asyncio.sleep(0.5)
        log = await asyncio.to_thread(servers[0].read_log, "restaurant_reservations")
        head = len(log)
        # A subscriber that has the last event, or one that is on its way to it, settles; what then
        # is missing is lost.
        await until(lambda: all(one.seqs and one.seqs[-1] >= head for one in (*subscribers, *bare)))
        for task in tasks:
            task.cancel()
    acknowledged = [own_id for writer in writers for own_id in writer.acknowledged]
    repeated = sum(writer.outcomes["repeated"] for writer in writers)
    back = [live - broken for one in subscribers for broken, live in one.returns()]
    tell(
        capsys,
        f"{len(victims)} kills of {len(servers)}, {len(acknowledged)} operations acknowledged"
        f" ({repeated} by a repeat), {head} events, dropped repeats"
        f" {sum(one.duplicates_dropped for one in subscribers)}; live again after"
        f" {quantiles(back)}",
    )
    assert judge(acknowledged, log, subscribers) == Verdict()
    assert [sorted(set(one.seqs)) == list(range(1, head + 1)) for one in bare] == [True] * len(bare)
    assert [(one.resets, one.losses) for one in bare] == [(0, 0)] * len(bare)
    assert len(acknowledged) == len(set(acknowledged)) == head
    assert all(len(one.returns()) >= 1 for one in subscribers)


async def _kill(together: Sequence[ServerProcess]) -> None:
    """All of them, and only then start them again."""
    for server in together:
        await asyncio.to_thread(server.end, signal.SIGKILL)
    await asyncio.gather(*(asyncio.to_thread(server.start) for server in together))


WINDOW_S = 0.5


@pytest.mark.timeout(600 if FULL else 400)
def test_a_drain_costs_nobody_a_second_attempt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGTERM and a start within the restart allowance: the same zeros, and each subscriber comes
    back at its first attempt.
    """
    with server_process(tmp_path / "data", **NO_LIMITS, drain_window_s=WINDOW_S) as server:
        # The allowance is what an operator would set: some times what a restart takes on this
        # machine, today.
        allowance_s = max(3.0, 3 * _restart(server))
        server.set(restart_allowance_s=allowance_s)
        _restart(server)
        asyncio.run(_drain_again_and_again(server, allowance_s, capsys))


def _restart(server: ServerProcess) -> float:
    """End it and start it; how many seconds it was away."""
    began = time.monotonic()
    assert server.end(signal.SIGTERM) == 0
    server.start()
    return server.ready_at - began


async def _drain_again_and_again(
    server: ServerProcess, allowance_s: float, capsys: pytest.CaptureFixture[str]
) -> None:
    subscribers = [Subscriber(number) for number in range(SUBSCRIBERS)]
    writer = Writer(server.url, server.token(), per_second=PER_SECOND, rng=random.Random(SEED))
    away_s = []
    async with following(subscribers, server.url, server.token()):
        async with writer.writing():
            for turn in range(DRAINS):
                await asyncio.sleep(0.5)
                away_s.append(await asyncio.to_thread(_restart, server))
                # awaited in the loop
                await until(lambda: all(len(one.returns()) == turn + 1 for one in subscribers))  # noqa: B023
        log = await asyncio.to_thread(server.read_log, "restaurant_reservations")
        await until(lambda: all(one.seqs and one.seqs[-1] >= len(log) for one in subscribers))
    back = [live - broken for one in subscribers for broken, live in one.returns()]
    tell(
        capsys,
        f"{DRAINS} drains, {len(log)} events, server away for {quantiles(away_s)}; live again after"
        f" {quantiles(back)}",
    )
    assert judge(writer.acknowledged, log, subscribers) == Verdict()
    # The promise is about servers that are back in time; a busy machine may start one too late, but
    # not every one.
    in_time = [turn for turn, away in enumerate(away_s, 1) if away < allowance_s]
    assert in_time, (away_s, allowance_s)
    assert {one.attempts()[turn] for one in subscribers for turn in in_time} == {1}
