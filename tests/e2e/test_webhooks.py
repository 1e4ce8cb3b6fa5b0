"""Webhooks out of two processes over one PostgreSQL: killed at random, nothing is lost, and other
clients notice nothing of what receivers do.
"""

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.conftest import FULL
from tests.faults.process import ServerProcess, server_process
from tests.faults.verdicts import tell
from tests.servers import TestServer
from tests.stores import new_database
from tests.webhooks.receivers import ReceiverServer, in_order, wait_for

KILLS = 12 if FULL else 2
SEED = 20_261_130
CHANNEL = "restaurant_reservations"
TABLE = {
    "op": "book",
    "kind": "restaurant",
    "customerName": "Ann Guest",
    "guests": 2,
    "source": "Phone",
    "date": "2031-02-01T20:00:00Z",
}

pytestmark = pytest.mark.timeout(1200 if FULL else 240)


@pytest.fixture
def pair(
    tmp_path: Path, postgres_server: TestServer
) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    """Two processes that may send to this machine."""
    with new_database(postgres_server.url) as database:
        options = {"database": database, "requests_per_second": 0, "hooks_allow": "127.0.0.0/8"}
        with (
            server_process(tmp_path / "a", **options) as one,
            server_process(tmp_path / "b", **options) as other,
        ):
            yield one, other


def add(server: ServerProcess, url: str) -> str:
    answer = server.post("/api/admin/webhooks", {"url": url, "channel": CHANNEL})
    assert answer.status_code == 201, answer.text
    webhook_id: str = answer.json()["id"]
    return webhook_id


def book(server: ServerProcess, name: str, count: int) -> None:
    """Book tables in one list."""
    operations = [{**TABLE, "operationId": f"{name}-{number}"} for number in range(count)]
    answer = server.post("/api/operations", operations)
    assert answer.status_code == 200, answer.text


def wait_for_all(receiver: ReceiverServer, count: int) -> None:
    """Wait until so many different events were taken."""
    wait_for(lambda: len(set(receiver.seqs)) == count, "events are missing")


def sender_of(pair: tuple[ServerProcess, ServerProcess], webhook_id: str) -> ServerProcess:
    """The process that sends it, by its metrics."""
    found: list[ServerProcess] = []

    def look() -> bool:
        found[:] = [one for one in pair if f'webhook="{webhook_id}"' in one.get("/metrics").text]
        return len(found) == 1

    wait_for(look, "no process, or more than one, sends it")
    return found[0]


def test_nothing_is_lost_over_kills_of_the_sender(
    pair: tuple[ServerProcess, ServerProcess], capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGKILL while it delivers to a receiver that fails now and then: the other takes over, every
    event arrives, in order; repeats have the ids of the first time.
    """
    rng = random.Random(SEED)
    receiver = ReceiverServer(answer=lambda _: (500 if rng.random() < 0.02 else 200, {}))
    booked = 0
    waits = []
    with receiver.running():
        webhook_id = add(pair[0], receiver.url)
        for kill in range(KILLS):
            sender = sender_of(pair, webhook_id)
            book(pair[kill % 2], f"before{kill}", 150)
            time.sleep(rng.uniform(0, 0.4))
            sender.end(signal.SIGKILL)
            killed_at, arrived = time.monotonic(), len(receiver.attempts)
            survivor = pair[1] if sender is pair[0] else pair[0]
            book(survivor, f"after{kill}", 50)
            booked += 200
            wait_for_all(receiver, booked)
            waits.append(time.monotonic() - killed_at)
            assert len(receiver.attempts) > arrived
            sender.start()
        book(pair[0], "last", 10)
        wait_for_all(receiver, booked + 10)
    assert in_order(receiver.seqs) == list(range(1, booked + 11))
    assert len({one.id for one in receiver.attempts}) == booked + 10
    tell(
        capsys,
        f"{KILLS} kills of the sender, {booked + 10} events, {len(receiver.attempts)} attempts,"
        f" {len(receiver.taken) - booked - 10} repeats; all there after"
        f" {', '.join(f'{one:.1f}' for one in waits)} s",
    )


def test_receivers_in_trouble_are_nobody_elses(pair: tuple[ServerProcess, ServerProcess]) -> None:
    """Down, hanging, refusing, moved: a socket and another webhook get everything meanwhile, and
    each receiver gets everything in order once it is well.
    """
    hangs, broken, moved = ReceiverServer(), ReceiverServer(), ReceiverServer()
    down, well = ReceiverServer(), ReceiverServer()
    is_ill = True

    def hang(_: Any) -> tuple[int, dict[str, str]]:
        while is_ill:
            time.sleep(0.05)
        return 200, {}

    hangs.answer = hang
    broken.answer = lambda _: (500 if is_ill else 204, {})
    moved.answer = lambda _: (301, {"Location": "https://new.example/"}) if is_ill else (200, {})
    with down.running():
        pass
    receivers = (hangs, broken, moved, down, well)
    with hangs.running(), broken.running(), moved.running(), well.running():
        ids = {add(pair[0], one.url): one for one in receivers}
        url = pair[1].url.replace("http", "ws", 1)
        with connect(f"{url}/ws?token={pair[1].token()}", proxy=None) as socket:
            socket.send(f'{{"action": "subscribe", "channels": ["{CHANNEL}"]}}')
            assert '"subscribed"' in socket.recv(30)
            book(pair[0], "first", 100)
            for _ in range(100):
                assert '"new_reservation"' in socket.recv(30)
        wait_for(lambda: len(well.taken) == 100)

        def shown() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = pair[1].get("/api/admin/webhooks").json()["webhooks"]
            return found

        wait_for(lambda: sum(one["failure"] is not None for one in shown()) == 4)
        for one in shown():
            assert one["lagEvents"] == (0 if ids[one["id"]] is well else 100)
        is_ill = False
        with down.running():
            wait_for(lambda: all(len(set(one.seqs)) == 100 for one in receivers))
    for one in receivers:
        assert in_order(one.seqs) == list(range(1, 101))
