"""Webhooks out against real receivers: nothing lost, in order, signed, whatever the receiver does."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from rtdash.cli.main import run
from tests.server.running import RunningServer, ServerThread, start_server
from tests.webhooks.receivers import Delivered, ReceiverServer, in_order, wait_for

STREAM = {"channel": "restaurant_reservations", "venue": "harbour-grill"}
TABLE = {"guests": 2, "source": "Phone", "date": "2031-02-01T20:00:00Z"}

pytestmark = pytest.mark.timeout(180)
Add = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that may send to this machine."""
    running, thread = start_server(tmp_path_factory.mktemp("data"), hooks_allow="127.0.0.0/8")
    yield running
    thread.stop()


@pytest.fixture
def receiver() -> Iterator[ReceiverServer]:
    with ReceiverServer().running() as running:
        yield running


@pytest.fixture
def add(server: RunningServer) -> Iterator[Add]:
    """Adds a webhook, which is gone behind the test."""
    ids: list[str] = []

    def add(url: str, **fields: Any) -> dict[str, Any]:
        with server.admin() as admin:
            answer = admin.post("/api/admin/webhooks", json={**STREAM, "url": url, **fields})
        assert answer.status_code == 201, answer.text
        added: dict[str, Any] = answer.json()
        ids.append(added["id"])
        return added

    yield add
    with server.admin() as admin:
        for one in ids:
            admin.delete(f"/api/admin/webhooks/{one}")


def book(server: RunningServer, count: int = 1) -> None:
    """Book tables: an event each."""
    with server.client() as client:
        for _ in range(count):
            body = {**TABLE, "customerName": "Ann Guest"}
            assert client.post("/api/restaurant/reservations", json=body).status_code == 201


def shown(server: RunningServer, webhook_id: str) -> dict[str, Any]:
    """The webhook as it is listed."""
    with server.admin() as admin:
        found = admin.get("/api/admin/webhooks").json()["webhooks"]
    return next(one for one in found if one["id"] == webhook_id)


def test_events_arrive_signed_and_in_order(
    server: RunningServer, receiver: ReceiverServer, add: Add
) -> None:
    """From now on, as on the wire, with their positions; ids differ, and say which event it is."""
    book(server)
    added = add(receiver.url)
    book(server, 5)
    wait_for(lambda: len(receiver.taken) == 5)
    first = added["position"]["seq"] + 1
    assert receiver.seqs == list(range(first, first + 5))
    one = receiver.taken[0]
    assert all(each.is_signed(added["secret"]) for each in receiver.taken)
    assert len({each.id for each in receiver.taken}) == 5
    epoch = added["position"]["epoch"]
    assert one.id == f"{added['id']}-{epoch}-{first}"
    assert one.message["position"] == {"epoch": epoch, "seq": first}
    with server.client() as client:
        path = f"/api/channels/{STREAM['channel']}/events"
        logged = client.get(path, params={"after": first - 1, "limit": 1}).json()["events"][0]
    assert one.message["data"] == logged
    assert (one.message["type"], one.message["timestamp"]) == (
        "new_reservation",
        logged["timestamp"],
    )
    wait_for(lambda: shown(server, added["id"])["lagEvents"] == 0)
    with server.client("") as client:
        assert "rtdash_webhook_lag_events" in client.get("/metrics").text
        assert 'rtdash_webhook_deliveries_total{result="delivered"}' in client.get("/metrics").text


def test_a_receiver_that_is_down_gets_everything_later(server: RunningServer, add: Add) -> None:
    """The receiver's lag and the last failure are shown meanwhile; another receiver, and a socket's
    way, are not held up.
    """
    receiver, other = ReceiverServer(), ReceiverServer()
    with receiver.running():
        pass
    with other.running():
        down, up = add(receiver.url), add(other.url)
        book(server, 6)
        wait_for(lambda: len(other.taken) == 6)
        wait_for(lambda: shown(server, down["id"])["failures"] >= 2)
        found = shown(server, down["id"])
        assert (found["lagEvents"], found["deliveredAt"]) == (6, None)
        assert "can't be connected to" in found["failure"]
        assert found["lagSeconds"] >= 0
        with receiver.running():
            wait_for(lambda: len(receiver.taken) == 6)
        assert in_order(receiver.seqs) == in_order(other.seqs)
        wait_for(lambda: shown(server, down["id"])["failure"] is None)
        assert shown(server, up["id"])["failures"] == 0


