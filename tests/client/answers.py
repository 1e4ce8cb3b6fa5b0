"""A server that gives the answers that a test lists, one after the other, and a REST client of
it.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from rtdash.client.api import Api

DROP = None
"""Instead of an answer: the connection breaks."""


@dataclass
class Answers:
    """What the server says, one after the other (the last again and again), and what it heard."""

    answers: list[tuple[int, object, dict[str, str]] | None]
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection in turn."""
        self.connections += 1
        try:
            while line := await reader.readline():
                headers = {}
                while (header := await reader.readline()) != b"\r\n":
                    name, _, value = header.decode().partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.requests.append((line.decode().rsplit(" ", 1)[0], headers, body))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if answer is DROP:
                    return
                status, content, more = answer
                raw = content if isinstance(content, bytes) else json.dumps(content).encode()
                lines = [
                    f"HTTP/1.1 {status} X",
                    f"Content-Length: {len(raw)}",
                    *(f"{name}: {value}" for name, value in more.items()),
                ]
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + raw)
                await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def answering(
    *answers: tuple[int, object, dict[str, str]] | None, token="t", **options
) -> AsyncIterator[tuple[Api, Answers]]:
    """A server with these answers, and the client of it."""
    told = Answers(list(answers))
    server = await asyncio.start_server(told.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        server,
        Api(f"http://127.0.0.1:{port}", token, rng=random.Random(1), **options) as api,
    ):
        yield api, told
