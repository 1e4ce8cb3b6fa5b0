"""A server is lost when neither an answer nor a message comes from it any more; any answer is a
sign of life.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import pytest

from rtdash.client.api_errors import Unreachable
from rtdash.loadtest.run.server_liveness import watch_liveness

GONE_AFTER_S = 3


class Answering:
    """Answers every request with 404, and counts them."""

    def __init__(self) -> None:
        self.asked = 0
        self.url = ""
        self._server: asyncio.Server | None = None

    @classmethod
    @asynccontextmanager
    async def server(cls) -> AsyncIterator["Answering"]:
        """One that listens, until the block ends or it is stopped."""
        self = cls()
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            self.stop()

    def stop(self) -> None:
        """Listen no more."""
        assert self._server is not None
        self._server.close()

    async def asked_again(self, times: int) -> None:
        """Returns after so many more requests."""
        wanted = self.asked + times
        async with asyncio.timeout(60):
            while self.asked < wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()


async def watch(url: str, heard, during) -> str:
    """What it says of the server's end, if it sees one; `during` goes on beside it."""
    watching = asyncio.create_task(watch_liveness(url, "t", heard, GONE_AFTER_S))
    await during(watching)
    with pytest.raises(Unreachable) as lost:
        await asyncio.wait_for(watching, 60)
    return str(lost.value)


def test_who_answers_is_there_and_who_is_silent_is_gone():
    """Whatever the answer: 404 is one. Once nothing listens there any more, it is over."""

    async def scene() -> str:
        async with Answering.server() as server:

            async def during(watching):
                await server.asked_again(8)  # in 6 s: twice the silence that it takes
                assert not watching.done()
                server.stop()

            return await watch(server.url, lambda: 0, during)

    assert "nothing has come from it for 3 s" in asyncio.run(scene())


def test_messages_are_a_sign_of_life():
    """A server that is too busy for requests, but whose messages come, is there."""
    numbers, is_sending = count(), [True]
    last = [0]

    def heard() -> int:
        if is_sending[0]:
            last[0] = next(numbers)
        return last[0]

    async def during(watching):
        async with asyncio.timeout(60):
            while last[0] < 8:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert not watching.done()
        is_sending[0] = False

    assert "can't reach the server" in asyncio.run(watch("http://127.0.0.1:9", heard, during))
