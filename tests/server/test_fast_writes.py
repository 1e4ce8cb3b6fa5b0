"""The short way of writes: what it answers is what the route would."""

from typing import Any

import httpx2
import pytest
from starlette.responses import PlainTextResponse

from tests.server.running import GRILL, RunningServer

OPERATIONS, BOOKINGS, TABLES = (
    "/api/operations",
    "/api/hotel/bookings",
    "/api/restaurant/reservations",
)
STAY = {
    "customerName": "John Smith",
    "guests": 2,
    "source": "web",
    "roomType": "double",
    "checkIn": "2032-05-01",
    "checkOut": "2032-05-03",
}
TABLE = {"customerName": "Ada Low", "guests": 4, "source": "phone", "date": "2032-05-01T19:00:00Z"}
LISTED = {
    "operationId": "listed",
    "op": "book",
    "kind": "restaurant",
    "reservationId": "listed",
    **TABLE,
}
_PASSING = {"id", "createdAt", "operationId", "reservationId"}


def _lasting(body: Any) -> Any:
    """A body without what differs from one booking to the next."""
    if isinstance(body, dict):
        return {name: _lasting(value) for name, value in body.items() if name not in _PASSING}
    return [_lasting(one) for one in body] if isinstance(body, list) else body


def _both(
    server: RunningServer, path: str, user: str, **request: Any
) -> tuple[httpx2.Response, httpx2.Response]:
    """The answer to a token's first request, which the route gives, and to the same again."""
    with server.client(user=user) as client:
        return client.post(path, **request), client.post(path, **request)


@pytest.mark.parametrize(
    ("path", "request_", "status"),
    [
        (BOOKINGS, {"json": STAY}, 201),
        (TABLES, {"json": TABLE}, 201),
        (TABLES, {"json": TABLE, "headers": {"Idempotency-Key": "alike-1"}}, 201),
        (
            TABLES,
            {
                "json": {**TABLE, "operationId": "alike-2"},
                "headers": {"Idempotency-Key": "alike-3"},
            },
            422,
        ),
        (TABLES, {"json": {**TABLE, "guests": "four"}}, 422),
        (TABLES, {"json": {**TABLE, "venue": "nowhere"}}, 403),
        (TABLES, {"content": b"{"}, 400),
        (TABLES, {"content": b" " * 70_000}, 413),
        (BOOKINGS, {"json": {**STAY, "checkOut": "2032-04-01"}}, 422),
        (OPERATIONS, {"json": [LISTED, {"op": "fly"}]}, 200),
        (
            OPERATIONS,
            {"content": b'{"op": "fly"}', "headers": {"Content-Type": "application/x-ndjson"}},
            200,
        ),
        (OPERATIONS, {"json": {}}, 400),
        (OPERATIONS, {"json": [{}] * 1_001}, 413),
    ],
)
def test_both_ways_answer_alike(
    server: RunningServer, path: str, request_: dict[str, Any], status: int
) -> None:
    """Status, headers and body, for what is done and for what is refused."""
    with server.client() as client:
        client.post(OPERATIONS, json=[LISTED])
    by_route, at_once = _both(server, path, f"{path} {status} {len(request_)}", **request_)
    assert (by_route.status_code, at_once.status_code) == (status, status)
    assert _lasting(at_once.json()) == _lasting(by_route.json())
    changing = {"date", "location", "content-length"}
    assert {name: value for name, value in at_once.headers.items() if name not in changing} == {
        name: value for name, value in by_route.headers.items() if name not in changing
    }


def test_the_short_way_needs_no_route(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that is known books without what FastAPI builds; one that isn't, a query and an
    Origin go the long way.
    """
    with server.client(user="short") as client, server.client(user="stranger") as stranger:
        client.post(TABLES, json=TABLE)
        monkeypatch.setattr(
            server.app, "middleware_stack", PlainTextResponse("the long way", status_code=418)
        )
        assert client.post(TABLES, json=TABLE).status_code == 201
        assert client.post(OPERATIONS, json=[LISTED]).status_code == 200
        assert stranger.post(TABLES, json=TABLE).status_code == 418
        assert client.post(TABLES, json=TABLE, params={"venue": GRILL}).status_code == 418
        assert (
            client.post(TABLES, json=TABLE, headers={"Origin": "https://dash.example"}).status_code
            == 418
        )
        assert client.get(TABLES).status_code == 200
        assert client.get(TABLES, params={"cursor": "x"}).status_code == 418


def test_each_request_of_the_short_way_counts(serve) -> None:
    """In the rate of the user and in the metrics, as on the long way."""
    running = serve(limits={"requests_per_second": 1, "requests_burst": 3})
    with running.client() as client:
        statuses = [client.post(TABLES, json=TABLE).status_code for _ in range(20)]
        assert set(statuses) == {201, 429}
        counted = (
            f'rtdash_http_requests_total{{method="POST",route="{TABLES}",status="201"}}'
            f" {statuses.count(201)}.0"
        )
        assert counted in client.get("/metrics").text


def test_a_fault_is_told_and_logged(
    serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An unforeseen fault is a 500 with a problem, and the log has it."""
    running = serve()
    with running.client() as client:
        client.post(TABLES, json=TABLE)
        monkeypatch.setattr(running.app.state.services, "venues", None)
        answer = client.post(TABLES, json=TABLE)
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:rtdash:problem:internal")
    assert f"POST {TABLES} failed" in caplog.text
