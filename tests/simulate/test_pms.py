"""The simulated system: its states, its signed events, and a real server that takes them."""

import asyncio
import json
import threading
import urllib.request
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import islice

import pytest

from rtdash.client.api_errors import NotAllowed
from rtdash.imports import convert, parse_map, parse_rows
from rtdash.protocol.webhook_signatures import ID, SIGNATURE, check_age, check_signature
from rtdash.resources import data_path
from rtdash.simulate.live_traffic import generate_live
from rtdash.simulate.pms import ReservationStates, event_of
from rtdash.simulate.pms_server import serve_states
from rtdash.simulate.scenarios import find_scenario
from rtdash.simulate.tally import Tally
from rtdash.simulate.webhook_sender import WebhookSender

KEY = b"k" * 32
START = datetime(2026, 11, 20, 17, tzinfo=UTC)


@pytest.fixture
def operations(hotel):
    """Two hundred operations of live traffic."""
    live = generate_live(
        hotel, "city", seed=1, start=START, scenario=find_scenario("steady"), rate_per_s=20
    )
    return list(islice(live, 200))


@pytest.fixture
def receiver():
    """A server that keeps deliveries and answers with the statuses it is given, then 202."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            self.server.deliveries.append((dict(self.headers), body))
            self.send_response(self.server.answers.pop(0) if self.server.answers else 202)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.deliveries, server.answers = [], []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def send(receiver, operations, *, thin=False):
    """Send the events; the tally and the states."""
    tally, states = Tally(), ReservationStates()

    async def scenario():
        sender = WebhookSender(
            f"http://127.0.0.1:{receiver.server_address[1]}/", KEY, states=states,
            base_url="http://127.0.0.1:1", thin=thin, tally=tally, stop=asyncio.Event(),
        )  # fmt: skip
        await sender.send_events(operations, origin=operations[-1].due, duration_s=float("inf"))

    asyncio.run(scenario())
    return tally, states


def test_events_are_signed_and_in_order(receiver, operations):
    """As Standard Webhooks say; every delivery has an id of its own, revisions count up."""
    tally, _ = send(receiver, operations)
    assert tally.applied.total() == tally.sent == len(receiver.deliveries) == 200
    revisions = {}
    for headers, body in receiver.deliveries:
        low = {name.lower(): value for name, value in headers.items()}
        delivery_id, timestamp = check_age(low, datetime.now(UTC).timestamp())
        check_signature([KEY], low[SIGNATURE], delivery_id, timestamp, body)
        data = json.loads(body)["data"]
        assert data["revision"] == revisions.get(data["id"], 0) + 1
        revisions[data["id"]] = data["revision"]
    ids = [headers.get(ID) or headers.get("Webhook-Id") for headers, _ in receiver.deliveries]
    assert len({*ids}) == 200


def test_refused_for_a_while_is_sent_again(receiver, operations, monkeypatch):
    """With the same id; a server that is busy loses nothing."""
    monkeypatch.setattr("rtdash.simulate.webhook_sender.FIRST_PAUSE_S", 0.01)
    receiver.answers += [503, 429]
    tally, _ = send(receiver, operations[:1])
    assert len({headers["webhook-id"] for headers, _ in receiver.deliveries}) == 1
    assert (tally.retries, tally.applied.total()) == (2, 1)


def test_a_wrong_secret_ends_the_run(receiver, operations):
    """A refused delivery is not tried again."""
    receiver.answers += [401]
    with pytest.raises(NotAllowed):
        send(receiver, operations[:1])


def test_thin_events_say_where_the_state_is(receiver, operations):
    """Id, revision and address, nothing of the guest."""
    send(receiver, operations[:5], thin=True)
    for _, body in receiver.deliveries:
        assert set(json.loads(body)["data"]) == {"id", "revision", "href"}


def test_states_are_served(operations):
    """One by its address, the newest as a list, 404 for others."""
    states = ReservationStates()
    kept = [states.apply(timed) for timed in operations]
    with serve_states(states, 0) as base_url:
        event = json.loads(event_of(kept[-1], base_url, thin=True))
        with urllib.request.urlopen(event["data"]["href"], timeout=30) as answer:
            assert json.load(answer) == kept[-1]
        with urllib.request.urlopen(f"{base_url}/reservations", timeout=30) as answer:
            assert json.load(answer)[0] == kept[-1]
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{base_url}/reservations/none", timeout=30)


def test_the_packaged_map_takes_every_event(operations):
    """Each becomes a `put` with the state's version, status and money."""
    mapping = parse_map(
        data_path("fixtures", "imports", "simulated-pms.toml").read_bytes(), source="map"
    )
    states = ReservationStates()
    for timed in operations:
        state = states.apply(timed)
        body = event_of(state, "http://127.0.0.1:1", thin=False)
        (row,) = parse_rows(body, mapping, name="hook.json")
        made = convert(row, mapping, zones={"harbour-hotel": "Europe/Lisbon"})
        assert isinstance(made, dict), made
        assert made["op"] == "put"
        assert made["reservationId"] == state["id"]


def test_memory_is_bounded(operations, monkeypatch):
    """Beyond the bound, the states changed longest ago are forgotten."""
    monkeypatch.setattr("rtdash.simulate.pms.MOST_STATES", 3)
    states = ReservationStates()
    for timed in operations:
        states.apply(timed)
    assert len(states.newest()) == 3
    assert states.newest()[0]["changed_at"] >= states.newest()[-1]["changed_at"]
