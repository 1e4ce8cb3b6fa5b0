"""Servers for the tests of REST."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.server.running import RunningServer, ServerThread, start_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for the tests of a module: they don't rely on an empty store."""
    running, thread = start_server(tmp_path_factory.mktemp("data"))
    yield running
    thread.stop()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    """Starts a server with the settings given, in an empty data directory."""
    threads: list[ServerThread] = []

    def start(**settings: Any) -> RunningServer:
        running, thread = start_server(tmp_path / f"data{len(threads)}", **settings)
        threads.append(thread)
        return running

    yield start
    for thread in threads:
        thread.stop()


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[httpx2.Client]:
    """Anna, who may read and write both venues."""
    with server.client() as client:
        yield client


@pytest.fixture
def unchanged(client: httpx2.Client) -> Iterator[None]:
    """The test leaves no event in either log."""
    paths = ("/api/hotel/bookings", "/api/restaurant/reservations")
    before = [client.get(path, params={"limit": 1}).json()["positions"] for path in paths]
    yield
    assert [client.get(path, params={"limit": 1}).json()["positions"] for path in paths] == before
