"""Whole servers on real sockets, one for each lane, and clients for them."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from rtdash.domain.instants import utc_now
from rtdash.domain.reservations import Op, Operation
from rtdash.domain.venues import business_date
from rtdash.protocol.channels import Stream
from rtdash.server.app import create_app
from rtdash.server.auth.tokens import DEFAULT_SCOPES, mint
from rtdash.server.http.protocol import HttpProtocol
from rtdash.server.listener import bind
from rtdash.server.services import Services
from rtdash.server.uvicorn_config import largest_frame_bytes
from rtdash.server.ws.plain_socket import PlainSocket
from rtdash.settings import Limits, Settings

SECRET = "a secret that is long enough for HS256"
PATIENCE_S = 30.0
GRILL, HOTEL = "harbour-grill", "harbour-hotel"

LANES = ("fast", "asgi")
"""uvicorn's transport on uvloop, and plain ASGI on asyncio: the same promise."""


class Server:
    """What runs in a thread of its own, and tokens for it."""

    def __init__(
        self, services: Services, loop: asyncio.AbstractEventLoop, port: int, sockets: set[Any]
    ) -> None:
        self.services = services
        self.loop = loop
        self.port = port
        self.sockets = sockets
        """The asyncio protocols of its connections, as uvicorn keeps them."""
        self._booked = 0

    def token(
        self,
        user: str = "ann",
        *,
        scopes: tuple[str, ...] = DEFAULT_SCOPES,
        venues: tuple[str, ...] = ("*",),
        ttl_s: float = 3600,
    ) -> str:
        """A token of the server's own."""
        return mint(SECRET, user=user, scopes=scopes, venues=venues, ttl=timedelta(seconds=ttl_s))

    def url(self, **query: str) -> str:
        """The endpoint."""
        return f"ws://127.0.0.1:{self.port}/ws" + (f"?{urlencode(query)}" if query else "")

    @asynccontextmanager
    async def client(
        self, *, token: str | None = None, session: str | None = None, **options: Any
    ) -> AsyncIterator["Client"]:
        """A client that is let in, or at least accepted."""
        query = {"token": token or self.token()} | ({"session": session} if session else {})
        async with connect(self.url(**query), proxy=None, **options) as websocket:
            yield Client(websocket)

    async def call(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Run something on the server's own loop."""

        async def wrapped() -> Any:
            return await work()

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(wrapped(), self.loop))

    async def book(
        self, number: int = 1, *, venue: str = GRILL, guests: int = 2, name: str = "Ann Guest"
    ) -> list[Any]:
        """Bookings that never lack room, in one transaction; the seqs of their events."""
        start = utc_now() + timedelta(days=3)
        operations = [
            Operation(
                f"op-{self._booked + index}",
                Op.BOOK,
                venue,
                customer_name=name,
                guests=guests,
                source="phone",
                start=start,
                amount_minor=0,
                paid_minor=0,
            )
            for index in range(number)
        ]
        self._booked += number
        outcomes = await self.call(lambda: self.services.bookings.apply(operations))
        assert all(outcome.seq for outcome in outcomes), outcomes
        return [outcome.seq for outcome in outcomes]

    async def arrive_today(self) -> None:
        """Book a room of the hotel for tonight, by its business date."""
        venue = self.services.venues[HOTEL]
        tonight = business_date(venue, utc_now())
        operation = Operation(
            f"op-{self._booked}",
            Op.BOOK,
            HOTEL,
            customer_name="Bob Guest",
            guests=1,
            source="phone",
            room_type=venue.room_types[0].id,
            check_in=tonight,
            check_out=tonight + timedelta(days=1),
            amount_minor=0,
            paid_minor=0,
        )
        self._booked += 1
        outcomes = await self.call(lambda: self.services.bookings.apply([operation]))
        assert outcomes[0].seq, outcomes

    async def publish_state(self, stream: Stream, kind: str, body: bytes) -> None:
        """A state message, flushed."""

        async def publish() -> None:
            self.services.hub.publish_state(stream, kind, body)
            self.services.hub.flush_now()

        await self.call(publish)

    def skip_numbers(self, number: int) -> None:
        """Begin the operation ids of `book` behind those of an earlier server on the same data."""
        self._booked += number

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for a state inside the server of which nothing on the socket shows."""
        async with asyncio.timeout(PATIENCE_S):
            # the server has no event for it, and should have none for tests
            while not is_so():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def refusals(self, limit: str) -> float:
        """How often a limit has refused, as the metrics count it."""
        return (
            self.services.metrics.registry.get_sample_value(
                "rtdash_limit_refusals_total", {"limit": limit}
            )
            or 0.0
        )

    async def settle(self) -> None:
        """What was committed has been handed to the connections."""

        async def flush() -> None:
            self.services.hub.flush_now()

        await self.call(flush)


class Client:
    """A WebSocket client that speaks JSON."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket

    async def send(self, message: Any) -> None:
        """A message, or text or bytes as they are."""
        await self.websocket.send(
            message if isinstance(message, str | bytes) else json.dumps(message)
        )

    async def receive(self) -> dict[str, Any]:
        """The next message."""
        body: dict[str, Any] = json.loads(await asyncio.wait_for(self.websocket.recv(), PATIENCE_S))
        return body

    async def ask(self, **message: Any) -> dict[str, Any]:
        """Send and give the answer, whatever comes before it."""
        await self.send(message)
        return await self.until(lambda body: "status" in body)

    async def subscribe(self, *channels: str, **fields: Any) -> dict[str, Any]:
        """Subscribe and give the answer."""
        answer = await self.ask(action="subscribe", channels=list(channels), **fields)
        assert answer["status"] == "subscribed", answer
        return answer

    async def until(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next message that is it."""
        while not is_it(body := await self.receive()):
            pass
        return body

    async def events(self, number: int) -> list[int]:
        """The seqs of the next so many events."""
        return [(await self.until(lambda body: "seq" in body))["seq"] for _ in range(number)]

    async def farewell(self) -> tuple[dict[str, Any] | None, int | None]:
        """Read to the end: the `disconnect` message and the code of the close."""
        said = None
        with suppress(ConnectionClosed):
            while True:
                body = await self.receive()
                said = body if body.get("type") == "disconnect" else said
        return said, self.websocket.close_code


@contextmanager
def serving(
    data: Path,
    lane: str,
    *,
    uvloop: bool | None = None,
    settings: Mapping[str, Any] | None = None,
    tls: tuple[Path, Path] | None = None,
    **limits: Any,
) -> Iterator[Server]:
    """A server with these limits on a free port, ended behind the block."""
    chosen = Settings(
        data=data, secret=SECRET, lane=lane, limits=Limits(**limits), **(settings or {})
    )
    app = create_app(chosen)
    server = _Announcing(
        _config(app, chosen, uvloop=lane == "fast" if uvloop is None else uvloop, tls=tls)
    )
    listener = bind(
        "127.0.0.1", 0
    )  # as `rtdash serve` does: what it sets on the socket is inherited by the connections
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        assert server.is_up.wait(30), "the server did not start"
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Server(app.state.services, server.loop, port, server.server_state.connections)
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
        assert not thread.is_alive(), "the server did not end"


def _config(
    app: FastAPI, settings: Settings, *, uvloop: bool, tls: tuple[Path, Path] | None
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        port=0,
        http=HttpProtocol,
        ws=PlainSocket,
        loop="uvloop" if uvloop else "asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        ws_ping_interval=None,
        proxy_headers=False,
        ws_per_message_deflate=False,
        ws_max_size=largest_frame_bytes(settings),
        timeout_graceful_shutdown=2,
        ssl_certfile=tls and tls[0],
        ssl_keyfile=tls and tls[1],
    )


class _Announcing(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()
        self.loop: asyncio.AbstractEventLoop

    async def startup(self, sockets: Any = None) -> None:
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.is_up.set()


@pytest.fixture(scope="module", params=LANES)
def edge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server with the default limits, shared by a module's tests, on each lane."""
    with serving(tmp_path_factory.mktemp(request.param), request.param) as server:
        yield server


@pytest.fixture(params=LANES)
def lane(request: pytest.FixtureRequest) -> str:
    """Each lane, for a test that starts a server of its own."""
    chosen: str = request.param
    return chosen


@pytest.fixture
def anyio_backend() -> str:
    """The clients' loop."""
    return "asyncio"
