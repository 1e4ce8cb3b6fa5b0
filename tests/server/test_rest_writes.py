"""Booking and changing by REST: statuses, repeats, permissions, lists of operations."""

import json
from datetime import UTC, datetime, timedelta

import httpx2

from rtdash.resources import data_path
from tests.server.wanted import BOOKING, TABLE


def test_a_booking_is_answered_with_the_reservation_and_its_place(client: httpx2.Client) -> None:
    """201, Location, and what the location shows is what was answered."""
    answer = client.post("/api/hotel/bookings", json=BOOKING)
    assert answer.status_code == 201
    assert client.get(answer.headers["location"]).json() == answer.json()


def test_the_place_names_a_venue_that_is_not_the_default(serve) -> None:
    """Location works as it stands, also for the second hotel of a token."""
    with serve(venues=data_path("fixtures", "venues", "antonio-hotels.toml")).client() as client:
        second = [
            venue
            for venue in client.get("/api/user/profile").json()["venues"]
            if venue["kind"] == "hotel"
        ][1]["id"]
        room_type = client.get("/api/hotel/room-types", params={"venue": second}).json()[
            "roomTypes"
        ][0]["id"]
        answer = client.post(
            "/api/hotel/bookings", params={"venue": second}, json=BOOKING | {"roomType": room_type}
        )
        assert answer.json()["venue"] == second
        assert client.get(answer.headers["location"]).json() == answer.json()


def test_a_repeated_booking_is_answered_alike_and_changes_nothing(client: httpx2.Client) -> None:
    """Same Idempotency-Key, same content: same status, same body, one event."""
    headers = {"Idempotency-Key": "repeat-1"}
    position = client.get("/api/hotel/bookings", params={"limit": 1}).json()["positions"][
        "hotel_reservations"
    ]
    first = client.post("/api/hotel/bookings", json=BOOKING, headers=headers)
    client.patch(f"/api/hotel/bookings/{first.json()['id']}", json={"op": "pay", "amount": 10})
    second = client.post("/api/hotel/bookings", json=BOOKING, headers=headers)
    assert (second.status_code, second.json()) == (first.status_code, first.json())
    events = client.get(
        "/api/channels/hotel_reservations/events", params={"after": position["seq"]}
    ).json()["events"]
    assert [event["type"] for event in events] == ["new_reservation", "reservation_update"]
    assert events[0]["operationId"] == "repeat-1"


def test_the_same_key_for_another_content_is_refused(client: httpx2.Client) -> None:
    """422, and nothing changes."""
    headers = {"Idempotency-Key": "reuse-1"}
    assert client.post("/api/hotel/bookings", json=BOOKING, headers=headers).status_code == 201
    answer = client.post("/api/hotel/bookings", json=BOOKING | {"guests": 1}, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (
        422,
        "urn:rtdash:problem:operation_id_reused",
    )


def test_a_reservation_goes_through_its_life(client: httpx2.Client) -> None:
    """Each operation is answered with the reservation after it, its version counting up."""
    pending = client.post("/api/hotel/bookings", json=BOOKING | {"status": "Pending"}).json()
    path = f"/api/hotel/bookings/{pending['id']}"
    steps = [
        ({"op": "confirm"}, "Confirmed"),
        ({"op": "amend", "guests": 1, "checkOut": "2031-05-04"}, "Confirmed"),
        ({"op": "check_in"}, "CheckedIn"),
        ({"op": "charge", "category": "Minibar", "amount": 12.5}, "CheckedIn"),
        ({"op": "pay", "amount": 372.5}, "CheckedIn"),
        ({"op": "check_out"}, "CheckedOut"),
    ]
    for version, (operation, status) in enumerate(steps, 2):
        answer = client.patch(path, json=operation)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["status"], answer.json()["version"]) == (status, version)
    assert (answer.json()["amount"], answer.json()["balance"], answer.json()["prepaid"]) == (
        372.5,
        0,
        True,
    )


def test_a_change_can_be_repeated(client: httpx2.Client) -> None:
    """A PATCH with the same id, in the body or as the key, is done once."""
    path = f"/api/hotel/bookings/{client.post('/api/hotel/bookings', json=BOOKING).json()['id']}"
    first = client.patch(path, json={"op": "pay", "amount": 10, "operationId": "pay-1"})
    second = client.patch(
        path, json={"op": "pay", "amount": 10}, headers={"Idempotency-Key": "pay-1"}
    )
    assert first.json()["paid"] == 10
    assert second.json() == first.json()
    assert client.get(path).json()["paid"] == 10


