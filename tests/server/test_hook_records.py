"""Bodies of webhooks, read in steps: the same records as in one step, and none holds the loop."""

import asyncio
import itertools
import json
import secrets
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from rtdash.imports import ImportMap, RowError, SourceRow, Undecodable, parse_rows
from rtdash.protocol.webhook_signatures import parse_secret, sign
from rtdash.server.rest.hook_records import read_records
from rtdash.server.rest.routers.hooks import LIMIT_BYTES
from tests.server.sockets import anyio_backend, lane, serving
from tests.server.test_list_decoding import LARGE, member_names
from tests.server.test_rest_hooks import MAP, SECRET, Deliver, booking, deliver, source
from tests.server.turns import STEP_S, Turns, tuned

__all__ = ["anyio_backend", "deliver", "lane", "source"]

pytestmark = pytest.mark.anyio

PADDING = b" " * 70_000
"""Blanks that make a body too large for one step."""


def mapping(**more: Any) -> ImportMap:
    """A map of which only the form matters."""
    fields = {"reservationId": "id", "sourceVersion": "v", "customerName": "n", "guests": "g"}
    return ImportMap.model_validate(
        {"kind": "restaurant", "venue": "x", "fields": fields | {"date": "d"}} | more
    )


async def read(body: bytes, **more: Any) -> list[SourceRow | RowError]:
    portions = read_records(body, mapping(**more), asyncio.Lock())
    return [row async for portion in portions for row in portion]


@pytest.mark.parametrize(
    ("body", "items"),
    [
        (b'[{"id": 1}, {"id": "]}\\"["}, 7, [], null]', None),
        (b" [ ] ", None),
        (
            b'{"data": {"more": [1], "list": [{"a": {"b": []}}, {}], "x": {}}, "y": "}"}',
            "data.list",
        ),
        (b'{"data.list": [{"id": 1}], "data": {"list": [{"id": 2}]}}', "data.list"),
        (b'{"l\\u0069st": [{"id": 1}]}', "list"),
        (b'{"list":[{"id":"\\ud83d\\ude00"},{"id":"\xf0\x9f\x98\x80"}]}', "list"),
        (b'{"x":"\\"' + b"\\\\" * 100_001 + b'","list":[{"id":"]"}]}', "list"),
        (b'{"x":"' + b'\\"' * 100_001 + b'","list":[{"id":"]"}]}', "list"),
    ],
    ids=itertools.count(),
)
async def test_large_bodies_have_the_records_of_small_ones(body: bytes, items: str | None) -> None:
    """Blanks between the tokens change nothing."""
    small = list(parse_rows(body, mapping(items=items), name="hook.json"))
    spread = body.replace(b",", b"," + PADDING[:20_000]) + PADDING
    for large in (PADDING + body, body + PADDING, spread):
        assert await read(large, items=items) == small


@pytest.mark.parametrize(
    ("body", "items", "word"),
    [
        (b'{"list": [1]}', None, "items"),
        (b'{"list": [1]}', "other", "'other'"),
        (b'{"list": 1}', "list", "'list'"),
        (b'{"list": [1,]}', "list", "no JSON"),
        (b'{"list": [1', "list", "record 1 has more than"),
        (b'{"list": [1' + b" " * 60_000 + b",2", "list", "record 2 has more than"),
        (b'{"data": {"list": [{"id": 2}]}, "data.list": 5}', "data.list", "no list at"),
        (b'{"list": [1]', "list", "no member"),
        (b'{"list": [1]]', "list", "no member"),
        (b'{"list": [1]} x', "list", "something follows"),
        (b'{"list" [1]}', "list", "no list"),
        (b"[1] 2", None, "something follows"),
        (b'["\\x"]', None, "no JSON"),
        (b'[{"a": "' + b"x" * 70_000 + b'"}]', None, "record 1 has more than"),
        (b"[" + b"[" * 5_000 + b"]" * 5_001, None, "record 1 has more than"),
    ],
)
async def test_a_large_body_that_cant_be_read_says_why(
    body: bytes, items: str | None, word: str
) -> None:
    """As a small one does."""
    with pytest.raises(Undecodable, match=word):
        await read(body + PADDING, items=items)


async def test_lines_keep_their_numbers() -> None:
    """NDJSON: one that is broken is named, the others are read."""
    rows = await read(
        b'{"id": 1}\n\nx\n[{"id": 2}, 3]' + b"\n" + PADDING[:60_000] + b"\n" + PADDING[:60_000],
        format="ndjson",
    )
    assert [row.line for row in rows] == [1, 3, 4, 4]
    assert [isinstance(row, RowError) for row in rows] == [False, True, False, True]


async def test_a_table_is_small() -> None:
    """A table's reader takes a row whole."""
    assert await read(b"id,v\n1,2\n", format="csv") == [
        SourceRow(2, {"id": "1", "v": "2"}, is_table=True)
    ]
    with pytest.raises(Undecodable, match="a table has at most"):
        await read(b"id,v\n" + b"1,2\n" * 20_000, format="csv")


