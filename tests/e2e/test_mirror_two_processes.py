"""A mirror of another system by two processes that are killed at random: each reservation ends as
its newest snapshot, whatever was shuffled, doubled, lost, or repeated after a kill.
"""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conftest import FULL
from tests.faults.process import ServerProcess, server_process
from tests.faults.verdicts import tell
from tests.servers import TestServer
from tests.stores import new_database

LIVES = 500 if FULL else 200
KILLS = 12 if FULL else 2
LIST = 20
SEED = 17
PATIENCE_S = 120.0
HOTEL_ENDS = ["CheckedIn", "CheckedOut", "Cancelled", "NoShow"]
TABLE_ENDS = ["Seated", "Completed", "Cancelled", "NoShow"]
NOT_SHOWN = {"op", "operationId", "sourceVersion", "reservationId"}
Snapshot = dict[str, Any]

pytestmark = pytest.mark.timeout(1200 if FULL else 300)


def lives(rng: random.Random, count: int) -> Iterator[list[Snapshot]]:
    """The snapshots of random lives, oldest first, of stays and of tables."""
    today = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    for number in range(count):
        is_stay = number % 2 == 0
        first = today + timedelta(days=rng.randint(-3, 9))
        state: Snapshot = {
            "op": "put",
            "reservationId": f"r{number}",
            "customerName": f"Guest {number}",
            "guests": rng.randint(1, 2),
            "source": "pms",
            "amount": rng.randint(0, 90_000) / 100,
            "paid": rng.randint(0, 90_000) / 100,
            "status": "Confirmed",
        }
        if is_stay:
            nights = timedelta(days=rng.randint(1, 5))
            state |= {"kind": "hotel", "venue": "harbour-hotel", "roomType": "double"}
            state |= {"checkIn": f"{first:%F}", "checkOut": f"{first + nights:%F}"}
        else:
            state |= {"kind": "restaurant", "venue": "harbour-grill"}
            state["date"] = f"{first:%FT%T}.000Z"
        snapshots = []
        for version in range(1, rng.randint(2, 7)):
            snapshots.append(
                {**state, "sourceVersion": version, "operationId": f"r{number}-{version}"}
            )
            state["status"] = rng.choice(HOTEL_ENDS if is_stay else TABLE_ENDS)
            state["paid"] = rng.randint(0, 90_000) / 100
        yield snapshots


class Mirror:
    """Sends lists of snapshots to one of the processes, and again to another until an answer comes."""

    def __init__(self, pair: Sequence[ServerProcess]) -> None:
        self.outcomes: Counter[str] = Counter()
        self.repeats = 0
        self.problems: list[Any] = []
        self._pair = pair

    def send(self, snapshots: Sequence[Snapshot], first: int) -> None:
        """All of them, in lists, from the process `first` on."""
        for start in range(0, len(snapshots), LIST):
            self._post(list(snapshots[start : start + LIST]), first)

    def _post(self, operations: list[Snapshot], place: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            assert time.monotonic() < deadline, "no process answers"
            try:
                answer = self._pair[place % 2].post("/api/operations", operations)
            except httpx2.TransportError:
                answer = None
            if answer is not None and answer.status_code == 200:
                break
            assert answer is None or answer.status_code == 503, answer.text
            self.repeats += 1
            place += 1
            time.sleep(0.05)
        for outcome in answer.json()["outcomes"]:
            self.outcomes[outcome["outcome"]] += 1
            if outcome["outcome"] == "refused":
                self.problems.append(outcome["problem"])


def send_over_kills(
    pair: Sequence[ServerProcess], arrived: Sequence[Snapshot], rng: random.Random
) -> Mirror:
    """Send everything by two senders, a process each, while a process is killed in every part."""
    mirror = Mirror(pair)
    part = -(-len(arrived) // KILLS)
    for start in range(0, len(arrived), part):
        now = arrived[start : start + part]
        senders = [
            threading.Thread(target=mirror.send, args=(now[place::2], place), daemon=True)
            for place in range(2)
        ]
        for sender in senders:
            sender.start()
        time.sleep(rng.uniform(0, 0.5))
        victim = rng.choice(pair)
        victim.end(signal.SIGKILL)
        victim.start()
        for sender in senders:
            sender.join(PATIENCE_S)
            assert not sender.is_alive()
    return mirror


def read_all(server: ServerProcess) -> dict[tuple[str, str], dict[str, Any]]:
    """Every reservation of both venues."""
    found = {}
    for path in ("/api/hotel/bookings", "/api/restaurant/reservations"):
        cursor: dict[str, Any] = {}
        while True:
            page = server.get(path, limit=500, **cursor).json()
            found |= {(one["venue"], one["id"]): one for one in page["reservations"]}
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
    return found


def heads(server: ServerProcess) -> list[Any]:
    """Positions of all streams with events."""
    kinds = ("hotel", "restaurant")
    return [
        server.get(f"/api/channels/{kind}_{what}/events").json()["position"]
        for kind in kinds
        for what in ("reservations", "notifications")
    ]


def test_snapshots_converge_over_kills(
    tmp_path: Path, postgres_server: TestServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tenth lost, a fifth doubled, none in order: equal to the newest, 0 refused, one event a
    version; a second run makes 0 events.
    """
    rng = random.Random(SEED)
    arrived = [one for life in lives(rng, LIVES) for one in life if rng.random() > 0.1]
    arrived += rng.sample(arrived, len(arrived) // 5)
    rng.shuffle(arrived)
    newest: dict[tuple[str, str], Snapshot] = {}
    for one in arrived:
        key = one["venue"], one["reservationId"]
        if key not in newest or newest[key]["sourceVersion"] < one["sourceVersion"]:
            newest[key] = one
    with new_database(postgres_server.url) as database:
        options = {"database": database, "requests_per_second": 0}
        with (
            server_process(tmp_path / "a", **options) as first,
            server_process(tmp_path / "b", **options) as second,
        ):
            mirror = send_over_kills((first, second), arrived, rng)
            assert mirror.problems == []
            check_equal(read_all(first), newest)
            assert read_all(second) == read_all(first)
            for channel in ("hotel_reservations", "restaurant_reservations"):
                check_log(second.read_log(channel))
            before = heads(first)
            again = Mirror((first, second))
            again.send(arrived, 1)
            assert set(again.outcomes) == {"repeated"}
            assert heads(second) == before
    tell(
        capsys,
        f"{LIVES} lives, {len(arrived)} snapshots, {KILLS} kills: {dict(mirror.outcomes)},"
        f" {mirror.repeats} lists sent again; second run {dict(again.outcomes)}, 0 events",
    )


def check_equal(
    found: dict[tuple[str, str], dict[str, Any]], newest: dict[tuple[str, str], Snapshot]
) -> None:
    """Each reservation is its newest snapshot, field for field."""
    assert found.keys() == newest.keys()
    for key, snapshot in newest.items():
        wanted = {name: value for name, value in snapshot.items() if name not in NOT_SHOWN}
        assert {name: found[key][name] for name in wanted} == wanted


def check_log(events: list[dict[str, Any]]) -> None:
    """Each version of a reservation has one event, in order, without gaps."""
    assert [one["seq"] for one in events] == list(range(1, len(events) + 1))
    versions: Counter[str] = Counter()
    for one in events:
        name = one["reservation"]["id"]
        versions[name] += 1
        assert one["reservation"]["version"] == versions[name]
