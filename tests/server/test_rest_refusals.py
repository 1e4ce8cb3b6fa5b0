"""Bad input by REST: each gets its status, a stable problem type and a text that says how to mend
it, and changes nothing.
"""

import json
from typing import Any

import httpx2
import pytest

from tests.server.wanted import BOOKING


def assert_problem(answer: httpx2.Response, status: int, code: str, *words: str) -> dict[str, Any]:
    """The answer is that problem, and its detail has those words."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["type"]) == (
        status,
        status,
        f"urn:rtdash:problem:{code}",
    ), answer.text
    assert problem["title"]
    for word in words:
        assert word in problem["detail"]
    return problem


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"guests": "2"}, ("guests", "whole number")),
        ({"guests": 0}, ("guests", "from 1")),
        ({"guests": True}, ("guests",)),
        ({"guests": 1.5}, ("guests",)),
        ({"customerName": ""}, ("customerName",)),
        ({"customerName": "   "}, ("customerName", "visible")),
        ({"customerName": "a\u0000b"}, ("customerName", "control")),
        ({"customerName": None}, ("customerName",)),
        ({"checkIn": "2031-02-30"}, ("checkIn", "2031-02-30")),
        ({"checkIn": "01/05/2031"}, ("checkIn", "2026-01-31")),
        ({"checkIn": 20310501}, ("checkIn",)),
        ({"checkOut": "9999-12-31"}, ("checkOut", "years")),
        ({"amount": -1}, ("amount",)),
        ({"amount": "12"}, ("amount",)),
        ({"amount": 1.234}, ("amount", "digits")),
        ({"amount": 1e300}, ("amount",)),
        ({"status": "CheckedIn"}, ("status", "Pending")),
        ({"reservationId": "../etc"}, ("reservationId",)),
        ({"colour": "red"}, ("colour", "leave it out")),
        ({"date": "2031-05-01T19:00:00Z"}, ("date", "leave it out")),
        ({"kind": "hotel"}, ("kind", "leave it out")),
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_a_wrong_field_is_named(
    client: httpx2.Client, change: dict[str, Any], words: tuple[str, ...]
) -> None:
    """422 with the field and what it must be."""
    problem = assert_problem(
        client.post("/api/hotel/bookings", json=BOOKING | change), 422, "invalid", *words
    )
    assert problem["errors"][0]["field"] == next(iter(change))


@pytest.mark.usefixtures("unchanged")
def test_every_wrong_field_is_named_at_once(client: httpx2.Client) -> None:
    """A caller needn't mend one mistake after the other."""
    problem = assert_problem(
        client.post("/api/hotel/bookings", json={"guests": "x", "foo": 1}), 422, "invalid"
    )
    named = {error["field"] for error in problem["errors"]}
    assert named == {"guests", "foo", "customerName", "source", "roomType", "checkIn", "checkOut"}