RECORD = b'{"id":"a","v":1,"n":"Ann","g":2,"d":"2031-02-01T20:00:00Z"}'


@pytest.mark.parametrize(
    ("body", "more"),
    [
        (b"[" + b",".join([RECORD] * 16_000) + b"]", {}),
        (b"[" * LIMIT_BYTES, {}),
        (b'{"a":' * (LIMIT_BYTES // 5), {}),
        (b'["' + b'\\"' * (LIMIT_BYTES // 2) + b'"]', {}),
        (b'{"x":"' + b'\\"' * (LIMIT_BYTES // 2) + b'","l":[]}', {"items": "l"}),
        (b'{"x":[' + b"[]," * (LIMIT_BYTES // 3) + b'0],"l":[]}', {"items": "l"}),
        (b'{"l":[],"x":[' + b"[]," * (LIMIT_BYTES // 3) + b"0]}", {"items": "l"}),
        (b"{" + b'"a":0,' * (LIMIT_BYTES // 6) + b'"l":[]}', {"items": "l"}),
        (b'{"l":[]' + b',"a":0' * (LIMIT_BYTES // 6) + b"}", {"items": "l"}),
        (b'{"l":[' + b",".join([member_names(6_000)] * 16) + b"]}", {"items": "l"}),
        *((b"[" + b",".join([element] * 16) + b"]", {}) for element in LARGE),
        (b"\n" * LIMIT_BYTES, {"format": "ndjson"}),
        (b"1\n" * (LIMIT_BYTES // 2), {"format": "ndjson"}),
        (b"\n".join([member_names(6_000)] * 16), {"format": "ndjson"}),
        (b"," * 65_000 + b"\n", {"format": "csv"}),
        (b",".join(b"%x" % number for number in range(13_000)) + b"\n", {"format": "csv"}),
        (b"\n" * 65_000, {"format": "csv"}),
        (b"\xff" * LIMIT_BYTES, {}),
    ],
    ids=itertools.count(),
)
async def test_no_body_holds_the_loop(body: bytes, more: dict[str, Any]) -> None:
    """For more than 20 ms of CPU, whatever a sender's system has made."""
    assert len(body) <= LIMIT_BYTES + 100
    turns = Turns()
    with tuned():
        watching = asyncio.ensure_future(turns.watch())
        await asyncio.sleep(0)
        portions = read_records(body, mapping(**more), asyncio.Lock())
        try:
            async for _ in portions:
                pass
        except Undecodable:
            pass
        await asyncio.sleep(0)
        watching.cancel()
    assert 0 < turns.longest_s < STEP_S


async def test_a_large_delivery_is_taken_in_short_steps(tmp_path: Path, lane: str) -> None:
    """A thousand records of a kilobyte each, from the last byte to the answer."""
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "covers.toml").write_text(MAP)
    records = [booking(f"many-{number}", note="x" * 700) for number in range(1_000)]
    with serving(tmp_path, lane) as server, tuned():
        assert await post(server.port, {"bookings": []}) == {"applied": 0, **NONE}
        turns = Turns()
        watching = asyncio.run_coroutine_threadsafe(turns.watch(), server.loop)
        body = {"bookings": records, "included": ["y" * 1_000] * 100}
        assert await post(server.port, body) == {"applied": 1_000, **NONE}
        watching.cancel()
        assert 0 < turns.longest_s < STEP_S


NONE = {"repeated": 0, "refused": 0}


async def post(port: int, value: Any) -> dict[str, int]:
    """Deliver it, signed; the counts."""
    body, delivery_id, now = json.dumps(value).encode(), secrets.token_hex(8), int(time.time())
    headers = {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(now),
        "webhook-signature": sign(parse_secret(SECRET), delivery_id, now, body),
    }
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        url = f"http://127.0.0.1:{port}/api/hooks/covers"
        answer = await client.post(url, content=body, headers=headers)
    counts: dict[str, int] = answer.json()
    return counts


def test_more_than_a_thousand_records_are_named(deliver: Deliver) -> None:
    """Records before the thousandth are taken, at whatever size of the body."""
    for note in ("", "x" * 100):
        records = [booking(f"over{len(note)}-{number}", note=note) for number in range(1_003)]
        assert deliver({"bookings": records}).json()["applied"] == 1_000


@pytest.mark.parametrize(
    "changes",
    [
        {"guest": {"name": "Ann \ud800"}},
        {"guest": {"name": "\udfff"}},
        {"state": "\ud800"},
        {"updated_at": "0001-01-01T00:00:00+23:59"},
        {"seating_at": "9999-12-31T23:59:59-23:59"},
    ],
    ids=ascii,
)
def test_what_no_store_and_no_calendar_takes_is_refused(
    deliver: Deliver, changes: dict[str, Any]
) -> None:
    """Alone, and never a fault: the sender would send it for ever."""
    answer = deliver({"bookings": [booking("odd", **changes), booking(f"good-{time.time_ns()}")]})
    assert (answer.status_code, answer.json()) == (202, {"applied": 1, "repeated": 0, "refused": 1})
