"""A WebSocket and HTTP server that does exactly what a test says, connection by connection."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

VENUES = {"hotel": "harbour-hotel", "restaurant": "harbour-grill"}
EPOCH = "e1"


class Peer:
    """One connection, seen from the server."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.headers = socket.request.headers

    async def hear(self, action: str) -> dict[str, Any]:
        """The next request of that action; pings before it are left unanswered."""
        while True:
            request = json.loads(await self.socket.recv())
            if request["action"] == action:
                return request
            assert request["action"] == "ping", request

    async def say(self, *messages: dict[str, Any]) -> None:
        """Send them, each in a frame of its own."""
        for message in messages:
            await self.socket.send(json.dumps(message, separators=(",", ":")))

    async def subscribed(self, seq: int = 0, *, recovered: bool | None = None) -> dict[str, Any]:
        """Answer the next subscribe or resume as a server with `seq` events in each stream does;
        returns the request.
        """
        while True:
            request = json.loads(await self.socket.recv())
            if request["action"] == "subscribe":
                await self.say(
                    {
                        "status": "subscribed",
                        **_covers(request["channels"], request.get("venue"), seq, recovered),
                    }
                )
                return request
            if request["action"] == "resume":
                for venue, positions in request["positions"].items():
                    await self.say(
                        {
                            "status": "resumed",
                            "venue": venue,
                            **_covers(list(positions), venue, seq, recovered),
                        }
                    )
                return request

    async def stay(self) -> None:
        """Until the client goes."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.socket.recv()


def _covers(
    channels: list[str], venue: str | None, seq: int, recovered: bool | None
) -> dict[str, Any]:
    events = [channel for channel in channels if not channel.endswith("_stats")]
    return {
        "channels": channels,
        "venues": {channel: venue or VENUES[channel.partition("_")[0]] for channel in channels},
        "session": "s1",
        "positions": {channel: {"epoch": EPOCH, "seq": seq} for channel in events},
        "recovered": {} if recovered is None else dict.fromkeys(events, recovered),
    }


Script = Callable[[Peer], Awaitable[None]]
Answer = tuple[int, dict[str, str], Any]


class Scripted:
    """Plays a script a connection, the last one again and again; `answers` are for plain HTTP, by
    path, and for `/ws` while it lasts.
    """

    def __init__(self) -> None:
        self.scripts: list[Script] = []
        self.answers: dict[str, Callable[[dict[str, str]], Answer]] = {}
        self.refusals: list[Answer] = []
        self.requests: list[str] = []
        self.tokens: list[str] = []
        self.failures: list[BaseException] = []
        self.url = ""

    async def play(self, socket: ServerConnection) -> None:
        """A connection stands: it is the next script's."""
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        try:
            await script(Peer(socket))
        except ConnectionClosed:
            pass
        except BaseException as failure:
            self.failures.append(failure)
            raise

    def answer(self, socket: ServerConnection, request: Request) -> Response | None:
        """The HTTP answer to a request; None lets a WebSocket in."""
        services = urlsplit(request.path)
        self.requests.append(request.path)
        self.tokens.append(request.headers.get("Authorization", ""))
        if services.path == "/ws":
            return _response(*self.refusals.pop(0)) if self.refusals else None
        told = self.answers.get(services.path)
        query = {name: values[0] for name, values in parse_qs(services.query).items()}
        return _response(*(told(query) if told else (404, {}, {"title": "not there"})))


def _response(status: int, headers: dict[str, str], body: Any) -> Response:
    content = json.dumps(body).encode()
    head = Headers(
        {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            "Connection": "close",
            **headers,
        }
    )
    return Response(status, HTTPStatus(status).phrase, head, content)


@contextlib.asynccontextmanager
async def scripted_server() -> AsyncIterator[Scripted]:
    """Listen on a port of its own; put scripts in before connecting."""
    scripted = Scripted()
    async with serve(
        scripted.play,
        "127.0.0.1",
        0,
        process_request=scripted.answer,
        ping_interval=None,
        close_timeout=0.5,
    ) as listening:
        scripted.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield scripted
    assert not scripted.failures


def reservation_event(
    seq: int,
    channel: str = "hotel_reservations",
    *,
    timestamp: str = "2026-01-02T03:04:05.678Z",
) -> dict[str, Any]:
    """Return the message of event `seq`."""
    return {
        "type": "new_reservation",
        "timestamp": timestamp,
        "reservation": {"id": f"r{seq}"},
        "channel": channel,
        "venue": VENUES[channel.partition("_")[0]],
        "seq": seq,
        "operationId": f"o{seq}",
    }
