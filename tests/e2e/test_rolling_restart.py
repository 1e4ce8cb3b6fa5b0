"""Processes are restarted one after the other behind a load balancer, under traffic: clients go on
elsewhere, and nothing is lost.
"""

import asyncio
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.conftest import FULL
from tests.faults.observers import CHANNEL, Subscriber, Writer, following, until
from tests.faults.process import ServerProcess, server_process
from tests.faults.verdicts import Verdict, judge, quantiles, tell
from tests.programs import free_port, installed
from tests.servers import TestServer
from tests.stores import new_database

SUBSCRIBERS = 100 if FULL else 20
PER_SECOND = 300 if FULL else 60
ROUNDS = 3 if FULL else 1
OPTIONS = {
    "connections_per_user": 0,
    "handshakes_per_minute": 0,
    "requests_per_second": 0,
    "drain_window_s": 1,
    "restart_allowance_s": 0,  # behind a load balancer there is somewhere to go at once
    "trusted_proxies": "127.0.0.1",
}


@contextmanager
def balancer(directory: Path, pair: list[ServerProcess]) -> Iterator[str]:
    """A haproxy in front of both; its URL."""
    program, port = installed("/usr/sbin/haproxy", "haproxy"), free_port()
    config = Path(__file__).with_name("haproxy.cfg")
    ports = {"PORT": port, "PORT_A": pair[0].port, "PORT_B": pair[1].port}
    environment = {name: str(value) for name, value in ports.items()}
    server = TestServer(
        "haproxy",
        "",
        port,
        command=[program, "-db", "-f", str(config)],
        directory=directory,
        environment=environment,
    )
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.end()


@pytest.mark.timeout(600 if FULL else 400)
def test_a_rolling_restart_costs_nothing(
    postgres_server: TestServer,
    redis_server: TestServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each process gets SIGTERM and is started again: exit code 0, acknowledged and lost 0, events
    lost 0, no history gone.
    """
    with new_database(postgres_server.url) as database:
        options = {"database": database, "broker": redis_server.url, **OPTIONS}
        with (
            server_process(tmp_path / "a", **options) as one,
            server_process(tmp_path / "b", **options) as other,
            balancer(tmp_path, [one, other]) as url,
        ):
            asyncio.run(_restart_one_after_the_other([one, other], url, capsys))


async def _restart_one_after_the_other(
    pair: list[ServerProcess], url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    subscribers = [Subscriber(number) for number in range(SUBSCRIBERS)]
    writer = Writer(url, pair[0].token(), per_second=PER_SECOND, rng=random.Random(5))
    for server in pair:
        await _is_used(url, server)
    async with following(subscribers, url, pair[0].token()):
        async with writer.writing():
            for server in pair * ROUNDS:
                await asyncio.sleep(1)
                assert await asyncio.to_thread(server.end, signal.SIGTERM) == 0
                await until(lambda: all(one.state == "live" for one in subscribers))
                await asyncio.to_thread(server.start)
                await _is_used(url, server)
            await asyncio.sleep(0.5)
        log = await asyncio.to_thread(pair[0].read_log, CHANNEL)
        await until(lambda: all(one.seqs and one.seqs[-1] >= len(log) for one in subscribers))
    back = [live - broken for one in subscribers for broken, live in one.returns()]
    tell(
        capsys,
        f"rolling restart: {len(log)} events, {len(back)} returns, live elsewhere after"
        f" {quantiles(back)}",
    )
    assert judge(writer.acknowledged, log, subscribers) == Verdict()
    assert len(writer.acknowledged) == len(log)
    assert len(back) >= SUBSCRIBERS, "each process held somebody, and everybody is somewhere"


async def _is_used(url: str, server: ServerProcess) -> None:
    """The load balancer has found it: the server with the fewest connections is asked next."""
    deadline = time.monotonic() + 60
    own = await _start_time(server.url)
    while await _start_time(url) != own:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def _start_time(url: str) -> str:
    async with httpx2.AsyncClient(trust_env=False) as http:
        text = (await http.get(f"{url}/metrics")).text
    return next(
        (line for line in text.splitlines() if line.startswith("process_start_time_seconds")), ""
    )
