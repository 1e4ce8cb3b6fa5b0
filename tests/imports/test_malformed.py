"""Malformed lines and bodies through a real server: each is named, none crashes anything, nothing is
half applied. `RTDASH_FULL=1 pytest tests/imports/test_malformed.py` sends 100,000.
"""

import json
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest

from rtdash.cli.main import run
from rtdash.protocol.webhook_signatures import parse_secret, sign
from rtdash.resources import data_path
from tests.conftest import FULL
from tests.imports.test_conversion import HEADER, LINE
from tests.server.running import RunningServer, start_server
from tests.server.test_rest_hooks import MAP, SECRET, booking

LINES = 50_000 if FULL else 3_000
BODIES = 50_000 if FULL else 800
SEED = 1130
PMS = str(data_path("fixtures", "imports", "hotel-pms.toml"))
COLUMNS = HEADER.split(";")
NO_NUMBER = ["x", "a lot", "1e400", "NaN", "Infinity", "--1", "0x10", "9" * 30, "-1", "½"]
NO_DATE = ["", "soon", "2026-07-24", "31.02.2026", "24.07.99999", "24.07", "00.00.0000", "-1"]
WRONG_CELLS = {
    "Confirmation": ["", " ", "a b", "x" * 300, "\u202e", "a\x00b"],
    "Last changed": [*NO_DATE[1:], "32.01.2026 19:00:01", "31.01.2026", "31.01.2026 25:00:00"],
    "Adults": [*NO_NUMBER, "-9", "999999999999"],
    "Arrival": NO_DATE,
    "Nights": [*NO_NUMBER, "0", "367", "2,5", "1.5e9"],
    "Total": NO_NUMBER,
    "Paid": NO_NUMBER,
    "Room type": ["Dungeon", "x" * 500],
    "Status": ["Zombie", "in house ", "\ufeffIn house"],
}
WRONG_VALUES: dict[str, list[Any]] = {
    "id": ["", "a b", "x" * 300, None, {}, [1], "\ud800", "a\x00"],
    "updated_at": ["soon", {}, [], "2026-13-01T00:00:00Z", True],
    "covers": [0, -1, "many", {}, [2], 1e300, float("nan"), 10**40, "", False, None],
    "seating_at": ["", "soon", {}, 10**30, "2026-02-30T00:00:00Z", None, "9999999-01-01"],
    "guest": ["Ann", None, [], {}, {"name": ""}, {"name": "\u3164"}, {"name": "x" * 5_000}],
}
JUNK = [
    b"", b"{", b"[]", b"7", b"null", b"\x00" * 50, b"\xff\xfe\x00", b"[" * 100_000, b'{"a":1e999}',
    b'{"bookings":' * 2_000, b'"' + b"x" * 100_000, b'{"bookings":{"bookings":[]}}', b"\xef\xbb\xbf",
    b'{"bookings":[[[[1]]],null,"x",1e999,NaN]}', b'{"bookings":"' + b"\xed\xa0\x80" + b'"}',
]  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("data")
    (data / "hooks").mkdir(parents=True)
    (data / "hooks" / "covers.toml").write_text(MAP)
    running, thread = start_server(data)
    yield running
    thread.stop()


def lines(rng: Random) -> tuple[list[str], set[int], set[str]]:
    """Lines of a file behind its header, the numbers of those that are wrong for sure, and the ids
    of those that are right.
    """
    made, wrong, right = [], set(), set()
    for number in range(2, LINES + 2):
        line = LINE.replace("H-1", f"H-{number}")
        kind = rng.random()
        if kind < 0.02:
            right.add(f"H-{number}")
        elif kind < 0.75:
            wrong.add(number)
            line = _with_wrong_cell(line, rng)
        elif kind < 0.85:
            wrong.add(number)
            line = line + ";x" if kind < 0.8 else line.rpartition(";")[0]
        else:
            line = _scrambled(line, rng)
        made.append(line)
    return made, wrong, right


def _with_wrong_cell(line: str, rng: Random) -> str:
    cells = line.split(";")
    column = rng.choice(list(WRONG_CELLS))
    cells[COLUMNS.index(column)] = rng.choice(WRONG_CELLS[column])
    return ";".join(cells)


def _scrambled(line: str, rng: Random) -> str:
    """Some characters behind the id are others, or gone: it may even be right still."""
    name, _, rest = line.partition(";")
    text = list(rest)
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(text))
        text[place] = rng.choice(["", ";", "\x01", "\ufffd", "9", "-", ".", "é", "\u202e", " "])
    return f"{name};{''.join(text)}"


