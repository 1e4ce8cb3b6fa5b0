"""Webhooks in: signed deliveries become reservations, once; what can't is kept and shown."""

import json
import secrets
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from rtdash.cli.main import run
from rtdash.protocol.webhook_signatures import parse_secret, sign
from tests.server.running import RunningServer

SECRET = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
MAP = f"""
secret = "{SECRET}"
kind = "restaurant"
venue = "harbour-grill"
items = "bookings"
[fields]
reservationId = "id"
sourceVersion = "updated_at"
customerName = "guest.name"
guests = "covers"
date = "seating_at"
status = {{ column = "state", values = {{ "left" = "Completed" }}, default = "Confirmed" }}
"""
Deliver = Callable[..., httpx2.Response]


def booking(name: str, **changes: Any) -> dict[str, Any]:
    """A booking as the other system sends it."""
    told = {
        "id": name,
        "updated_at": "2026-01-31T19:00:00Z",
        "guest": {"name": "Ann"},
        "covers": 2,
        "seating_at": "2031-02-01T20:00:00Z",
        "state": "",
    }
    return told | changes


@pytest.fixture(scope="module")
def source(server: RunningServer) -> str:
    """A source whose file is in the data directory."""
    directory = server.app.state.services.settings.data / "hooks"
    directory.mkdir()
    (directory / "covers.toml").write_text(MAP)
    return "covers"


@pytest.fixture
def deliver(server: RunningServer, source: str) -> Deliver:
    """Sends a delivery, signed by default."""

    def send(value: Any, *, to: str = source, at: float | None = None, **headers: str) -> Any:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        delivery_id = headers.pop("id", secrets.token_hex(8))
        timestamp = int(time.time() if at is None else at)
        given = {
            "webhook-id": delivery_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(parse_secret(SECRET), delivery_id, timestamp, body),
        } | headers
        with server.client("") as client:
            return client.post(f"/api/hooks/{to}", content=body, headers=given)

    return send


def test_a_delivery_becomes_reservations(deliver: Deliver, client: httpx2.Client) -> None:
    """202 when they are stored; a newer state of one changes it."""
    first = deliver({"bookings": [booking("w1"), booking("w2")]})
    assert (first.status_code, first.json()) == (202, {"applied": 2, "repeated": 0, "refused": 0})
    newer = booking("w1", updated_at="2026-01-31T20:00:00Z", state="left")
    assert deliver({"bookings": [newer, booking("w2")]}).json() == {
        "applied": 1,
        "repeated": 1,
        "refused": 0,
    }
    shown = client.get("/api/restaurant/reservations/w1").json()
    assert (shown["status"], shown["version"]) == ("Completed", 2)


def test_a_delivery_is_taken_once(deliver: Deliver) -> None:
    """The same id again, with whatever body, changes nothing."""
    one = {"bookings": [booking("once")]}
    assert deliver(one, id="msg_1").json()["applied"] == 1
    again = deliver({"bookings": [booking("twice")]}, id="msg_1")
    assert (again.status_code, again.json()["applied"]) == (202, 0)


def test_what_is_not_the_senders_is_401(deliver: Deliver) -> None:
    """Unsigned, signed by another, too old; an unknown source is 404."""
    body = {"bookings": []}
    assert deliver(body, **{"webhook-signature": "v1,AAAA"}).status_code == 401
    assert deliver(body, **{"webhook-id": ""}).status_code == 401
    assert deliver(body, at=time.time() - 600).status_code == 401
    for name in ("nobody", "..%2Fcovers", "covers.toml"):
        assert deliver(body, to=name).status_code == 404
    assert deliver(b"x" * 1_100_000).status_code == 413


def test_what_is_refused_is_kept_and_shown(
    deliver: Deliver, server: RunningServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """With what to mend; the good records of the same delivery are taken."""
    bad = booking("bad", covers="many")
    answer = deliver({"bookings": [booking("good"), bad, booking("b c"), 7]}, id="msg_bad")
    assert answer.json() == {"applied": 1, "repeated": 0, "refused": 3}
    assert deliver(b"no json", id="msg_junk").json()["refused"] == 1
    with server.client() as anna:
        assert anna.get("/api/hooks").status_code == 403
    token = server.token(scopes=("admin",))
    assert run(["hooks", "--url", server.url, "--token", token]) == 0
    out = capfd.readouterr().out
    assert "covers msg_bad\n" in out
    assert "line 2, covers: 'many' is no number" in out
    assert "'b c' can't be an id" in out
    assert "covers msg_junk\n  no JSON" in out


def test_a_file_that_has_changed_is_read_anew(
    deliver: Deliver, server: RunningServer, source: str
) -> None:
    """A second secret while one is exchanged; a broken file is 503, and 202 once it is mended."""
    file = server.app.state.services.settings.data / "hooks" / f"{source}.toml"
    other = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
    try:
        file.write_text(MAP.replace(f'"{SECRET}"', f'["{other}", "{SECRET}"]'))
        assert deliver({"bookings": [booking("two-secrets")]}).status_code == 202
        file.write_text("secret = 1")
        assert deliver({"bookings": []}).status_code == 503
    finally:
        file.write_text(MAP)
    assert deliver({"bookings": []}).status_code == 202
