"""Whatever bytes come in over a real socket: no fault in the log, no connection left over, and the
next client is served.
"""

import asyncio
import random
from contextlib import suppress
from logging import ERROR
from pathlib import Path

import pytest

from tests.conftest import FULL
from tests.server.raw_client import RawClient
from tests.server.sockets import Server, anyio_backend, lane, serving

__all__ = ["anyio_backend", "lane"]

pytestmark = pytest.mark.anyio

CONNECTIONS = 17_000 if FULL else 60
_WORDS = [
    b'{"action":',
    b'"subscribe"',
    b'"resume"',
    b'"channels":',
    b'["hotel_stats"]',
    b'"positions":',
    b"{}",
    b"[",
    b"}",
    b'"session":"x"',
    b"null",
    b"1e999",
    b'"\\ud800"',
    b",",
]


@pytest.mark.timeout(1200)
async def test_nothing_that_comes_in_breaks_the_server(
    tmp_path: Path, lane: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Random frames, well-formed and not, in random pieces, from connections that end in any
    way.
    """
    with serving(tmp_path, lane, handshakes_per_minute=0) as server:
        await _provoke(server)
        async with server.client() as client:
            assert (await client.ask(action="ping"))["status"] == "pong"
    ours = (
        "" if lane == "fast" else "rtdash"
    )  # in the plain lane the server below logs its own faults
    assert [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= ERROR and record.name.startswith(ours)
    ] == []


async def _provoke(server: Server) -> None:
    chance = random.Random(20260)
    connection_manager = server.services.connection_manager
    for _ in range(CONNECTIONS):
        async with RawClient.connect(
            server.url(token=server.token(f"user-{chance.random()}"))
        ) as client:
            with suppress(ConnectionError):
                client.writer.write(b"".join(_frame(chance) for _ in range(chance.randint(1, 12))))
                await client.writer.drain()
                await asyncio.wait(
                    {asyncio.ensure_future(client.read())}, timeout=chance.choice([0, 0.02])
                )
                if chance.random() < 0.5:
                    client.writer.write_eof()
    await server.until(
        lambda: (
            not connection_manager.connections and not connection_manager.connection_limits.by_user
        )
    )


def _frame(chance: random.Random) -> bytes:
    if chance.random() < 0.1:
        return chance.randbytes(chance.randint(1, 60))
    payload = (
        b"".join(chance.choices(_WORDS, k=chance.randint(0, 12)))
        if chance.random() < 0.7
        else chance.randbytes(chance.choice([0, 1, 2, 125, 126, 3000]))
    )
    first = chance.choice(
        [0x81, 0x81, 0x81, 0x01, 0x80, 0x00, 0x82, 0x89, 0x8A, 0x88, 0xC1, 0x83, 0x09]
    )
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    mask = chance.randbytes(4)
    return (
        bytes((first,))
        + length
        + mask
        + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    )
