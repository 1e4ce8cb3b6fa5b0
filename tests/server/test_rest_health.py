"""What the server says about itself, in good and in bad days."""

import re
import sqlite3
import time
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.routing import APIRoute
from prometheus_client.parser import text_string_to_metric_families

from tests.server.running import RunningServer, start_server

TABLE = {"customerName": "Ada Low", "guests": 4, "source": "phone", "date": "2031-05-01T19:00:00Z"}


def test_health_readiness_and_docs_need_no_token(server: RunningServer) -> None:
    """Load balancers, Prometheus and people get in."""
    assert httpx2.get(server.url + "/healthz").json() == {"status": "ok", "problems": []}
    assert httpx2.get(server.url + "/readyz").json() == {"status": "ok", "problems": []}
    assert httpx2.get(server.url + "/docs").text.startswith("<!doctype html>")
    assert httpx2.get(server.url + "/openapi.json").json()["openapi"].startswith("3.1")


def test_requests_find_their_routes_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FastAPI may build routes in the first request, while connections wait: ours are built with the
    app.
    """
    built: list[APIRoute] = []
    get_route_handler = APIRoute.get_route_handler

    def watched(route: APIRoute) -> Any:
        built.append(route)
        return get_route_handler(route)

    server, thread = start_server(tmp_path)
    monkeypatch.setattr(APIRoute, "get_route_handler", watched)
    try:
        assert httpx2.get(server.url + "/readyz").status_code == 200
        assert httpx2.get(server.url + "/api/dashboard/trends").status_code == 401
        assert httpx2.get(server.url + "/nowhere").status_code == 404
    finally:
        thread.stop()
    assert built == []


def test_the_document_names_every_endpoint_of_the_contract(server: RunningServer) -> None:
    """Path and method of each, with its problems as problem+json and the token where it is
    needed.
    """
    paths = httpx2.get(server.url + "/openapi.json").json()["paths"]
    operations = {
        f"{method.upper()} {path}" for path, methods in paths.items() for method in methods
    }
    assert operations == {
        "GET /api/dashboard/stats",
        "GET /api/dashboard/trends",
        "GET /api/dashboard/reservations/today",
        "GET /api/dashboard/customers/frequency",
        "GET /api/dashboard/revenue/by-category",
        "GET /api/dashboard/reservations/sources",
        "GET /api/reservations/upcoming",
        "GET /api/user/profile",
        "GET /api/hotel/rooms/availability",
        "GET /api/hotel/room-types",
        "GET /api/hotel/movements",
        "GET /api/restaurant/covers",
        "GET /api/hotel/bookings",
        "POST /api/hotel/bookings",
        "GET /api/hotel/bookings/{id}",
        "PATCH /api/hotel/bookings/{id}",
        "GET /api/restaurant/menu/categories",
        "GET /api/restaurant/menu/items",
        "GET /api/restaurant/reservations",
        "POST /api/restaurant/reservations",
        "GET /api/restaurant/reservations/{id}",
        "PATCH /api/restaurant/reservations/{id}",
        "POST /api/operations",
        "GET /api/channels/{channel}/events",
        "POST /api/admin/revocations",
        "POST /api/admin/guests/export",
        "POST /api/admin/guests/erase",
        "GET /api/admin/webhooks",
        "POST /api/admin/webhooks",
        "DELETE /api/admin/webhooks/{webhook}",
        "POST /api/admin/webhooks/{webhook}/skip",
        "POST /api/login",
        "POST /api/hooks/{source}",
        "GET /api/hooks",
        "POST /api/login/renew",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
        "GET /asyncapi.json",
    }
    for path, methods in paths.items():
        for operation in methods.values():
            is_open = not path.startswith("/api/") or path in {"/api/login", "/api/hooks/{source}"}
            assert bool(operation["security"]) != is_open, path
            if path.startswith("/api/"):
                assert list(operation["responses"]["401"]["content"]) == [
                    "application/problem+json"
                ]


def test_the_page_for_people_has_all_of_it_and_loads_nothing(server: RunningServer) -> None:
    """Each endpoint with its parameters and a form to try it, and each schema, without the
    internet: one script, whose digest the policy names, and no address that is fetched.
    """
    document = httpx2.get(server.url + "/openapi.json").json()
    page = httpx2.get(server.url + "/docs")
    ids = set(document["components"]["schemas"])
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            ids.add(told["operationId"])
            assert f"<b>{method.upper()}</b> <code>{path}</code>" in page.text
            assert f'<form data-path="{path[1:]}" data-method="{method.upper()}"' in page.text
            assert all(
                f"<code>{one['name']}</code>" in page.text for one in told.get("parameters", ())
            )
    assert set(re.findall(r'<details id="(\w+)"', page.text)) == ids
    links = set(re.findall(r'href="(.*?)"', page.text))
    assert {"openapi.json", "asyncapi.json", "#Reservation", "#Problem"} <= links
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    (script,) = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}'" in policy
    assert not re.search(r"<(link|img|iframe)|@import|url\(| src=", page.text)


def test_metrics_count_requests_by_route(serve) -> None:
    """Routes, not URLs, so that ids and queries don't multiply them; unknown paths are one."""
    server = serve()
    with server.client() as client:
        for path in (
            "/api/hotel/bookings/a?venue=harbour-hotel",
            "/api/hotel/bookings/b",
            "/x",
            "/y",
        ):
            client.get(path)
        for method in ("PUT", "DELETE", "TRACE"):
            client.get("/api/dashboard/stats")
            client.request(method, "/api/dashboard/stats")
        client.post("/api/restaurant/reservations", json=TABLE)
        families = {
            family.name: family
            for family in text_string_to_metric_families(client.get("/metrics").text)
        }
    counted = {
        tuple(sample.labels.values()): sample.value
        for sample in families["rtdash_http_requests"].samples
        if sample.name.endswith("_total")
    }
    assert counted["GET", "/api/hotel/bookings/{id}", "404"] == 2
    assert counted["GET", "unmatched", "404"] == 2
    assert {labels[0] for labels in counted} == {"GET", "POST", "other"}
    assert counted["GET", "/api/dashboard/stats", "200"] == 3
    totals = {
        sample.name: sample.value for family in families.values() for sample in family.samples
    }
    assert totals["rtdash_operations_total"] == 1
    assert totals["rtdash_events_total"] == 1
    assert totals["rtdash_commit_seconds_count"] >= 1
    assert totals["rtdash_delivery_seconds_count"] >= 1
    assert totals["rtdash_broker_up"] == 1
    assert {
        "rtdash_deliveries_total",
        "rtdash_broker_lag_seconds",
        "rtdash_loop_lag_max_seconds",
        "rtdash_connections",
    } <= totals.keys()