@pytest.mark.parametrize(
    ("change", "status", "code", "word"),
    [
        ({"checkOut": "2031-04-30"}, 422, "dates_reversed", "after checkIn"),
        ({"checkOut": "2031-05-01"}, 422, "dates_reversed", "night"),
        ({"checkOut": "2033-05-01"}, 422, "stay_too_long", "366"),
        ({"roomType": "igloo"}, 422, "unknown_room_type", "double"),
        ({"paid": 1000}, 409, "overpaid", "240"),
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_a_rule_of_the_domain_refuses(
    client: httpx2.Client, change: dict[str, Any], status: int, code: str, word: str
) -> None:
    """The refusal's own status and code, and how to mend it."""
    assert_problem(client.post("/api/hotel/bookings", json=BOOKING | change), status, code, word)


def test_the_last_room_is_sold_once(client: httpx2.Client) -> None:
    """Beyond the rooms of a type a night is refused, with the place that shows what is free."""
    dates = {"checkIn": "2032-01-01", "checkOut": "2032-01-02"}
    booking = {"op": "book", "kind": "hotel", **BOOKING, **dates}
    sold = client.post(
        "/api/operations", json=[booking | {"operationId": f"sold-{n}"} for n in range(30)]
    ).json()["outcomes"]
    assert [one["outcome"] for one in sold] == ["applied"] * 26 + ["refused"] * 4
    assert_problem(
        client.post("/api/hotel/bookings", json=BOOKING | dates),
        409,
        "no_availability",
        "2032-01-01",
        "/api/hotel/rooms/availability",
    )


def test_an_operation_that_cant_follow_the_status_is_refused(client: httpx2.Client) -> None:
    """409 with the statuses from which it could."""
    path = f"/api/hotel/bookings/{client.post('/api/hotel/bookings', json=BOOKING).json()['id']}"
    assert_problem(
        client.patch(path, json={"op": "check_out"}),
        409,
        "invalid_transition",
        "CheckedIn",
        "Confirmed",
    )
    client.patch(path, json={"op": "cancel"})
    assert_problem(
        client.patch(path, json={"op": "amend", "guests": 1}), 409, "not_amendable", "reinstate"
    )


def test_a_reservation_id_is_taken_once(client: httpx2.Client) -> None:
    """409 for the second booking of it."""
    assert (
        client.post("/api/hotel/bookings", json=BOOKING | {"reservationId": "mine"}).status_code
        == 201
    )
    assert_problem(
        client.post("/api/hotel/bookings", json=BOOKING | {"reservationId": "mine"}),
        409,
        "reservation_exists",
        "another",
    )


@pytest.mark.usefixtures("unchanged")
def test_an_unknown_reservation_is_not_found(client: httpx2.Client) -> None:
    """404 for reading and changing it, also where the id is none that a reservation can have."""
    for strange in ("a%00b", "%20", "x" * 200, "..%2F"):
        assert client.get(f"/api/hotel/bookings/{strange}").status_code == 404
        assert (
            client.patch(f"/api/hotel/bookings/{strange}", json={"op": "confirm"}).status_code
            == 404
        )
    assert_problem(client.get("/api/hotel/bookings/nobody"), 404, "reservation_not_found", "nobody")
    assert_problem(
        client.patch("/api/hotel/bookings/nobody", json={"op": "confirm"}),
        404,
        "reservation_not_found",
    )


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "op"),
        ({"op": "seat"}, "check_in"),
        ({"op": ["confirm"]}, "op"),
        ({"op": "book", **BOOKING}, "POST"),
        ({"op": "pay"}, "amount"),
        ({"op": "confirm", "amount": 3}, "amount"),
        ({"op": "confirm", "kind": "hotel"}, "kind"),
        ({"op": "confirm", "reservationId": "other"}, "path"),
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_a_wrong_change_is_refused(client: httpx2.Client, body: dict[str, Any], word: str) -> None:
    """422 with what it must be."""
    assert_problem(client.patch("/api/hotel/bookings/any", json=body), 422, "invalid", word)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b'{"guests": NaN}', b'{"customerName": "\\ud800"}', b"[" * 4_000],
)
@pytest.mark.usefixtures("unchanged")
def test_what_is_no_json_is_unreadable(client: httpx2.Client, content: bytes) -> None:
    """400 for a booking and for a list."""
    assert_problem(
        client.post("/api/hotel/bookings", content=content[:60_000]), 400, "unreadable", "JSON"
    )
    assert_problem(client.post("/api/operations", content=content), 400, "unreadable", "JSON")


@pytest.mark.usefixtures("unchanged")
def test_too_many_brackets_are_not_decoded(client: httpx2.Client) -> None:
    """400 for a booking, whether it would be JSON or not, and for an operation of a list."""
    nested = b"[" * 5_000 + b"]" * 5_000
    for path, content in (("hotel/bookings", b"[" * 60_000), ("operations", b"[%b]" % nested)):
        answer = client.post(f"/api/{path}", content=content)
        assert_problem(answer, 400, "unreadable", "4000 brackets")


@pytest.mark.parametrize("value", [None, 3, "text", [], [BOOKING]])
@pytest.mark.usefixtures("unchanged")
def test_a_booking_is_an_object(client: httpx2.Client, value: Any) -> None:
    """422 for JSON that is something else."""
    assert_problem(
        client.post("/api/hotel/bookings", content=json.dumps(value)), 422, "invalid", "object"
    )


@pytest.mark.usefixtures("unchanged")
def test_operations_are_a_list(client: httpx2.Client) -> None:
    """400 for an object, and the line's number for NDJSON that breaks off: nothing of it is
    applied.
    """
    assert_problem(client.post("/api/operations", json={"op": "book"}), 400, "unreadable", "list")
    lines = json.dumps({"operationId": "line-1", "op": "book", "kind": "hotel", **BOOKING}) + "\n{"
    answer = client.post(
        "/api/operations", content=lines, headers={"Content-Type": "application/x-ndjson"}
    )
    assert_problem(answer, 400, "unreadable", "line 2")
