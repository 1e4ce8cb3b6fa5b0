"""A whole server on a real socket, in this event loop, and clients for it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from rtdash.domain.instants import utc_now
from rtdash.domain.reservations import Op, Operation
from rtdash.server.app import create_app
from rtdash.server.auth import DEFAULT_SCOPES, mint
from rtdash.server.fastlane import FastLane
from rtdash.server.parts import Parts
from rtdash.settings import Limits, Settings

BOTH_LANES = pytest.mark.parametrize(
    ("lane", "anyio_backend"),
    [("fast", ("asyncio", {"use_uvloop": True})), ("asgi", ("asyncio", {"use_uvloop": False}))],
    ids=["fast", "asgi"],
)
"""The same promise on uvicorn's transport and on plain ASGI."""

FAST_LANE = pytest.mark.parametrize(
    ("lane", "anyio_backend"),
    [("fast", ("asyncio", {"use_uvloop": True})), ("fast", ("asyncio", {"use_uvloop": False}))],
    ids=["uvloop", "asyncio"],
)
"""What plain ASGI doesn't offer: pings, write buffers, extensions. On both event loops, whose transports differ."""

SECRET = "a secret that is long enough for HS256"
PATIENCE_S = 10.0


class Server:
    """What runs, and tokens for it."""

    def __init__(self, parts: Parts, port: int) -> None:
        self.parts = parts
        self.port = port

    def token(
        self, user: str = "ann", *, scopes: tuple[str, ...] = DEFAULT_SCOPES, venues: tuple[str, ...] = ("*",), ttl_s: float = 3600
    ) -> str:
        return mint(SECRET, user=user, scopes=scopes, venues=venues, ttl=timedelta(seconds=ttl_s))

    def url(self, **query: str) -> str:
        return f"ws://127.0.0.1:{self.port}/ws" + (f"?{urlencode(query)}" if query else "")

    @asynccontextmanager
    async def client(self, *, token: str | None = None, session: str | None = None, **options: Any) -> AsyncIterator["Client"]:
        query = {"token": token or self.token()} | ({"session": session} if session else {})
        async with connect(self.url(**query), proxy=None, **options) as websocket:
            yield Client(websocket)

    async def book(self, number: int = 1, *, venue: str = "harbour-grill", first: int = 0) -> list[Any]:
        """Restaurant bookings, which never lack room, each with its id from its number; they start now."""
        start = utc_now() + timedelta(hours=2)
        operations = [
            Operation(
                f"op-{first + index}",
                Op.BOOK,
                venue,
                customer_name=f"Guest {first + index}",
                guests=2,
                source="phone",
                start=start,
                amount_minor=0,
                paid_minor=0,
            )
            for index in range(number)
        ]
        return await self.parts.bookings.apply(operations)


class Client:
    """A WebSocket client that speaks JSON."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket

    async def send(self, message: Any) -> None:
        await self.websocket.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(await asyncio.wait_for(self.websocket.recv(), PATIENCE_S))
        return body

    async def ask(self, **message: Any) -> dict[str, Any]:
        """Send and give the answer, whatever comes before it."""
        await self.send(message)
        return await self.until(lambda body: "status" in body)

    async def until(self, is_it: Any) -> dict[str, Any]:
        while not is_it(body := await self.receive()):
            pass
        return body

    async def closed(self) -> int | None:
        """Read to the end; the code of the close."""
        await asyncio.wait_for(self.websocket.wait_closed(), PATIENCE_S)
        return self.websocket.close_code


@asynccontextmanager
async def serve(data: Path, lane: str, *, allowed_origins: str = "", **limits: Any) -> AsyncIterator[Server]:
    """A server with these limits on a free port."""
    settings = Settings(data=data, secret=SECRET, lane=lane, allowed_origins=allowed_origins, limits=Limits(**limits))
    app = create_app(settings, clock=utc_now)
    ws: Any = FastLane if lane == "fast" else "websockets-sansio"
    config = uvicorn.Config(
        app, ws=ws, lifespan="on", log_config=None, access_log=False, ws_ping_interval=None, ws_per_message_deflate=False,
        ws_max_size=settings.limits.message_limit_bytes or 2**31, timeout_graceful_shutdown=2,
    )  # fmt: skip
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            await asyncio.sleep(0.01)
            if task.done():
                task.result()
        yield Server(app.state.parts, listener.getsockname()[1])
    finally:
        server.should_exit = True
        await task
        listener.close()