def test_a_store_that_cant_be_written_is_told_and_recovers_by_itself(tmp_path: Path) -> None:
    """While another program holds it locked: 503 with Retry-After, no event, not ready; afterwards
    everything works again.
    """
    server, thread = start_server(tmp_path)
    blocker = sqlite3.connect(tmp_path / "rtdash.db", isolation_level=None)
    with server.client() as client:
        position = client.get("/api/restaurant/reservations").json()["positions"]
        blocker.execute("BEGIN IMMEDIATE")
        refused = client.post(
            "/api/restaurant/reservations", json=TABLE, headers={"Idempotency-Key": "again"}
        )
        assert (refused.status_code, refused.json()["type"]) == (
            503,
            "urn:rtdash:problem:unavailable",
        )
        assert int(refused.headers["retry-after"]) >= 1
        not_ready = client.get("/readyz")
        assert (not_ready.status_code, not_ready.json()["status"]) == (503, "unavailable")
        assert client.get("/healthz").status_code == 200
        assert client.get("/api/restaurant/reservations").json()["positions"] == position
        blocker.execute("ROLLBACK")
        deadline = time.monotonic() + 60
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert (
            client.post(
                "/api/restaurant/reservations", json=TABLE, headers={"Idempotency-Key": "again"}
            ).status_code
            == 201
        )
    blocker.close()
    thread.stop()


def test_what_was_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    """Reservation, event and epoch are on disk; a repeat is still known."""
    server, thread = start_server(tmp_path)
    with server.client() as client:
        booked = client.post(
            "/api/restaurant/reservations", json=TABLE, headers={"Idempotency-Key": "kept"}
        )
        positions = client.get("/api/restaurant/reservations").json()["positions"]
    thread.stop()
    server, thread = start_server(tmp_path)
    with server.client() as client:
        assert client.get(booked.headers["location"]).json() == booked.json()
        assert client.get("/api/restaurant/reservations").json()["positions"] == positions
        repeated = client.post(
            "/api/restaurant/reservations", json=TABLE, headers={"Idempotency-Key": "kept"}
        )
        assert (repeated.status_code, repeated.json()) == (201, booked.json())
    thread.stop()
