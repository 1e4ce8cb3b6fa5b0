"""Changes by REST as hotels and restaurants have them: conditions, early departures, refunds, rooms
that are too small, lists that stand together, states of another system.
"""

import codecs
import gzip
import json
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from tests.server.wanted import BOOKING, TABLE

BOOKINGS, TABLES, OPERATIONS = (
    "/api/hotel/bookings",
    "/api/restaurant/reservations",
    "/api/operations",
)
NDJSON = {"Content-Type": "application/x-ndjson"}


def book(client: httpx2.Client, **fields: object) -> str:
    """The path of a new booking."""
    answer = client.post(BOOKINGS, json=BOOKING | fields)
    assert answer.status_code == 201, answer.text
    return f"{BOOKINGS}/{answer.json()['id']}"


def code_of(answer: httpx2.Response) -> tuple[int, str]:
    """Status and code of a problem."""
    return answer.status_code, answer.json()["type"].removeprefix("urn:rtdash:problem:")


def test_a_reservation_has_the_etag_of_its_version(client: httpx2.Client) -> None:
    """Answers of POST, GET and PATCH carry it, and it changes with each change."""
    booked = client.post(BOOKINGS, json=BOOKING)
    path = f"{BOOKINGS}/{booked.json()['id']}"
    read = client.get(path)
    assert booked.headers["etag"] == read.headers["etag"] == 'W/"1"'
    assert client.get(path, headers={"If-None-Match": 'W/"1"'}).status_code == 304
    changed = client.patch(path, json={"op": "pay", "amount": 1})
    assert changed.headers["etag"] == client.get(path).headers["etag"] == 'W/"2"'


def test_a_change_on_an_old_version_is_412(client: httpx2.Client) -> None:
    """Two receptionists read the same version: the second gets the error, and nothing changes."""
    path = book(client)
    etag = client.get(path).headers["etag"]
    condition = {"If-Match": etag}
    first = client.patch(path, json={"op": "amend", "guests": 1}, headers=condition)
    second = client.patch(path, json={"op": "amend", "source": "x"}, headers=condition)
    assert first.status_code == 200
    assert code_of(second) == (412, "version_changed")
    assert "version 2 now" in second.json()["detail"]
    assert client.get(path).json() == first.json()


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        *(('W/"1"', 200), ('"1"', 200), ('"9", W/"1"', 200), ("*", 200), ("1", 200)),
        *(('"2"', 412), ('"never"', 412), ('"of another, 1"', 412), ('"01"', 412), ('"*"', 412)),
    ],
)
def test_what_if_match_names(client: httpx2.Client, tags: str, status: int) -> None:
    """Weak or strong, one of several, or any version that there is."""
    answer = client.patch(
        book(client), json={"op": "amend", "guests": 1}, headers={"If-Match": tags}
    )
    assert answer.status_code == status


def test_if_match_on_several_lines_is_one_list(client: httpx2.Client) -> None:
    """As a proxy may put it."""
    lines = [("If-Match", '"9"'), ("If-Match", 'W/"1"'), ("If-Match", '"7"')]
    answer = client.patch(book(client), json={"op": "amend", "guests": 1}, headers=lines)
    assert answer.status_code == 200


def test_a_repeat_with_its_condition_is_repeated(client: httpx2.Client) -> None:
    """The answer was lost, the version has moved by this very change: no 412."""
    path = book(client)
    headers = {"If-Match": 'W/"1"', "Idempotency-Key": f"lost-{path[-8:]}"}
    first = client.patch(path, json={"op": "pay", "amount": 1}, headers=headers)
    again = client.patch(path, json={"op": "pay", "amount": 1}, headers=headers)
    assert (again.status_code, again.json()) == (200, first.json())
    missing = client.patch(f"{BOOKINGS}/none", json={"op": "cancel"}, headers={"If-Match": "*"})
    assert missing.status_code == 404


