"""Sizes, parameters, paths and bodies that are refused, and the table of statuses."""

import json

import httpx2
import pytest

from rtdash.server.rest.problems import PROBLEMS
from tests.domain.test_refusals import every_refusal
from tests.server.running import GRILL, HOTEL
from tests.server.test_rest_refusals import assert_problem
from tests.server.wanted import BOOKING, TABLE


@pytest.mark.usefixtures("unchanged")
def test_more_than_a_thousand_operations_are_too_many(client: httpx2.Client) -> None:
    """413, and none of them is applied."""
    operations = [
        {"operationId": f"over-{n}", "op": "book", "kind": "restaurant", **TABLE}
        for n in range(1_001)
    ]
    assert_problem(
        client.post("/api/operations", json=operations),
        413,
        "too_many_operations",
        "1000",
        "several requests",
    )


@pytest.mark.parametrize("path", ["/api/operations", "/api/hotel/bookings"])
@pytest.mark.usefixtures("unchanged")
def test_a_body_of_ten_megabytes_is_too_large(client: httpx2.Client, path: str) -> None:
    """413, with and without a Content-Length; the connection still serves."""
    body = json.dumps([{"operationId": "big", "note": "x" * 10_000_000}]).encode()
    assert_problem(client.post(path, content=body), 413, "body_too_large", "bytes")
    assert_problem(
        client.post(
            path, content=(body[start : start + 65_536] for start in range(0, len(body), 65_536))
        ),
        413,
        "body_too_large",
    )


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/hotel/bookings?limit=0", "limit"),
        ("/api/hotel/bookings?limit=501", "limit"),
        ("/api/hotel/bookings?limit=x", "limit"),
        ("/api/hotel/bookings?cursor=nonsense", "cursor"),
        ("/api/hotel/bookings?cursor=W10", "cursor"),
        ("/api/hotel/bookings?status=Upcoming", "status"),
        ("/api/restaurant/reservations?status=confirmed", "status"),
        ("/api/dashboard/trends?period=daily", "period"),
        ("/api/dashboard/trends?until=yesterday", "until"),
        ("/api/reservations/upcoming?withinMinutes=0", "withinMinutes"),
        ("/api/reservations/upcoming?withinMinutes=x", "withinMinutes"),
        ("/api/reservations/upcoming?cursor=x", "cursor"),
        ("/api/hotel/rooms/availability", "startDate"),
        ("/api/hotel/rooms/availability?startDate=2031-01-02&endDate=2031-01-01", "endDate"),
        ("/api/hotel/rooms/availability?startDate=2031-01-01&endDate=2031-01-01", "endDate"),
        ("/api/hotel/rooms/availability?startDate=2031-01-01&endDate=2032-01-03", "endDate"),
        ("/api/hotel/rooms/availability?startDate=1&endDate=2", "startDate"),
        ("/api/restaurant/menu/items?categoryId=soups", "categoryId"),
        ("/api/channels/hotel_gossip/events", "channel"),
        ("/api/channels/hotel_stats/events?after=-1", "after"),
        (f"/api/hotel/bookings?venue={GRILL}", "venue"),
        (f"/api/channels/restaurant_stats/events?venue={HOTEL}", "venue"),
    ],
)
def test_a_wrong_parameter_is_named(client: httpx2.Client, path: str, field: str) -> None:
    """422 with the parameter's name."""
    problem = assert_problem(client.get(path), 422, "invalid")
    assert problem["errors"][0]["field"] == field


def test_unknown_paths_and_methods_are_problems_too(client: httpx2.Client) -> None:
    """404 and 405 in the same form."""
    assert_problem(client.get("/api/nothing"), 404, "not_found", "/docs")
    answer = client.delete("/api/hotel/bookings")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"


def test_a_body_and_a_query_agree_on_the_venue(client: httpx2.Client) -> None:
    """422 where they name two; 422 where key and operationId differ."""
    answer = client.post(
        "/api/hotel/bookings", params={"venue": HOTEL}, json=BOOKING | {"venue": GRILL}
    )
    assert_problem(answer, 422, "invalid", "same")
    answer = client.post(
        "/api/hotel/bookings", headers={"Idempotency-Key": "a"}, json=BOOKING | {"operationId": "b"}
    )
    assert_problem(answer, 422, "invalid", "same")


def test_every_refusal_of_the_domain_is_in_the_table() -> None:
    """A rule of the domain is 409, what can't be is 422, and no code changes its status unseen."""
    by_status: dict[int, set[str]] = {}
    for refusal in every_refusal():
        by_status.setdefault(PROBLEMS[refusal.code][0], set()).add(refusal.code)
    assert by_status.pop(409) == {
        "reservation_exists",
        "no_availability",
        "over_capacity",
        "invalid_transition",
        "not_amendable",
        "overpaid",
        "refund_too_large",
        "amount_below_charges",
        "instant_goes_back",
        "not_applied",
        "venue_archived",
    }
    assert by_status.pop(404) == {"reservation_not_found"}
    assert by_status.pop(412) == {"version_changed"}
    assert by_status.keys() == {422}


def test_revocations_name_one_thing(server) -> None:
    """422 for none, both, or something else."""
    with server.admin() as admin:
        for body in ({}, {"jti": "a", "sub": "b"}, {"jti": ""}, {"user": "b"}, {"jti": 3}):
            assert_problem(admin.post("/api/admin/revocations", json=body), 422, "invalid")
        assert_problem(admin.post("/api/admin/revocations", content=b"{"), 400, "unreadable")
