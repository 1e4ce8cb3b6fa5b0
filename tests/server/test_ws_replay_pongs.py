"""Pongs of the fast lane confirm a replay as far as it was handed over before their pings."""

import asyncio
import json
from pathlib import Path

import pytest
from websockets.frames import Opcode

from tests.server.raw_client import RawClient
from tests.server.sockets import anyio_backend, serving

__all__ = ["anyio_backend"]
pytestmark = pytest.mark.anyio


async def test_a_pong_confirms_a_replay_only_as_far_as_it_was(tmp_path: Path) -> None:
    """While history is being sent, a pong confirms what was handed over before its ping: not less,
    and never what comes after.
    """
    with serving(
        tmp_path, "fast", ping_interval_s=0.2, pong_timeout_s=30, messages_per_second=0
    ) as server:
        epoch = server.services.relay.epoch
        for _ in range(10):
            await server.book(100, name="x" * 4000)
        async with RawClient.connect(
            server.url(token=server.token()), receive_buffer=4096
        ) as client:
            start = {"restaurant_reservations": {"epoch": epoch, "seq": 0}}
            client.say(action="subscribe", channels=["restaurant_reservations"], positions=start)
            session = (await client.message())["session"]
            seen = 0
            answered: list[int] = []
            while len(answered) < 3 or not answered[-1]:
                frame = await client.any_frame()
                if frame.opcode is Opcode.TEXT:
                    seen = json.loads(bytes(frame.data)).get("seq", seen)
                    await asyncio.sleep(0.002)
                elif frame.opcode is Opcode.PING:
                    client.pong(frame)
                    answered.append(seen)
            assert answered[-1] < 1000
            holder = server.services.connection_manager.sessions.holder(session)
            assert holder is not None
            await server.until(
                lambda: any(
                    position.seq for position in holder.action_handler.session.confirmed.values()
                )
            )
        async with server.client(session=session) as back:
            since = (await back.receive())["positions"]["restaurant_reservations"]["seq"]
            assert 0 < since <= answered[-1]
            assert await back.events(1000 - since) == list(range(since + 1, 1001))


async def test_a_late_pong_says_nothing_about_what_was_joined_since(tmp_path: Path) -> None:
    """A ping from before the subscribe, answered after it, confirms nothing of the stream."""
    with serving(tmp_path, "fast", ping_interval_s=0.4, pong_timeout_s=20) as server:
        epoch = server.services.relay.epoch
        async with (
            server.client() as other,
            RawClient.connect(server.url(token=server.token())) as client,
        ):
            await other.subscribe("restaurant_reservations")
            await server.book(3)
            ping = await client.frame(Opcode.PING)
            start = {"restaurant_reservations": {"epoch": epoch, "seq": 0}}
            client.say(action="subscribe", channels=["restaurant_reservations"], positions=start)
            session = (await client.message())["session"]
            client.pong(ping)
            client.say(action="ping", id="behind it")
            while (await client.message()).get("id") != "behind it":
                pass
        async with server.client(session=session) as back:
            assert await back.events(3) == [1, 2, 3]