def test_leaving_early_frees_the_nights(client: httpx2.Client) -> None:
    """The room can be sold again tonight; the amount stays, or is what is agreed."""
    now = datetime.now(UTC)
    dates = {
        "checkIn": (now - timedelta(days=4)).date().isoformat(),
        "checkOut": (now + timedelta(days=4)).date().isoformat(),
    }
    left = []
    for agreed in ({}, {"amount": 200}):
        path = book(client, **dates)
        client.patch(path, json={"op": "check_in"})
        left.append(client.patch(path, json={"op": "check_out", **agreed}).json())
    assert [stay["status"] for stay in left] == ["CheckedOut"] * 2
    assert all(stay["checkOut"] <= now.date().isoformat() for stay in left)
    assert [stay["amount"] for stay in left] == [960, 200]


def test_a_deposit_is_given_back_and_a_fee_is_kept(client: httpx2.Client) -> None:
    """After a cancellation; the fee is revenue of its date."""
    before = client.get("/api/dashboard/revenue/by-category").json()["total"]
    path = book(client, paid=120)
    client.patch(path, json={"op": "cancel"})
    fee = {"op": "charge", "category": "Cancellation fee", "amount": 80}
    assert client.patch(path, json=fee).status_code == 200
    assert client.patch(path, json={"op": "refund", "amount": 40}).json()["paid"] == 80
    assert code_of(client.patch(path, json={"op": "refund", "amount": 80.01})) == (
        409,
        "refund_too_large",
    )
    assert client.get("/api/dashboard/revenue/by-category").json()["total"] == before + 80


def test_more_guests_than_the_room_holds_are_refused(client: httpx2.Client) -> None:
    """When booked and when amended; a larger room takes them."""
    crowded = client.post(BOOKINGS, json=BOOKING | {"guests": 5})
    assert code_of(crowded) == (409, "over_capacity")
    path = book(client)
    assert code_of(client.patch(path, json={"op": "amend", "guests": 3})) == (409, "over_capacity")


def test_an_atomic_list_is_applied_whole_or_not_at_all(client: httpx2.Client) -> None:
    """A malformed operation refuses the list as one that the domain refuses."""
    start = client.get(TABLES, params={"limit": 1}).json()["positions"]
    good = {"op": "book", "kind": "restaurant", **TABLE}
    for bad in (
        {"op": "seat", "kind": "restaurant", "reservationId": "nobody"},
        {"op": "dance", "kind": "restaurant"},
        7,
    ):
        name = json.dumps(bad)[-8:].encode().hex()
        value = bad | {"operationId": f"bad-{name}"} if isinstance(bad, dict) else bad
        answer = client.post(
            OPERATIONS,
            params={"atomic": "true"},
            json=[good | {"operationId": f"good-{name}"}, value],
        )
        assert answer.status_code == 200
        outcomes = answer.json()["outcomes"]
        assert [one["outcome"] for one in outcomes] == ["refused", "refused"]
        assert outcomes[0]["problem"]["type"] == "urn:rtdash:problem:not_applied"
    assert client.get(TABLES, params={"limit": 1}).json()["positions"] == start
    both = [good | {"operationId": f"both-{number}"} for number in range(2)]
    answer = client.post(OPERATIONS, params={"atomic": "true"}, json=both)
    assert [one["outcome"] for one in answer.json()["outcomes"]] == ["applied"] * 2
    assert client.post(OPERATIONS, params={"atomic": "perhaps"}, json=both).status_code == 422