def test_a_receiver_that_lies_loses_nothing(
    server: RunningServer, receiver: ReceiverServer, add: Add
) -> None:
    """500 now and then, answers that break off, a 200 that comes too late: the same id comes again,
    and nothing overtakes it.
    """
    count = 0

    def lie(_: Delivered) -> tuple[int, dict[str, str]]:
        nonlocal count
        count += 1
        if count % 3 == 1:
            return 500, {}
        if count % 3 == 2:
            return 503, {"Retry-After": "0"}
        return 204, {}

    receiver.answer = lie
    add(receiver.url)
    book(server, 4)
    wait_for(lambda: len(receiver.taken) == 4)
    assert receiver.seqs == in_order([one.seq for one in receiver.attempts])
    by_id = {one.id for one in receiver.attempts}
    assert len(by_id) == 4 < len(receiver.attempts)


def test_an_answer_that_comes_too_late_is_a_failure(
    server: RunningServer, receiver: ReceiverServer, add: Add
) -> None:
    """The delivery is sent again with the same id; meanwhile a receiver that is well gets its
    events.
    """
    wake = threading.Event()

    def late(_: Delivered) -> tuple[int, dict[str, str]]:
        wake.wait(60)
        return 200, {}

    receiver.answer = late
    with ReceiverServer().running() as other:
        slow = add(receiver.url)
        add(other.url)
        book(server, 3)
        wait_for(lambda: len(other.taken) == 3)
        assert len(receiver.attempts) == 1
        wait_for(lambda: shown(server, slow["id"])["failure"])
        assert "no answer within 10 s" in shown(server, slow["id"])["failure"]
        assert len(other.taken) == 3
        wake.set()
        wait_for(lambda: len(receiver.attempts) >= 4)
        wait_for(lambda: len(set(receiver.seqs)) == 3)
    assert receiver.attempts[0].id == receiver.attempts[1].id
    assert in_order(receiver.seqs) == in_order(other.seqs)


def test_a_redirect_is_not_followed(
    server: RunningServer, receiver: ReceiverServer, add: Add, capfd: pytest.CaptureFixture[str]
) -> None:
    """The failure names the place, also in the terminal; nothing is sent there."""
    with ReceiverServer().running() as place:
        receiver.answer = lambda _: (308, {"Location": place.url})
        added = add(receiver.url)
        book(server)
        wait_for(lambda: shown(server, added["id"])["failure"])
        assert not place.attempts
    failure = shown(server, added["id"])["failure"]
    assert place.url in failure
    assert "add that address" in failure
    token = server.token(scopes=("admin",))
    assert run(["hooks", "list", "--url", server.url, "--token", token]) == 0
    out = capfd.readouterr().out
    assert added["id"] in out
    assert "lacks 1 events" in out
    assert failure in out


def test_gone_disables_it(server: RunningServer, receiver: ReceiverServer, add: Add) -> None:
    """410 is the last answer that is asked for."""
    receiver.answer = lambda _: (410, {})
    added = add(receiver.url)
    book(server, 2)
    wait_for(lambda: shown(server, added["id"])["disabledAt"])
    assert "410" in shown(server, added["id"])["failure"]
    with ReceiverServer().running() as other:
        add(other.url)
        book(server)
        wait_for(lambda: other.taken)
    assert len(receiver.attempts) == 1


def test_retry_after_is_honoured(server: RunningServer, receiver: ReceiverServer, add: Add) -> None:
    """Not earlier than the receiver asked for."""
    arrived: list[float] = []

    def answer(_: Delivered) -> tuple[int, dict[str, str]]:
        arrived.append(time.monotonic())
        return (429, {"Retry-After": "3"}) if len(arrived) == 1 else (200, {})

    receiver.answer = answer
    add(receiver.url)
    book(server)
    wait_for(lambda: receiver.taken)
    assert arrived[1] - arrived[0] >= 3


def test_a_removed_webhook_sends_no_more(
    server: RunningServer, receiver: ReceiverServer, add: Add
) -> None:
    """Also when its receiver was failing."""
    receiver.answer = lambda _: (500, {})
    added = add(receiver.url)
    book(server)
    wait_for(lambda: receiver.attempts)
    with server.admin() as admin:
        assert admin.delete(f"/api/admin/webhooks/{added['id']}").status_code == 204
        assert admin.delete(f"/api/admin/webhooks/{added['id']}").status_code == 404
    webhooks = server.app.state.services.webhooks
    wait_for(lambda: added["id"] not in webhooks._running)
    assert all(one["id"] != added["id"] for one in _listed(server))