def test_amounts_are_in_major_units(client: httpx2.Client) -> None:
    """12.34 EUR go in and come out as 12.34."""
    answer = client.post(
        "/api/restaurant/reservations", json=TABLE | {"amount": 12.34, "paid": 2.04}
    )
    assert (answer.json()["amount"], answer.json()["paid"], answer.json()["balance"]) == (
        12.34,
        2.04,
        10.3,
    )


def test_operations_are_answered_one_by_one_in_order(client: httpx2.Client) -> None:
    """Applied, repeated and refused ones side by side; a malformed one is refused alone."""
    book = {
        "operationId": "list-1",
        "op": "book",
        "kind": "restaurant",
        "reservationId": "list-res",
        **TABLE,
    }
    operations = [
        book,
        book,
        {"operationId": "list-2", "op": "seat", "kind": "restaurant", "reservationId": "list-res"},
        {
            "operationId": "list-3",
            "op": "confirm",
            "kind": "restaurant",
            "reservationId": "list-res",
        },
        {"operationId": "list-4", "op": "fly", "kind": "restaurant", "reservationId": "list-res"},
        "nonsense",
    ]
    answer = client.post("/api/operations", json=operations)
    assert answer.status_code == 200
    outcomes = answer.json()["outcomes"]
    assert [one["outcome"] for one in outcomes] == [
        "applied",
        "repeated",
        "applied",
        "refused",
        "refused",
        "refused",
    ]
    assert [one["operationId"] for one in outcomes] == [
        "list-1",
        "list-1",
        "list-2",
        "list-3",
        "list-4",
        None,
    ]
    assert outcomes[1]["seq"] == outcomes[0]["seq"] == outcomes[2]["seq"] - 1
    assert outcomes[2]["reservation"]["status"] == "Seated"
    assert [one["problem"]["status"] for one in outcomes[3:]] == [409, 422, 422]


def test_operations_come_as_ndjson_too(client: httpx2.Client) -> None:
    """One a line, blank lines passed over."""
    lines = [
        json.dumps({"operationId": f"nd-{n}", "op": "book", "kind": "restaurant", **TABLE})
        for n in range(3)
    ]
    answer = client.post(
        "/api/operations",
        content="\n\n".join(lines) + "\n",
        headers={"Content-Type": "application/x-ndjson; charset=utf-8"},
    )
    assert [one["outcome"] for one in answer.json()["outcomes"]] == ["applied"] * 3


def test_an_empty_list_has_no_outcomes(client: httpx2.Client) -> None:
    """Nothing asked, nothing done."""
    assert client.post("/api/operations", json=[]).json() == {"outcomes": []}


def test_a_thousand_operations_fit_in_one_request(client: httpx2.Client) -> None:
    """All are applied."""
    operations = [
        {"operationId": f"many-{n}", "op": "book", "kind": "restaurant", **TABLE}
        for n in range(1_000)
    ]
    outcomes = client.post("/api/operations", json=operations).json()["outcomes"]
    assert [one["outcome"] for one in outcomes] == ["applied"] * 1_000


def test_each_operation_needs_its_own_right(server) -> None:
    """What the token may not do is refused alone, and not done."""
    with server.client(scopes=("restaurant:write", "restaurant:read", "hotel:read")) as client:
        operations = [
            {"operationId": "right-1", "op": "book", "kind": "hotel", **BOOKING},
            {"operationId": "right-2", "op": "book", "kind": "restaurant", **TABLE},
        ]
        outcomes = client.post("/api/operations", json=operations).json()["outcomes"]
    assert [one["outcome"] for one in outcomes] == ["refused", "applied"]
    assert (
        outcomes[0]["problem"]["status"],
        "hotel:write" in outcomes[0]["problem"]["detail"],
    ) == (403, True)


def test_the_past_is_for_administrators(server) -> None:
    """`at` needs the scope admin; with it the event has the instant."""
    at = (
        (datetime.now(UTC) - timedelta(days=3))
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
    operation = {"op": "book", "kind": "restaurant", **TABLE, "at": at}
    with server.client() as anna, server.admin() as admin:
        refused = anna.post("/api/operations", json=[operation | {"operationId": "past-1"}]).json()[
            "outcomes"
        ][0]
        applied = admin.post(
            "/api/operations", json=[operation | {"operationId": "past-2"}]
        ).json()["outcomes"][0]
        assert (refused["outcome"], refused["problem"]["status"]) == ("refused", 403)
        assert (applied["outcome"], applied["reservation"]["createdAt"]) == ("applied", at)
        event = admin.get(
            "/api/channels/restaurant_reservations/events", params={"after": applied["seq"] - 1}
        ).json()["events"][0]
        assert event["at"] == at