def test_a_state_of_another_system_is_taken(client: httpx2.Client) -> None:
    """Versions are numbers or instants; older ones are repeated without a number of an event."""
    state = {"op": "put", "kind": "hotel", "reservationId": "pms-1", **BOOKING}
    outcomes = client.post(
        OPERATIONS,
        json=[
            state
            | {"operationId": "p1", "sourceVersion": "2026-01-31T19:00:00.123456Z", "guests": 5},
            state | {"operationId": "p2", "sourceVersion": "2026-01-31T19:00:00.123455Z"},
            state
            | {
                "operationId": "p3",
                "sourceVersion": "2026-01-31T20:00:00.123457+01:00",
                "status": "CheckedOut",
                "paid": 500,
            },
            state | {"operationId": "p4", "sourceVersion": True},
            state | {"operationId": "p5", "sourceVersion": 1, "status": "Seated"},
            {"op": "put", "kind": "hotel", "operationId": "p6", "sourceVersion": 1},
        ],
    ).json()["outcomes"]
    assert [one["outcome"] for one in outcomes] == [
        "applied",
        "repeated",
        "applied",
        "refused",
        "refused",
        "refused",
    ]
    assert "seq" not in outcomes[1]
    assert (outcomes[2]["reservation"]["status"], outcomes[2]["reservation"]["balance"]) == (
        "CheckedOut",
        -260,
    )
    assert "counts up" in outcomes[3]["problem"]["detail"]
    path = f"{BOOKINGS}/pms-1"
    gone = {"op": "put", "sourceVersion": 2**53 - 1, "status": "Cancelled"}
    assert client.patch(path, json=gone).json()["status"] == "Cancelled"


def test_a_byte_order_mark_is_no_part_of_a_body(client: httpx2.Client) -> None:
    """As Windows' tools write it, in JSON and in NDJSON; another encoding is refused in words."""
    body = json.dumps(TABLE).encode()
    assert client.post(TABLES, content=codecs.BOM_UTF8 + body).status_code == 201
    line = json.dumps({"operationId": "bom", "op": "book", "kind": "restaurant", **TABLE}).encode()
    for content, headers in ((line, NDJSON), (b"[" + line + b"]", {})):
        answer = client.post(OPERATIONS, content=codecs.BOM_UTF8 + content, headers=headers)
        assert answer.json()["outcomes"][0]["outcome"] in {"applied", "repeated"}
    answer = client.post(TABLES, content=json.dumps(TABLE).encode("utf-16"))
    assert code_of(answer) == (400, "unreadable")
    assert "UTF-16" in answer.json()["detail"]


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_a_compressed_body_is_refused_in_words(
    client: httpx2.Client, compress: Callable[[bytes], bytes]
) -> None:
    """Clients that compress by a setting are named the setting, not that JSON is wrong."""
    content = compress(json.dumps(TABLE).encode())
    for path, headers in ((TABLES, {}), (OPERATIONS, {}), (OPERATIONS, NDJSON)):
        answer = client.post(path, content=content, headers=headers)
        assert code_of(answer) == (400, "unreadable")
        assert "Content-Encoding" in answer.json()["detail"]


@pytest.mark.parametrize(
    "place",
    [
        ["2026-01-01", 0, "\x00"],
        ["\x00", 0, "x"],
        ["2026-01-01", True, "x"],
        ["2026-01-01", 0, "\ud800"],
        ["not a date", 0, "x"],
        ["2026-01-01", 10**40, "x"],
        [["x"], 0, "x"],
        [],
        {},
        "x",
    ],
)
def test_a_cursor_of_somebody_elses_making_is_422(client: httpx2.Client, place: object) -> None:
    """Nothing of it reaches the store."""
    cursor = urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")
    assert client.get(BOOKINGS, params={"cursor": cursor}).status_code == 422


@pytest.mark.parametrize("name", ["\u200b", "\u3164", " \u00a0 ", "\u202e", "a\u0085b", "a\u2028b"])
def test_a_name_can_be_seen(client: httpx2.Client, name: str) -> None:
    """A name without a visible character, or with one that breaks lines, is refused."""
    answer = client.post(TABLES, json=TABLE | {"customerName": name})
    assert code_of(answer) == (422, "invalid")


def test_one_guest_is_one_customer(client: httpx2.Client) -> None:
    """However composed, spaced or dialled: what is shown is tidy, and a repeat is the same."""
    shown = client.post(TABLES, json=TABLE | {"customerName": " Jose\u0301  Nu\u0301n\u0303ez "})
    assert shown.json()["customerName"] == "José Núñez"
    headers = {"Idempotency-Key": "jose"}
    spelt = [{"customerName": "José Núñez"}, {"customerName": "Jose\u0301 Nu\u0301n\u0303ez "}]
    answers = [client.post(TABLES, json=TABLE | one, headers=headers) for one in spelt]
    assert answers[0].json() == answers[1].json()