def test_an_erased_guest_is_not_sent(server: RunningServer, add: Add) -> None:
    """What waits for a receiver is read from the log when it is sent."""
    receiver = ReceiverServer()
    with receiver.running():
        pass
    added = add(receiver.url)
    with server.admin() as admin:
        body = {**TABLE, "customerName": "Erna Secret", "customerEmail": "erna@example.com"}
        assert admin.post("/api/restaurant/reservations", json=body).status_code == 201
        wait_for(lambda: shown(server, added["id"])["failure"])
        erased = admin.post("/api/admin/guests/erase", json={"email": "erna@example.com"})
        assert erased.status_code == 200
    with receiver.running():
        wait_for(lambda: len(receiver.taken) == 2)
    assert receiver.taken[0].message["type"] == "new_reservation"
    assert all(b"Erna" not in one.body for one in receiver.attempts)


def test_wrong_webhooks_are_refused(server: RunningServer, client: httpx2.Client) -> None:
    """Each with what to mend; none is stored."""
    wrong = [
        ({"channel": "restaurant_stats"}, "one with events"),
        ({"url": "ftp://127.0.0.1/"}, "https://"),
        ({"url": "http://receiver.example/"}, "RTDASH_HOOKS_ALLOW"),
        ({"url": "https://user:secret@receiver.example/"}, "no user and password"),
        ({"url": "https://127.0.0.1/#part"}, "behind #"),
        ({"url": "https://[::1/"}, "no URL"),
        ({"url": "https://10.0.0.1/"}, "a private network"),
        ({"url": "https://[::ffff:169.254.169.254]/"}, "link-local"),
        ({"url": "https://0x7f.1.:443/ "}, "no blanks"),
        ({"secret": "whsec_short"}, "rtdash hooks secret"),
        ({"venue": "nope"}, "venue"),
        ({"more": "x"}, "no field"),
        ({"url": 7}, "must be a text"),
    ]
    before = _listed(server)
    with server.admin() as admin:
        for fields, text in wrong:
            given = {**STREAM, "url": "https://127.0.0.1/", **fields}
            answer = admin.post("/api/admin/webhooks", json=given)
            assert answer.status_code in {422, 403}, (fields, answer.text)
            assert text in answer.json()["detail"], (fields, answer.text)
    assert client.get("/api/admin/webhooks").status_code == 403
    assert client.post("/api/admin/webhooks", json={}).status_code == 403
    assert client.delete("/api/admin/webhooks/wh_1").status_code == 403
    assert _listed(server) == before


def test_the_command_adds_and_removes(
    server: RunningServer,
    receiver: ReceiverServer,
    tmp_path: Any,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The secret is printed once, or is the one of a file."""
    token = server.token(scopes=("admin", "restaurant:read"))
    to = ["--url", server.url, "--token", token]
    what = ["--channel", "restaurant_reservations"]
    assert run(["hooks", "add", receiver.url, *what, *to]) == 0
    webhook_id, secret = capfd.readouterr().out.split()
    book(server)
    wait_for(lambda: receiver.taken)
    assert receiver.taken[0].is_signed(secret)
    assert run(["hooks", "list", "--json", *to]) == 0
    out = capfd.readouterr().out
    assert webhook_id in out
    assert secret not in out
    assert run(["hooks", "remove", webhook_id, *to]) == 0
    assert run(["hooks", "remove", webhook_id, *to]) == 1
    assert run(["hooks", "remove", "../x", *to]) == 2
    assert "no such webhook" in capfd.readouterr().err
    (tmp_path / "secret").write_text(f"\ufeff{secret}\n")
    file = ["--secret-file", str(tmp_path / "secret")]
    assert run(["hooks", "add", receiver.url, *what, *file, *to]) == 0
    webhook_id, again = capfd.readouterr().out.split()
    assert again == secret
    assert run(["hooks", "remove", webhook_id, *to]) == 0
    assert run(["hooks", "add", receiver.url, *what, "--secret-file", "/nope", *to]) == 2


def test_a_restart_goes_on_where_it_was(tmp_path: Any) -> None:
    """The position is in the store, and is sent on at once."""
    receiver = ReceiverServer()
    with receiver.running():
        pass
    running, thread = _start(tmp_path)
    with running.admin() as admin:
        admin.post("/api/admin/webhooks", json={**STREAM, "url": receiver.url})
    book(running, 3)
    thread.stop()
    with receiver.running():
        running, thread = _start(tmp_path)
        book(running, 2)
        wait_for(lambda: len(receiver.taken) == 5)
        thread.stop()
    assert receiver.seqs == [1, 2, 3, 4, 5]


def _start(data: Any) -> tuple[RunningServer, ServerThread]:
    return start_server(data, hooks_allow="127.0.0.1")


def _listed(server: RunningServer) -> list[dict[str, Any]]:
    with server.admin() as admin:
        found: list[dict[str, Any]] = admin.get("/api/admin/webhooks").json()["webhooks"]
    return found
