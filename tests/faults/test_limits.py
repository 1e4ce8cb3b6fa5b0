"""Limits: how they refill, what a dry run lets pass, and what the metrics say of each. Over real
sockets, on both lanes.
"""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Opcode

from rtdash.protocol.channels import Channel, Stream
from rtdash.settings import Limits
from rtdash.store import event_log
from tests.server.raw_client import RawClient
from tests.server.sockets import GRILL, anyio_backend, lane, serving

__all__ = ["anyio_backend", "lane"]

pytestmark = pytest.mark.anyio

LONG_NAME = "x" * 8000


async def test_messages_refill_at_the_rate_that_was_set(tmp_path: Path, lane: str) -> None:
    """A client that waits as long as it was asked to is served again, each time: 20 a second, not
    one.
    """
    with serving(tmp_path, lane, messages_per_second=20, messages_burst=1) as server:
        async with server.client() as client:
            served = 0
            for _ in range(8):
                assert (await client.ask(action="ping"))["status"] == "pong"
                served += 1
                refused = await client.ask(action="ping")
                if refused["status"] == "error":
                    assert refused["code"] == "rate_limited"
                    assert 0 < refused["retryAfterMs"] <= 50
                    await asyncio.sleep(refused["retryAfterMs"] / 1000)
                else:  # the answer took so long that the place was free again
                    await asyncio.sleep(0.05)
            assert served == 8


async def test_a_flood_gets_what_the_rate_gives(tmp_path: Path, lane: str) -> None:
    """However fast it comes, no more than burst + rate x time is served; the time is measured
    around it, so it can only be too long.
    """
    with serving(tmp_path, lane, messages_per_second=10, messages_burst=5) as server:
        async with server.client() as client:
            loop = asyncio.get_running_loop()
            began = loop.time()
            answers = []
            for number in range(15):
                await client.send({"action": "ping", "id": number})
                answers.append(await client.until(lambda body: "status" in body))
            served = sum(answer["status"] == "pong" for answer in answers)
            assert 5 <= served <= 5 + 10 * (loop.time() - began) + 1
            assert server.refusals("messages_per_second") == 15 - served


async def test_requests_refill_at_the_rate_that_was_set(tmp_path: Path) -> None:
    """Four a second: behind a 429, a quarter of a second later there is one again."""
    with serving(tmp_path, "fast", requests_per_second=4, requests_burst=1) as server:
        headers = {"Authorization": f"Bearer {server.token()}"}
        base = f"http://127.0.0.1:{server.port}"
        async with httpx2.AsyncClient(base_url=base, headers=headers, trust_env=False) as client:
            statuses = []
            for _ in range(6):
                statuses.append(
                    [(await client.get("/api/user/profile")).status_code for _ in range(4)]
                )
                await asyncio.sleep(0.26)
        assert [burst[0] for burst in statuses] == [200] * 6
        assert any(429 in burst for burst in statuses)
        assert server.refusals("requests_per_second") == sum(burst.count(429) for burst in statuses)


async def test_handshakes_refill_at_the_rate_that_was_set(tmp_path: Path, lane: str) -> None:
    """600 a minute are ten a second: behind a 503, a tenth of a second later the next one comes
    in.
    """
    with serving(tmp_path, lane, handshakes_per_minute=600, handshakes_burst=1) as server:
        refused = 0
        for _ in range(4):
            for _ in range(2):
                with suppress(InvalidStatus):
                    async with server.client():
                        continue
                refused += 1
            await asyncio.sleep(0.11)
            async with server.client():
                pass
            await asyncio.sleep(0.11)
        assert server.refusals("handshakes_per_minute") == refused


async def test_what_is_too_big_is_counted_and_told(tmp_path: Path, lane: str) -> None:
    """A message above the limit: `disconnect` with 1009, don't come back with the same, and the
    metric says so.
    """
    with serving(tmp_path, lane, message_limit_bytes=1000) as server:
        async with server.client() as client:
            await client.send("x" * 1001)
            said, code = await client.farewell()
        assert (code, said and said["code"], said and said["reconnect"]) == (1009, 1009, False)
        assert server.refusals("message_limit_bytes") == 1


async def test_what_is_far_too_big_is_never_taken_in(tmp_path: Path, lane: str) -> None:
    """A frame that only claims to be huge is refused by its head, before any of it is waited
    for.
    """
    with serving(tmp_path, lane, message_limit_bytes=1000) as server:
        async with RawClient.connect(server.url(token=server.token())) as client:
            client.writer.write(b"\x81\xff" + (2**40).to_bytes(8, "big") + bytes(4))
            await client.end()
            assert client.protocol.close_rcvd is not None
            assert client.protocol.close_rcvd.code == 1009


async def test_a_dry_run_takes_messages_of_any_size(tmp_path: Path, lane: str) -> None:
    """What would be too big is read all the same, and counted."""
    with serving(tmp_path, lane, message_limit_bytes=100, limits_dry_run=True) as server:
        async with server.client() as client:
            assert (await client.ask(action="ping", filler="x" * 5000))["status"] == "pong"
        assert server.refusals("message_limit_bytes") == 1


async def test_a_dry_run_drops_no_slow_reader(tmp_path: Path, lane: str) -> None:
    """What would be too much unread is kept, in order and whole, and counted."""
    with serving(tmp_path, lane, buffer_limit_bytes=10_000, limits_dry_run=True) as server:
        async with RawClient.connect(server.url(token=server.token()), receive_buffer=4096) as slow:
            slow.say(action="subscribe", channels=["restaurant_reservations"])
            await slow.message()
            numbers = []
            for _ in range(40):
                numbers += await server.book(10, name=LONG_NAME)
            await server.settle()
            assert [(await slow.message())["seq"] for _ in numbers] == numbers
        assert server.refusals("buffer_limit_bytes") >= 1