@pytest.mark.timeout(900 if FULL else 180)
def test_malformed_lines(
    server: RunningServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each is named with its number; what is right among them is stored, once."""
    made, wrong, right = lines(Random(SEED))
    file = tmp_path / "pms.csv"
    file.write_text("\n".join([HEADER, *made]), encoding="utf-8")
    command = ["import", str(file), "--map", PMS, "--venue", "harbour-hotel"]
    command += ["--url", server.url, "--token", server.token()]
    assert run(command) == 1
    err = capfd.readouterr().err
    named = [int(number) for number in re.findall(r"^line (\d+)", err, re.MULTILINE)]
    assert len(named) == len(set(named))
    assert wrong <= set(named), sorted(wrong - set(named))[:5]
    summary = re.findall(r"^([\d,]+) rows: (.*)$", err, re.MULTILINE)[-1]
    counts = {
        word: int(number.replace(",", ""))
        for number, word in re.findall(r"(\d[\d,]*) (\w+)", summary[1])
    }
    assert summary[0].replace(",", "") == str(len(made)) == str(sum(counts.values()))
    assert counts["refused"] == len(named)
    stored = _stored(server, "/api/hotel/bookings")
    assert right <= stored.keys()
    assert not {f"H-{number}" for number in wrong} & stored.keys()
    events = _head(server, "hotel_reservations")
    assert len(stored) == events <= counts["applied"] + counts.get("repeated", 0)
    assert run(command) == 1
    assert "applied" not in capfd.readouterr().err.splitlines()[-1]
    assert _head(server, "hotel_reservations") == events


def bodies(rng: Random) -> Iterator[tuple[bytes, bool]]:
    """Bodies, and whether all of their records are wrong for sure."""
    for number in range(BODIES):
        kind = rng.random()
        if kind < 0.6:
            records = []
            for place in range(rng.randint(1, 3)):
                field = rng.choice(list(WRONG_VALUES))
                changes = {field: rng.choice(WRONG_VALUES[field])}
                records.append(booking(f"b{number}-{place}", **changes))
            yield json.dumps({"bookings": records}).encode(), True
        elif kind < 0.8:
            body = bytearray(json.dumps({"bookings": [booking(f"b{number}")]}).encode())
            for _ in range(rng.randint(1, 5)):
                body[rng.randrange(len(body))] = rng.randrange(256)
            yield bytes(body), False
        elif kind < 0.9:
            yield rng.choice(JUNK), False
        else:
            body = bytearray(json.dumps({"bookings": [booking(f"b{number}")]}).encode())
            yield bytes(body[: rng.randrange(len(body))]), False


@pytest.mark.timeout(1800 if FULL else 180)
def test_malformed_bodies(server: RunningServer) -> None:
    """Each is answered and counted; what was refused is shown; the server is as well as before."""
    key, applied, last = parse_secret(SECRET), 0, ""
    with server.client("") as client:
        for body, is_wrong in bodies(Random(SEED)):
            delivery_id, now = secrets.token_hex(8), int(time.time())
            headers = {
                "webhook-id": delivery_id,
                "webhook-timestamp": str(now),
                "webhook-signature": sign(key, delivery_id, now, body),
            }
            answer = client.post("/api/hooks/covers", content=body, headers=headers)
            assert answer.status_code == 202, (body[:300], answer.text)
            counts = answer.json()
            applied += counts["applied"]
            if is_wrong:
                assert (counts["applied"], counts["repeated"]) == (0, 0), (body, counts)
                assert counts["refused"] >= 1
                last = delivery_id
        assert client.get("/readyz").json()["status"] == "ok"
    with server.admin() as admin:
        refused = admin.get("/api/hooks").json()["refused"]
    assert last in {one["id"] for one in refused}
    assert all(one["problem"] for one in refused)
    stored = _stored(server, "/api/restaurant/reservations")
    assert sum(one["version"] for one in stored.values()) == applied
    assert _head(server, "restaurant_reservations") == applied


def _stored(server: RunningServer, path: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    with server.client() as client:
        cursor: dict[str, Any] = {}
        while True:
            page = _get(client, path, limit=500, **cursor)
            found |= {one["id"]: one for one in page["reservations"]}
            if page["next"] is None:
                return found
            cursor = {"cursor": page["next"]}


def _head(server: RunningServer, channel: str) -> int:
    with server.client() as client:
        seq: int = _get(client, f"/api/channels/{channel}/events")["position"]["seq"]
    return seq


def _get(client: httpx2.Client, path: str, **params: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.get(path, params=params).json()
    return found
