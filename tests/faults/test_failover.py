"""PostgreSQL fails over to a standby that lacks acknowledged events, and its backends are terminated:
clients are never left in a history that goes on differently, and no fault shows as one of ours.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from rtdash.domain.instants import utc_now
from rtdash.store.errors import translate
from tests.conftest import FULL
from tests.faults.process import ServerProcess, server_process
from tests.programs import free_port, quietly
from tests.servers import TestServer, own, running
from tests.stores import new_database

CHANNEL = "restaurant_reservations"
PATIENCE_S = 60.0
TERMINATING_S = 30.0 if FULL else 5.0


def ask(server: TestServer, statement: str) -> Any:
    """First value that a statement gives; None for one that gives nothing."""
    import psycopg  # noqa: PLC0415

    with psycopg.connect(server.url, autocommit=True) as conn:
        cursor = conn.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row and row[0]


def until(is_so: Callable[[], object]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def standby_of(primary: TestServer) -> Iterator[TestServer]:
    """A streaming standby of a server of ours, on a port of its own."""
    data, port = primary.directory / "standby", free_port()
    copy = str(Path(primary.command[0]).with_name("pg_basebackup"))
    quietly(
        [copy, "-D", str(data), "-d", primary.url, "-R", "-X", "stream", "-c", "fast"],
        primary.directory,
        primary.user,
    )
    standby = replace(
        primary,
        url=primary.url.replace(f":{primary.port}/", f":{port}/"),
        port=port,
        command=_command(primary, data, port),
        _process=None,
    )
    try:
        standby.start()
        yield standby
    finally:
        standby.end()


def _command(server: TestServer, data: Path, port: int) -> list[str]:
    others = [word for word in server.command[3:] if not word.startswith("--port=")]
    return [server.command[0], "-D", str(data), f"--port={port}", *others]


def book(server: ServerProcess, key: str) -> int:
    """Book, and repeat it as long as the store is away; the seq of its event."""
    operation = {
        "operationId": key,
        "op": "book",
        "kind": "restaurant",
        "customerName": "Ann",
        "guests": 2,
        "source": "Phone",
        "date": (utc_now() + timedelta(days=3)).isoformat(),
    }
    deadline = time.monotonic() + PATIENCE_S
    while (answer := server.post("/api/operations", [operation])).status_code == 503:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert answer.status_code == 200, answer.text
    (outcome,) = answer.json()["outcomes"]
    assert outcome["outcome"] in {"applied", "repeated"}, outcome
    return int(outcome.get("seq", 0))


def poll(server: ServerProcess, position: dict[str, Any]) -> dict[str, Any]:
    """What follows a position, once the store answers."""
    deadline = time.monotonic() + PATIENCE_S
    path = f"/api/channels/{CHANNEL}/events"
    where = {"after": position["seq"], "epoch": position["epoch"]}
    while (answer := server.get(path, **where)).status_code == 503:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.skipif(not FULL, reason="two PostgreSQL servers: RTDASH_FULL=1")
@pytest.mark.optional
@pytest.mark.timeout(300)
def test_a_failover_that_loses_events_changes_the_epoch(tmp_path: Path) -> None:
    """The standby is cut off and lacks five acknowledged events. Promoted, it gives their numbers
    again, and grows past what a poller and a socket had seen: neither goes on in the old epoch.
    """
    with running("postgres") as primary:
        own(primary)
        with (
            standby_of(primary) as standby,
            server_process(tmp_path / "data", database=primary.url) as server,
        ):
            for number in range(5):
                book(server, f"kept-{number}")
            kept = ask(primary, "SELECT pg_current_wal_lsn()::text")
            until(lambda: ask(standby, f"SELECT pg_last_wal_replay_lsn() >= '{kept}'::pg_lsn"))
            ask(standby, "ALTER SYSTEM SET primary_conninfo = ''")
            ask(standby, "SELECT pg_reload_conf()")
            until(lambda: ask(standby, "SELECT count(*) FROM pg_stat_wal_receiver") == 0)
            with _subscribed(server) as (socket, epoch):
                seen = [book(server, f"lost-{number}") for number in range(5)]
                assert seen == [6, 7, 8, 9, 10]
                _receive(socket, lambda body: body.get("seq") == 10)
            before = poll(server, {"epoch": epoch, "seq": 5})["position"]
            assert before == {"epoch": epoch, "seq": 10}

            primary.end()
            assert ask(standby, "SELECT pg_promote()") is True
            standby.end(number=2)  # SIGINT: a fast shutdown
            standby.command = _command(standby, primary.directory / "standby", primary.port)
            standby.port, standby.url = primary.port, primary.url
            standby.start()

            answers = [poll(server, before)]
            for number in range(12):
                book(server, f"after-{number}")
                answers.append(poll(server, before))
            for answer in answers:
                assert answer["position"]["epoch"] != before["epoch"]
                assert answer["recovered"] is False
                assert answer["reset"]["reason"] == "epoch_changed"
            log = [event["operationId"] for event in server.read_log(CHANNEL)]
            assert log == [f"kept-{n}" for n in range(5)] + [f"after-{n}" for n in range(12)]
            with connect(_url(server), proxy=None) as back:  # its session was lost, too
                asked = {"action": "subscribe", "channels": [CHANNEL]}
                back.send(json.dumps({**asked, "positions": {CHANNEL: before}}))
                answer = _receive(back, lambda body: "status" in body)
                assert answer["recovered"] == {CHANNEL: False}
                reset = _receive(back, lambda body: body.get("type") == "reset")
                assert reset["position"]["epoch"] == answers[-1]["position"]["epoch"]


@pytest.mark.optional
@pytest.mark.timeout(300)
def test_terminated_backends_are_a_lost_store(tmp_path: Path, postgres_server: TestServer) -> None:
    """`pg_terminate_backend` on everything, again and again, under polls, lists, resumes and writes:
    503 and `unavailable` at most, never 500 or `internal`; every write is stored once.
    """
    limits = {"requests_per_second": 0, "connections_per_user": 0, "handshakes_per_minute": 0}
    with (
        new_database(postgres_server.url) as url,
        server_process(tmp_path / "data", database=url, **limits) as server,
    ):
        book(server, "first")
        statuses: Counter[object] = Counter()
        written: list[str] = []
        ending = threading.Event()
        threads = [
            threading.Thread(target=act, args=(server, statuses, written, ending))
            for act in (_reads, _writes, _resumes)
        ]
        for thread in threads:
            thread.start()
        terminated = _terminate(url)
        ending.set()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert terminated > 0
        assert statuses[200] > 0
        assert set(statuses) <= {200, 503, "resumed", "unavailable", "closed"}, statuses
        log = [event["operationId"] for event in server.read_log(CHANNEL)]
        assert sorted(log) == sorted(["first", *written])
        assert httpx2.get(f"{server.url}/healthz", trust_env=False).status_code == 200


def test_an_error_of_the_driver_itself_is_a_lost_store() -> None:
    """SQLAlchemy does not wrap what psycopg raises for a closed connection that it takes from the
    pool (the way there: tests/store/test_postgres_server.py).
    """
    psycopg = pytest.importorskip("psycopg")

    assert translate(psycopg.OperationalError("the connection is closed")) is not None
    assert translate(ValueError()) is None


def _terminate(url: str) -> int:
    import psycopg  # noqa: PLC0415

    terminated, until_s = 0, time.monotonic() + TERMINATING_S
    with psycopg.connect(url, autocommit=True) as conn:
        while time.monotonic() < until_s:
            rows = conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
                " current_database() AND pid <> pg_backend_pid()"
            ).fetchall()
            terminated += len(rows)
            time.sleep(0.05)
    return terminated


def _reads(
    server: ServerProcess, statuses: Counter[object], _: list[str], ending: threading.Event
) -> None:
    paths = (
        f"/api/channels/{CHANNEL}/events?after=0",
        "/api/restaurant/reservations",
        "/api/dashboard/stats",
        "/api/dashboard/trends",
        "/api/dashboard/reservations/today",
        "/api/reservations/upcoming",
    )
    headers = {"Authorization": f"Bearer {server.token()}"}
    with httpx2.Client(trust_env=False, timeout=30) as client:
        while not ending.is_set():
            for path in paths:
                statuses[client.get(server.url + path, headers=headers).status_code] += 1


def _writes(
    server: ServerProcess, _: Counter[object], written: list[str], ending: threading.Event
) -> None:
    while not ending.is_set():
        written.append(f"op-{len(written)}")
        book(server, written[-1])


def _resumes(
    server: ServerProcess, statuses: Counter[object], _: list[str], ending: threading.Event
) -> None:
    session = None
    while not ending.is_set():
        with suppress(ConnectionClosed), connect(_url(server), proxy=None) as socket:
            asked: dict[str, Any] = {"action": "subscribe", "channels": [CHANNEL]}
            if session is not None:
                asked = {"action": "resume", "session": session}
            socket.send(json.dumps(asked))
            answer = _receive(socket, lambda body: "status" in body)
            if answer["status"] == "error":
                statuses[answer["code"]] += 1
            else:
                session = answer["session"]
                statuses["resumed"] += 1
            continue
        statuses["closed"] += 1


@contextmanager
def _subscribed(server: ServerProcess) -> Iterator[tuple[ClientConnection, str]]:
    with connect(_url(server), proxy=None) as socket:
        socket.send(json.dumps({"action": "subscribe", "channels": [CHANNEL]}))
        answer = _receive(socket, lambda body: body.get("status") == "subscribed")
        yield socket, answer["positions"][CHANNEL]["epoch"]


def _receive(socket: ClientConnection, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    while True:
        body: dict[str, Any] = json.loads(socket.recv(timeout=PATIENCE_S))
        if is_it(body):
            return body


def _url(server: ServerProcess) -> str:
    return f"{server.url.replace('http', 'ws', 1)}/ws?token={server.token()}"
