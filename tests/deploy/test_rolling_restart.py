"""Processes are restarted one after the other behind the recipes' load balancers, with the drain
delay: nothing is refused, and nothing has to be tried twice.
"""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import pytest
from websockets.asyncio.client import connect

from tests.deploy.proxies import PATIENCE_S, proxy
from tests.faults.process import ServerProcess, server_process
from tests.servers import TestServer
from tests.stores import new_database

OPTIONS = {
    "broker": "postgresql",
    "connections_per_user": 0,
    "handshakes_per_minute": 0,
    "requests_per_second": 0,
    "drain_delay_s": 2,
    "drain_window_s": 0.5,
    "restart_allowance_s": 0,
    "trusted_proxies": "127.0.0.0/8",
}
TABLE = {"customerName": "Ann Guest", "guests": 2, "source": "web", "date": "2031-03-01T19:00:00Z"}
PAUSE_S = 0.05


class Callers:
    """Clients that try everything once: what failed, and how often each thing was done."""

    def __init__(self, url: str, token: str) -> None:
        self.done: Counter[str] = Counter()
        self.failures: list[str] = []
        self._url = url
        self._token = token
        self._stop = asyncio.Event()

    async def run(self, while_they_call: Callable[[], Awaitable[None]]) -> None:
        """Call until it is over."""
        async with asyncio.TaskGroup() as group:
            for call in (self._read, self._book, self._follow):
                group.create_task(self._repeat(call))
            await while_they_call()
            self._stop.set()

    async def _repeat(self, call: Callable[[], Awaitable[None]]) -> None:
        while not self._stop.is_set():
            try:
                await call()
                self.done[call.__name__] += 1
            except Exception as error:  # noqa: BLE001
                self.failures.append(f"{call.__name__}: {error!r}")
            await asyncio.sleep(PAUSE_S)

    async def _read(self) -> None:
        async with self._http() as http:
            (await http.get(f"{self._url}/api/user/profile")).raise_for_status()

    async def _book(self) -> None:
        async with self._http() as http:
            answer = await http.post(f"{self._url}/api/restaurant/reservations", json=TABLE)
            assert answer.status_code == 201, answer.text

    async def _follow(self) -> None:
        address = f"{self._url.replace('http', 'ws')}/ws?token={self._token}"
        async with connect(address, proxy=None) as ws:
            await ws.send(json.dumps({"action": "subscribe", "channels": ["hotel_reservations"]}))
            answer = json.loads(await ws.recv())
            # one that is opened just before the drain is sent elsewhere
            assert answer.get("status") == "subscribed" or answer.get("code") == 1012

    def _http(self) -> httpx2.AsyncClient:
        bearer = {"Authorization": f"Bearer {self._token}"}
        return httpx2.AsyncClient(headers=bearer, trust_env=False, timeout=PATIENCE_S)


@pytest.mark.parametrize("name", ["nginx", "haproxy"])
def test_nothing_is_refused(name: str, tmp_path: Path, postgres_server: TestServer) -> None:
    """Requests, bookings and handshakes all succeed at the first attempt, and each process ends
    with 0.
    """
    with new_database(postgres_server.url) as database:
        options = {"database": database, **OPTIONS}
        with (
            server_process(tmp_path / "a", **options) as one,
            server_process(tmp_path / "b", **options) as other,
            proxy(name, tmp_path, [one, other]) as url,
        ):
            callers = Callers(url, one.token())

            async def restart() -> None:
                for server in (one, other):
                    assert await asyncio.to_thread(server.end, signal.SIGTERM) == 0
                    await asyncio.to_thread(server.start)
                    await _is_used(url, server)

            asyncio.run(callers.run(restart))
            assert callers.failures == []
            assert min(callers.done.values()) >= 10
            assert len(callers.done) == 3


async def _is_used(url: str, server: ServerProcess) -> None:
    """The load balancer sends it requests again."""
    before = server.metric(
        "rtdash_http_requests_total", method="GET", route="/healthz", status="200"
    )
    for _ in range(200):
        async with httpx2.AsyncClient(trust_env=False) as http:
            await http.get(f"{url}/healthz")
        if before < await asyncio.to_thread(
            server.metric,
            "rtdash_http_requests_total",
            method="GET",
            route="/healthz",
            status="200",
        ):
            return
        await asyncio.sleep(PAUSE_S)
    raise AssertionError("the load balancer has not found the server again")
