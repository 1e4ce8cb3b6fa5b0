"""Writes of HTTP answers: how many system calls, and in which order."""

import asyncio
from http.client import HTTPConnection
from pathlib import Path

import pytest

from rtdash.server.http.joined_writes import JOIN_BYTES, JoinedWrites
from tests.faults.process import server_process
from tests.server.sockets import anyio_backend

__all__ = ["anyio_backend"]

pytestmark = pytest.mark.anyio


class Transport(asyncio.Transport):
    """Keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:  # type: ignore[override]
        """Keep it."""
        assert not self.closed
        self.written.append(data)

    def close(self) -> None:
        """Note it."""
        self.closed = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed


async def test_a_head_and_its_body_are_one_write() -> None:
    """And the next answer is one of its own."""
    transport = Transport()
    writes = JoinedWrites(transport, asyncio.get_running_loop())
    for part in (b"head 1 ", b"body 1", b"head 2 ", b"body 2"):
        writes.write(part)
    assert transport.written == [b"head 1 body 1", b"head 2 body 2"]
    await asyncio.sleep(0)
    assert len(transport.written) == 2


async def test_a_head_waits_for_one_step_only() -> None:
    """As of an answer whose body comes later, piece by piece."""
    transport = Transport()
    writes = JoinedWrites(transport, asyncio.get_running_loop())
    writes.write(b"head")
    assert transport.written == []
    await asyncio.sleep(0)
    assert transport.written == [b"head"]
    writes.write(b"late")
    await asyncio.sleep(0)
    assert transport.written == [b"head", b"late"]


async def test_an_empty_body_ends_the_wait() -> None:
    """As of a 304."""
    transport = Transport()
    writes = JoinedWrites(transport, asyncio.get_running_loop())
    writes.write(b"head")
    writes.write(b"")
    assert transport.written == [b"head"]


async def test_a_long_body_is_not_copied() -> None:
    """A long body leaves behind its head."""
    transport = Transport()
    writes = JoinedWrites(transport, asyncio.get_running_loop())
    body = bytes(JOIN_BYTES + 1)
    writes.write(b"head")
    writes.write(body)
    assert transport.written == [b"head", body]
    assert transport.written[1] is body


@pytest.mark.parametrize("by_peer", [False, True])
async def test_nothing_is_written_behind_a_close(by_peer: bool) -> None:
    """What waits leaves before our own close, and is dropped with a connection that is gone."""
    transport = Transport()
    writes = JoinedWrites(transport, asyncio.get_running_loop())
    writes.write(b"head")
    (transport if by_peer else writes).close()
    await asyncio.sleep(0)
    assert transport.written == ([] if by_peer else [b"head"])
    assert writes.is_closing()


def test_answers_without_a_body_keep_their_order(tmp_path: Path) -> None:
    """HEAD and GET in turns on one connection, each answered as a whole."""
    with server_process(tmp_path) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
        for method in ("HEAD", "GET", "HEAD", "HEAD", "GET"):
            connection.request(method, "/healthz")
            answer = connection.getresponse()
            assert answer.status == 200
            assert bool(answer.read()) == (method == "GET")
        connection.close()
