"""A server of the protocol that shares nothing with rtdash: plain Starlette, everything in memory.
It is honest; `Behaviour` is where a test makes it wrong.
"""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import date, timedelta
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.loadtest.independent_behaviour import Behaviour, Client
from tests.loadtest.independent_rights import rights_of, user_of
from tests.loadtest.independent_store import CHANNELS, VENUES, IndependentStore, now_text

Json = dict[str, Any]
LIMIT = 50


class IndependentServer:
    """Routes and connections."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.store = IndependentStore(behaviour, self.publish)
        self.clients: set[Client] = set()
        self.sessions: dict[str, set[tuple[str, str]]] = {}
        self.owners: dict[str, str | None] = {}
        """The user of each session."""
        self._ended: dict[str, float] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._count = 0
        venues = VENUES if behaviour.has_venues else []
        self.app = Starlette(
            routes=[
                Route("/healthz", lambda _: PlainTextResponse("ok")),
                Route("/metrics", self.metrics),
                Route(
                    "/api/user/profile",
                    lambda _: JSONResponse({"id": "u", "scopes": [], "venues": venues}),
                ),
                Route("/api/hotel/room-types", self.room_types),
                Route("/api/hotel/rooms/availability", self.availability),
                Route("/api/operations", self.operations, methods=["POST"]),
                Route("/api/channels/{channel}/events", self.events),
                Route("/api/dashboard/stats", self.stats),
                Route("/api/dashboard/reservations/today", self.today),
                Route("/api/hotel/bookings", self.reservations),
                Route("/api/restaurant/reservations", self.reservations),
                Route("/api/hotel/bookings/{id}", self.reservation),
                Route("/api/restaurant/reservations/{id}", self.reservation),
                WebSocketRoute("/ws", self.socket),
            ]
        )

    def publish(self, venue: str, channel: str, message: Json) -> None:
        """Queue a message to all that follow its stream."""
        delay_s = self.behaviour.publish_delay_s(message)
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self._queue, venue, channel, message)
        else:
            self._queue(venue, channel, message)

    def _queue(self, venue: str, channel: str, message: Json) -> None:
        for client in list(self.clients):
            if self.behaviour.follows(client.streams, venue, channel):
                if client.queue.qsize() < self.behaviour.most_waiting:
                    for _ in range(self.behaviour.copies(client.asked[venue, channel])):
                        client.queue.put_nowait(message)
                else:
                    self._drop(client)

    def _drop(self, client: Client) -> None:
        """Close a slow consumer; what was written before comes first."""
        self.clients.discard(client)
        if client.sending is not None:
            client.sending.cancel()
        self._closing.add(closing := asyncio.create_task(_close(client.socket)))
        closing.add_done_callback(self._closing.discard)
        self.behaviour.dropped(self, client)

    async def metrics(self, _: Request) -> PlainTextResponse:
        """As Prometheus reads them."""
        lines = (
            f"rtdash_connections {len(self.clients)}",
            f"process_resident_memory_bytes {self.behaviour.memory_bytes}",
            f"process_cpu_seconds_total {self.behaviour.cpu_s}",
            f"process_open_fds {self.behaviour.open_files}",
            f"rtdash_sessions {self.behaviour.session_rows(self._count_sessions())}",
        )
        return PlainTextResponse("\n".join(lines) + "\n")

    def _count_sessions(self) -> int:
        """Count sessions with a connection, or that have lost it less than their time ago."""
        since = time.monotonic() - self.behaviour.session_ttl_s
        return sum(self._ended.get(one, since) >= since for one in self.sessions)

    async def room_types(self, _: Request) -> JSONResponse:
        """One type."""
        return JSONResponse({"currency": "EUR", "roomTypes": [{"id": "double", "totalRooms": 50}]})

    async def availability(self, request: Request) -> JSONResponse:
        """Of each night."""
        query, days = request.query_params, []
        night, end = (date.fromisoformat(query[one]) for one in ("startDate", "endDate"))
        while night < end:
            free = self.store.free_rooms(night.isoformat())
            types = [{"roomType": "double", "totalRooms": 50, "availableRooms": free}]
            days.append({"date": night.isoformat(), "byRoomType": types})
            night += timedelta(days=1)
        return JSONResponse({"days": days})

    async def operations(self, request: Request) -> JSONResponse:
        """A list of operations → an outcome each."""
        asked, writes = await request.json(), rights_of(request.headers, "write")
        if not all(self.behaviour.may_write(one["kind"], writes) for one in asked):
            return JSONResponse({}, status_code=403)
        known = [self.store.knows(operation) for operation in asked]
        await asyncio.sleep(self.behaviour.acknowledge_delay_s())
        outcomes = [
            self.store.apply(operation, was_known=was_known)
            for operation, was_known in zip(asked, known, strict=True)
        ]
        return JSONResponse({"outcomes": [self.behaviour.outcome(one) for one in outcomes]})

    async def events(self, request: Request) -> JSONResponse:
        """The log of a stream behind a position, or the present states."""
        query, channel = request.query_params, request.path_params["channel"]
        venue = query["venue"]
        log = self.store.logs[venue, channel]
        position = {"epoch": self.store.epoch, "seq": len(log)}
        if channel.endswith("stats"):
            states = self.store.states(venue)
            return JSONResponse({"events": states, "position": position, "recovered": True})
        after = int(query.get("after", len(log)))
        if after > len(log) or query.get("epoch", self.store.epoch) != self.store.epoch:
            return JSONResponse({"events": [], "position": position, "recovered": False})
        page = log[after : after + int(query.get("limit", LIMIT))]
        end = {"epoch": self.store.epoch, "seq": after + len(page)}
        return JSONResponse({"events": page, "position": end, "recovered": True})

    async def stats(self, request: Request) -> JSONResponse:
        """The figures of a venue."""
        return JSONResponse({"stats": self.store.figures(request.query_params["venue"])})

    async def today(self, request: Request) -> JSONResponse:
        """The reservations of the business date."""
        shown = self.store.today(request.query_params["venue"])
        return JSONResponse({"reservations": shown, "next": None})

    async def reservations(self, request: Request) -> JSONResponse:
        """By start, then id; the cursor is an offset."""
        query, kind = request.query_params, request.url.path.split("/")[2]
        if not self.behaviour.may_read(kind, rights_of(request.headers, "read")):
            return JSONResponse({}, status_code=403)
        await asyncio.sleep(self.behaviour.list_delay_s())
        if (status := self.behaviour.list_status()) != 200:
            return JSONResponse({}, status_code=status)
        shown = self.store.shown(query["venue"])
        offset, limit = int(query.get("cursor", 0)), int(query.get("limit", LIMIT))
        log = self.store.logs[query["venue"], f"{kind}_reservations"]
        page, end = self.behaviour.page(shown, offset, limit)
        return JSONResponse(
            {
                "reservations": page,
                "next": str(end) if end < len(shown) else None,
                "positions": {
                    f"{kind}_reservations": {
                        "epoch": self.store.epoch,
                        "seq": self.behaviour.list_seq(len(log)),
                    }
                },
            }
        )

    async def reservation(self, request: Request) -> JSONResponse:
        """One."""
        found = self.store.reservations.get(request.path_params["id"])
        shown = found and self.behaviour.show(found)
        if not shown:
            return JSONResponse({}, status_code=404)
        return JSONResponse(self.behaviour.show_one(shown))

    async def socket(self, socket: WebSocket) -> None:
        """One connection from its beginning to its end."""
        self._count += 1
        number = self._count
        if self.behaviour.turns_away(number):
            await socket.close()
            return
        await asyncio.sleep(self.behaviour.upgrade_delay_s())
        await socket.accept()
        client = Client(number, socket)
        client.session = self.behaviour.session(client.session)
        client.reads = rights_of(socket.headers, "read")
        client.user = user_of(socket.headers)
        self.clients.add(client)
        client.sending = sending = asyncio.create_task(self._send(client))
        try:
            while True:
                await self._act(client, json.loads(await socket.receive_text()))
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self._ended[client.session] = time.monotonic()
            self.clients.discard(client)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _act(self, client: Client, message: Json) -> None:
        await asyncio.sleep(self.behaviour.answer_delay_s(message["action"]))
        if not self.behaviour.answers(message["action"]):
            return
        match message["action"]:
            case "ping":
                client.queue.put_nowait({"status": "pong", "timestamp": now_text()})
            case "subscribe":
                kinds = {one.partition("_")[0] for one in message["channels"]}
                if not all(self.behaviour.may_read(one, client.reads) for one in kinds):
                    refusal = {"code": "forbidden", "message": "?", "action": "subscribe"}
                    client.queue.put_nowait({"status": "error", **refusal})
                    return
                venues = {one: VENUES[not one.startswith("hotel")]["id"] for one in CHANNELS}
                wanted = {(venues[one], one) for one in message["channels"]}
                client.batch_s = message.get("batch", 0) / 1000 or None
                answer = {"status": "subscribed", "venues": venues, "session": client.session}
                self._follow(client, wanted, message.get("positions") or {}, answer)
            case "unsubscribe":
                left = {stream for stream in client.streams if stream[1] in message["channels"]}
                if self.behaviour.leaves():
                    client.streams -= left
                    self.sessions[client.session] -= left
                answer = {"status": "unsubscribed", "channels": message["channels"]}
                client.queue.put_nowait(answer)
            case "resume":
                streams = self.sessions.get(message["session"])
                is_own = self.owners.get(message["session"]) == client.user
                if streams is None or (self.behaviour.binds_sessions() and not is_own):
                    code = {"code": "session_unknown", "message": "?", "action": "resume"}
                    client.queue.put_nowait({"status": "error", **code})
                    return
                client.session = message["session"]
                for venue in sorted({venue for venue, _ in streams}):
                    known = (message.get("positions") or {}).get(venue, {})
                    mine = {one for one in streams if one[0] == venue}
                    self._follow(client, mine, known, {"status": "resumed", "venue": venue})

    def _follow(
        self, client: Client, streams: set[tuple[str, str]], known: Json, answer: Json
    ) -> None:
        """Answer, what was missed, the states: no await, so that nothing comes between."""
        positions, missed, channels = {}, [], sorted(channel for _, channel in streams)
        for venue, channel in sorted(streams):
            if channel.endswith("stats"):
                missed += [one for one in self.store.states(venue) if one["channel"] == channel]
                continue
            log = self.store.logs[venue, channel]
            seq = known[channel]["seq"] if channel in known else len(log)
            positions[channel] = {"epoch": self.store.epoch, "seq": seq}
            missed += log[seq:]
        recovered = {channel: True for channel in positions if channel in known}
        venues = {channel: venue for venue, channel in streams}
        if "venues" in answer:
            answer["venues"] = venues
        body = {"channels": channels, "positions": positions, "recovered": recovered}
        client.queue.put_nowait(answer | body)
        self._replay(client, missed)
        client.streams |= streams
        client.asked.update(streams)
        self._ended.pop(client.session, None)
        self.owners.setdefault(client.session, client.user)
        self.sessions.setdefault(client.session, set()).update(streams)
        self.behaviour.opened(self, client)

    def _replay(self, client: Client, missed: list[Json]) -> None:
        delay_s, loop = self.behaviour.replay_delay_s(), asyncio.get_running_loop()
        for message in self.behaviour.replay(missed):
            if delay_s and "seq" in message:
                loop.call_later(delay_s, client.queue.put_nowait, message)
            else:
                client.queue.put_nowait(message)

    async def _send(self, client: Client) -> None:
        while True:
            message = await client.queue.get()
            if "status" in message:
                await client.socket.send_text(json.dumps(message))
                continue
            gathered = [message]
            if client.batch_s is not None:
                await asyncio.sleep(client.batch_s + self.behaviour.batch_delay_s())
                while not client.queue.empty() and "status" not in client.queue._queue[0]:
                    gathered.append(client.queue.get_nowait())
            told: list[Json] = []
            for one in gathered:
                # Asked for when its turn comes: it has waited for those before it.
                for delay_s, shown in self.behaviour.deliver(client.number, one):
                    await asyncio.sleep(delay_s)
                    told.append(shown)
                    if client.batch_s is None:
                        await client.socket.send_text(json.dumps(shown))
            if client.batch_s is not None and told:
                body = {"type": "batch", "timestamp": now_text(), "messages": []}
                body["messages"] = self.behaviour.batch(told)
                await client.socket.send_text(json.dumps(body))


async def _close(socket: WebSocket) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):  # it may have gone meanwhile
        await socket.close(4001)


@asynccontextmanager
async def independent_server(behaviour: Behaviour) -> AsyncIterator[str]:
    """The URL of one with that behaviour, while the block runs."""
    async with serving_on(IndependentServer(behaviour)) as url:
        yield url


@asynccontextmanager
async def serving_on(server: IndependentServer) -> AsyncIterator[str]:
    """Yield the server's URL while the block runs; it listens on a free port of this machine."""
    interval = server.behaviour.ping_interval_s
    config = uvicorn.Config(
        server.app,
        log_level="warning",
        ws_ping_interval=interval,
        ws_ping_timeout=interval,
        lifespan="off",
    )
    runner = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    # Connections inherit it: what a client doesn't read soon waits here, and not in the kernel.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
    running = asyncio.create_task(runner.serve(sockets=[listening]))
    try:
        while not runner.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        runner.should_exit = runner.force_exit = True
        await asyncio.wait([running], timeout=10)
        listening.close()
