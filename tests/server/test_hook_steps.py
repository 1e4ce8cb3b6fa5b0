"""Large deliveries of webhooks in: they are read beside the event loop."""

import asyncio
import json
import secrets
import tempfile
import time
from pathlib import Path

import httpx2
import pytest

from rtdash.protocol.webhook_signatures import parse_secret, sign
from tests.server.sockets import Server, anyio_backend, lane, serving
from tests.server.test_rest_hooks import MAP, SECRET, booking
from tests.server.turns import Turns, assert_short_turns, tuned

__all__ = ["anyio_backend", "lane"]

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("wrong", [{}, {"covers": "many"}, {"guest": {"name": "x" * 700}}])
async def test_a_delivery_of_a_thousand_records_holds_nothing_up(
    tmp_path: Path, lane: str, wrong: dict[str, object]
) -> None:
    """Neither the right ones nor the wrong; the answer counts each."""
    records = [booking(f"b{number}", **wrong) for number in range(1_000)]

    async def measure() -> Turns:
        data = Path(tempfile.mkdtemp(dir=tmp_path))
        (data / "hooks").mkdir()
        (data / "hooks" / "covers.toml").write_text(MAP)
        with serving(data, lane) as server, tuned():
            await deliver(server, [])  # the first request builds the route
            turns = Turns()
            watching = asyncio.run_coroutine_threadsafe(turns.watch(), server.loop)
            counts = await deliver(server, records)
            watching.cancel()
            assert sum(counts.values()) == 1_000
            assert (counts["refused"] == 1_000) == bool(wrong)
            return turns

    await assert_short_turns(measure)


async def deliver(server: Server, records: list[dict[str, object]]) -> dict[str, int]:
    """Send a signed delivery; the counts of its answer."""
    body, now = json.dumps({"bookings": records}).encode(), int(time.time())
    delivery_id = secrets.token_hex(8)
    headers = {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(now),
        "webhook-signature": sign(parse_secret(SECRET), delivery_id, now, body),
    }
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
        answer = await client.post(
            f"http://127.0.0.1:{server.port}/api/hooks/covers", content=body, headers=headers
        )
    assert answer.status_code == 202, answer.text
    counts: dict[str, int] = answer.json()
    return counts


async def test_several_signature_headers_are_one(tmp_path: Path) -> None:
    """While a key is exchanged, a sender may sign twice; also after a proxy joined the headers."""
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "covers.toml").write_text(MAP)
    body, now = b'{"bookings": []}', int(time.time())
    with serving(tmp_path, "fast") as server:
        async with httpx2.AsyncClient(trust_env=False) as client:
            signed = sign(parse_secret(SECRET), "id", now, body)
            for given in (["v1,AAAA", signed], [f"v1,AAAA, {signed}"], [signed, "v1a,BBBB"]):
                answer = await client.post(
                    f"http://127.0.0.1:{server.port}/api/hooks/covers",
                    content=body,
                    headers=[
                        ("webhook-id", "id"),
                        ("webhook-timestamp", str(now)),
                        *(("webhook-signature", one) for one in given),
                    ],
                )
                assert answer.status_code == 202, answer.text
