"""Requests beyond a token's rights, beside the load: each must be refused, the session of another
user among them, and nothing that the token doesn't allow may arrive, nor anything of a channel that
was left.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from rtdash.client.addresses import is_this_machine, rest_url, socket_url
from rtdash.loadtest.generator.rights import KINDS, TokenRights
from rtdash.loadtest.generator.run_config import TargetVenue
from rtdash.loadtest.verdict.rights_findings import RightsFindings
from rtdash.protocol.channels import Channel

_EVERY_S = 1.0
_ANSWER_S = 15.0
_ANSWERS = frozenset({"subscribed", "unsubscribed", "resumed", "error"})
_LISTS = {"hotel": "/api/hotel/bookings", "restaurant": "/api/restaurant/reservations"}
_DENIED = frozenset({401, 403})
_TAKEN = range(200, 300)


class RightsProbe:
    """Client with a token of fewer rights: it follows what it may, leaves it in every second round,
    and asks for what it may not. `other_token` is of another user: it asks for a session of that
    one once.

    `connections` counts those that it has opened, each of which may have made a session.
    """

    def __init__(
        self,
        url: str,
        token: str,
        rights: TokenRights,
        venues: Sequence[TargetVenue],
        findings: RightsFindings,
        *,
        other_token: str | None = None,
    ) -> None:
        self.connections = 0
        self._other_token = other_token
        self._url = url
        self._token = token
        self._rights = rights
        self._venues = {venue.kind: venue for venue in venues}
        self._findings = findings
        self._left: frozenset[Channel] = frozenset()
        """Channels that it has left, as the server has confirmed."""
        self._name = "a token without " + ", ".join(
            [f"{kind}:read" for kind in KINDS if kind not in rights.reads]
            or [f"{kind}:write" for kind in KINDS if kind not in rights.writes]
        )

    async def run(self) -> None:
        """Ask again each second, until cancelled."""
        headers = _authorization(self._token)
        async with httpx2.AsyncClient(
            base_url=rest_url(self._url), headers=headers, trust_env=False, timeout=_ANSWER_S
        ) as client:
            while True:
                # What fails for another reason than rights is no matter of this probe.
                with suppress(OSError, TimeoutError, InvalidHandshake, ConnectionClosed):
                    await self._follow(client)
                await asyncio.sleep(_EVERY_S)

    @asynccontextmanager
    async def _connected(self, token: str) -> AsyncIterator[ClientConnection]:
        async with connect(
            socket_url(self._url),
            additional_headers=_authorization(token),
            proxy=None if is_this_machine(self._url) else True,
            ping_interval=None,
            close_timeout=1,
        ) as socket:
            self.connections += 1
            yield socket

    async def _follow(self, client: httpx2.AsyncClient) -> None:
        if self._other_token is not None:
            await self._resume_session_of(self._other_token)
        async with self._connected(self._token) as socket:
            self._left = frozenset()
            allowed = [one for one in Channel if self._may_follow(one)]
            if allowed:
                await self._ask(socket, "subscribe", channels=allowed)
            while True:
                await self._turn(socket, allowed)
                for channel in Channel:
                    if channel.kind in self._venues and not self._may_follow(channel):
                        answer = await self._ask(socket, "subscribe", channels=[channel])
                        self._judge_answer(channel, answer)
                await self._ask_by_rest(client)
                await self._read_for(socket, _EVERY_S)

    def _may_follow(self, channel: Channel) -> bool:
        return channel.kind in self._rights.reads and channel.kind in self._venues

    async def _turn(self, socket: ClientConnection, allowed: Sequence[Channel]) -> None:
        """Leave what it follows, or follow again what it has left."""
        if self._left:
            self._left = frozenset()
            await self._ask(socket, "subscribe", channels=list(allowed))
        elif allowed:
            answer = await self._ask(socket, "unsubscribe", channels=list(allowed))
            if answer["status"] == "unsubscribed":
                self._left = frozenset(allowed)

    async def _resume_session_of(self, other_token: str) -> None:
        """Ask for the session that the other user has just left."""
        channels = [one for one in Channel if one.kind in self._venues]
        async with self._connected(other_token) as socket:
            await socket.send(json.dumps({"action": "subscribe", "channels": channels}))
            async with asyncio.timeout(_ANSWER_S):
                answer = json.loads(await socket.recv())
        self._other_token = None
        session = answer.get("session") if isinstance(answer, dict) else None
        if session is None:
            return
        async with self._connected(self._token) as socket:
            answer = await self._ask(socket, "resume", session=session)
        if answer["status"] == "resumed":
            self._findings.violate(f"{self._name} was given the session of another user")

    async def _ask(self, socket: ClientConnection, action: str, **fields: Any) -> dict[str, Any]:
        """Return the answer; what arrives before it is judged."""
        asked = {"action": action, "id": uuid.uuid4().hex, **fields}
        await socket.send(json.dumps(asked))
        async with asyncio.timeout(_ANSWER_S):
            while True:
                message = self._take(await socket.recv())
                if message.get("status") in _ANSWERS:
                    return message

    async def _read_for(self, socket: ClientConnection, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    self._take(await socket.recv())

    def _take(self, payload: str | bytes) -> dict[str, Any]:
        message = json.loads(payload)
        if not isinstance(message, dict):
            return {}
        channel = message.get("channel")
        if channel in set(Channel) and not self._may_follow(Channel(channel)):
            self._findings.violate(f"{self._name} received {message.get('type')} of {channel}")
        elif channel in self._left:
            self._findings.hear_unasked(
                f"a client that had unsubscribed from {channel} received {message.get('type')} of it"
            )
        return message

    def _judge_answer(self, channel: Channel, answer: Any) -> None:
        if answer["status"] == "subscribed":
            self._findings.violate(f"{self._name} was subscribed to {channel}")
        elif answer.get("code") == "forbidden":
            self._findings.refused += 1

    async def _ask_by_rest(self, client: httpx2.AsyncClient) -> None:
        for kind, venue in self._venues.items():
            with suppress(httpx2.HTTPError):
                if kind not in self._rights.reads:
                    path = _LISTS[kind]
                    answer = await client.get(path, params={"venue": venue.id})
                    self._judge_status(f"GET {path}", answer.status_code)
                if kind not in self._rights.writes:
                    # Names no reservation, so that a server that lets it through changes nothing.
                    operation = {
                        "operationId": f"rights-{uuid.uuid4().hex}", "op": "cancel", "kind": kind,
                        "venue": venue.id, "reservationId": "no-such-reservation",
                    }  # fmt: skip
                    answer = await client.post("/api/operations", json=[operation])
                    self._judge_status("POST /api/operations", answer.status_code)

    def _judge_status(self, request: str, status: int) -> None:
        if status in _DENIED:
            self._findings.refused += 1
        elif status in _TAKEN:
            self._findings.violate(f"{self._name}: {request} was answered with {status}")


def _authorization(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