async def test_a_slow_reader_is_counted_by_limit_and_by_code(tmp_path: Path, lane: str) -> None:
    """An eviction is one refusal of the buffer's limit, and one closing with 4001."""
    with serving(tmp_path, lane, buffer_limit_bytes=10_000) as server:
        async with RawClient.connect(server.url(token=server.token()), receive_buffer=4096) as slow:
            slow.say(action="subscribe", channels=["restaurant_reservations"])
            await slow.message()
            evictions = 0.0
            for _ in range(60):
                await server.book(20, name=LONG_NAME)
                await server.settle()
                evictions = (
                    server.services.metrics.registry.get_sample_value(
                        "rtdash_evictions_total", {"code": "4001"}
                    )
                    or 0.0
                )
                if evictions:
                    break
            assert (evictions, server.refusals("buffer_limit_bytes")) == (1, 1)


async def test_zero_is_no_limit(tmp_path: Path, lane: str) -> None:
    """With every limit at 0 a crowd of connections of one user says what it likes, at any length
    and rate.
    """
    none = {name: 0 for name, field in Limits.model_fields.items() if name in LIMITS_WITHOUT_BOUND}
    assert len(none) == len(LIMITS_WITHOUT_BOUND)
    with serving(tmp_path, lane, **none) as server:
        clients = [
            await connect(server.url(token=server.token()), proxy=None, max_size=None)
            for _ in range(15)
        ]
        for client in clients:
            for _ in range(60):
                await client.send(json.dumps({"action": "ping"}))
            await client.send(json.dumps({"action": "ping", "id": "last", "filler": "x" * 100_000}))
        for client in clients:
            async with asyncio.timeout(30):
                while json.loads(await client.recv()).get("id") != "last":
                    pass
            await client.close()
        assert not any(server.refusals(name) for name in none)


LIMITS_WITHOUT_BOUND = {
    "max_connections",
    "connections_per_user",
    "handshakes_per_minute",
    "channels_per_connection",
    "messages_per_second",
    "message_limit_bytes",
    "requests_per_second",
    "buffer_limit_bytes",
    "ping_interval_s",
    "idle_timeout_s",
}


async def test_only_what_is_long_is_compressed(tmp_path: Path) -> None:
    """compress_min_bytes: shorter messages go out as they are, also to clients that agreed to
    compression.
    """
    for limit, is_compressed in ((50, True), (100_000, False)):
        with serving(tmp_path / str(limit), "fast", compress_min_bytes=limit) as server:
            offers = [ClientPerMessageDeflateFactory()]
            async with RawClient.connect(server.url(token=server.token()), offers=offers) as client:
                client.say(action="subscribe", channels=["restaurant_reservations"])
                assert (await client.frame(Opcode.TEXT)).rsv1 is False, (
                    "the extension hands out what it has inflated"
                )
                heads: list[int] = []
                client.reader.feed_data, feed = (
                    _noting(heads, client.reader.feed_data),
                    client.reader.feed_data,
                )
                await server.book(3)
                for _ in range(3):
                    await client.frame(Opcode.TEXT)
                assert feed
            assert (heads[0] & 0x40 != 0) is is_compressed


def _noting(heads: list[int], feed):
    """The first byte of each piece that comes in: RSV1 (0x40) says that the message is compressed
    (RFC 7692 section 6).
    """

    def note(data: bytes) -> None:
        heads.append(data[0])
        feed(data)

    return note


async def test_what_is_older_than_the_retention_is_gone(tmp_path: Path, lane: str) -> None:
    """A position from before it is answered with a reset; the head stays, and being there is
    recoverable.
    """
    with serving(tmp_path, lane) as server:
        async with server.client() as client:
            old = (await client.subscribe("restaurant_reservations"))["positions"]
            numbers = await server.book(3)
            await client.events(3)
    await asyncio.sleep(0.2)
    with serving(tmp_path, lane, retention_s=0.1) as server:
        stream = Stream(GRILL, Channel.RESTAURANT_RESERVATIONS)
        async with asyncio.timeout(30):
            # pruning gives no sign
            while not await server.call(  # noqa: ASYNC110
                lambda: server.services.database.read(
                    lambda store: event_log.read_floor(store, stream)
                )
            ):
                await asyncio.sleep(0.05)
        async with server.client() as client:
            answer = await client.subscribe("restaurant_reservations", positions=old)
            assert answer["recovered"] == {"restaurant_reservations": False}
            assert (await client.until(lambda body: body.get("type") == "reset"))["position"][
                "seq"
            ] == numbers[-1]
            again = await client.subscribe("restaurant_reservations", positions=answer["positions"])
            assert again["recovered"] == {"restaurant_reservations": True}


async def test_the_last_word_of_a_connection_is_its_code(tmp_path: Path, lane: str) -> None:
    """A client that goes on sending after the server's Close is not served any more."""
    with serving(tmp_path, lane, messages_per_second=1, messages_burst=1) as server:
        async with server.client() as client:
            with suppress(ConnectionClosed):
                for _ in range(200):
                    await client.send({"action": "ping"})
                    await asyncio.sleep(0)
                while True:
                    await client.receive()
            assert client.websocket.close_code == 4004
            assert server.refusals("messages_per_second") == 11
