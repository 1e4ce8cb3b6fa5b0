"""Headers of proxies about a client's address: which are believed. Whole processes."""

import asyncio
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.faults.process import ServerProcess, server_process


async def come(server: ServerProcess, address: str) -> int:
    """Connect as if from an address; the status of the handshake."""
    headers = {"X-Forwarded-For": address, "Authorization": f"Bearer {server.token()}"}
    try:
        async with connect(
            server.url.replace("http", "ws") + "/ws", proxy=None, additional_headers=headers
        ):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize(("trusted", "second"), [("10.0.0.0/8", 503), ("127.0.0.0/8", 101)])
def test_only_trusted_proxies_say_where_a_client_is(
    tmp_path: Path, trusted: str, second: int
) -> None:
    """A client can't escape the limits of its address by a header: only headers of proxies named in
    the settings count.
    """
    settings = {"handshakes_per_minute": 1, "handshakes_burst": 1, "trusted_proxies": trusted}
    with server_process(tmp_path / "data", **settings) as server:
        assert asyncio.run(come(server, "192.0.2.1")) == 101
        assert asyncio.run(come(server, "192.0.2.2")) == second
