"""Every GET below /api/dashboard: its body, and how soon it knows of a write."""

import time
from datetime import UTC, date, datetime

import httpx2

from tests.server.running import GRILL
from tests.server.wanted import BOOKING


def test_stats_have_the_eight_fields_of_the_requirements(client: httpx2.Client) -> None:
    """The body is that of the contract, in its order."""
    body = client.get("/api/dashboard/stats").json()
    assert list(body) == ["venue", "currency", "businessDate", "timestamp", "stats"]
    assert list(body["stats"]) == [
        "reservationsToday",
        "prepaidReservations",
        "expectedGuests",
        "pendingPayments",
        "pendingPaymentsTrend",
        "reservationsTrend",
        "prepaidTrend",
        "guestsTrend",
    ]


def test_an_own_write_is_in_the_next_stats(serve) -> None:
    """A caller that books for today and reads the figures finds the booking in them, and a new
    ETag.
    """
    with serve().client() as client:
        before = client.get("/api/dashboard/stats", params={"venue": GRILL})
        soon = datetime.now(UTC)  # later might be the next business date
        table = {
            "customerName": "Ada",
            "guests": 4,
            "source": "phone",
            "date": soon.isoformat(),
            "amount": 80,
            "paid": 20,
        }
        for number in range(1, 4):
            assert client.post("/api/restaurant/reservations", json=table).status_code == 201
            after = client.get(
                "/api/dashboard/stats",
                params={"venue": GRILL},
                headers={"If-None-Match": before.headers["etag"]},
            )
            assert after.status_code == 200
            assert after.json()["stats"]["reservationsToday"] == number
            assert after.json()["stats"]["pendingPayments"] == 60 * number


def test_a_write_of_another_user_is_in_the_stats_within_a_second(serve) -> None:
    """Others' writes may wait for the next computation, but not longer than a second: it is in
    whatever is asked for after that.
    """
    server = serve()
    with server.client(user="anna") as anna, server.client(user="bert") as bert:
        bert.get("/api/dashboard/stats", params={"venue": GRILL})
        soon = datetime.now(UTC)  # later might be the next business date
        anna.post(
            "/api/restaurant/reservations",
            json={"customerName": "Ada", "guests": 4, "source": "phone", "date": soon.isoformat()},
        )
        stored, shown = time.monotonic(), 0
        while shown != 1:
            asked = time.monotonic()
            stats = bert.get("/api/dashboard/stats", params={"venue": GRILL}).json()["stats"]
            shown = stats["reservationsToday"]
            assert shown == 1 or asked - stored < 1


def test_trends_have_a_point_for_each_business_date(client: httpx2.Client) -> None:
    """Weekly is 7 business dates, monthly 30, ending with `until`."""
    weekly = client.get("/api/dashboard/trends", params={"until": "2030-03-07"}).json()
    assert list(weekly) == ["venue", "currency", "period", "from", "to", "points"]
    assert [point["date"] for point in weekly["points"]] == [
        date(2030, 3, day).isoformat() for day in range(1, 8)
    ]
    assert list(weekly["points"][0]) == [
        "date",
        "reservations",
        "guests",
        "cancellations",
        "revenue",
    ]
    monthly = client.get(
        "/api/dashboard/trends", params={"period": "monthly", "until": "2030-03-30"}
    ).json()
    assert (monthly["from"], monthly["to"], len(monthly["points"])) == (
        "2030-03-01",
        "2030-03-30",
        30,
    )


def test_reports_count_what_was_booked(client: httpx2.Client) -> None:
    """A booking shows in revenue by room type, on its nights, and in the sources."""
    client.post(
        "/api/hotel/bookings",
        json={
            **BOOKING,
            "checkIn": "2033-01-01",
            "checkOut": "2033-01-03",
            "amount": 100.01,
            "source": "radio",
        },
    )
    revenue = client.get(
        "/api/dashboard/revenue/by-category", params={"until": "2033-01-01"}
    ).json()
    assert revenue["categories"] == [{"category": "Double", "revenue": 50.01, "share": 100.0}]
    assert list(revenue) == ["period", "from", "to", "currency", "total", "categories"]
    sources = client.get(
        "/api/dashboard/reservations/sources", params={"until": "2033-01-01"}
    ).json()
    assert sources == {
        "period": "weekly",
        "from": "2032-12-26",
        "to": "2033-01-01",
        "total": 1,
        "sources": [{"source": "radio", "reservations": 1, "share": 100.0}],
    }


def test_customers_who_came_are_counted(client: httpx2.Client) -> None:
    """A visit makes a new customer of the period that it lies in."""
    table = {
        "customerName": "Vi Sitor",
        "guests": 1,
        "source": "walk-in",
        "date": "2034-06-01T18:00:00Z",
    }
    reservation = client.post("/api/restaurant/reservations", json=table).json()["id"]
    for op in ("seat", "complete"):
        assert (
            client.patch(f"/api/restaurant/reservations/{reservation}", json={"op": op}).status_code
            == 200
        )
    body = client.get(
        "/api/dashboard/customers/frequency", params={"venue": GRILL, "until": "2034-06-03"}
    ).json()
    assert (body["newCustomers"], body["returningCustomers"], body["repeatRate"]) == (1, 0, 0.0)
    assert body["segments"][0] == {"visits": "1", "customers": 1, "share": 100.0}


def test_todays_reservations_are_those_that_the_stats_count(serve) -> None:
    """The list's total is the figure of the tile: cancelled ones are in neither."""
    with serve().client() as client:
        soon = datetime.now(UTC).isoformat()  # later might be the next business date
        table = {"customerName": "Ada", "guests": 4, "source": "phone", "date": soon}
        ids = [
            client.post("/api/restaurant/reservations", json=table).json()["id"] for _ in range(3)
        ]
        client.patch(f"/api/restaurant/reservations/{ids[0]}", json={"op": "cancel"})
        today = client.get(
            "/api/dashboard/reservations/today", params={"venue": GRILL, "limit": 1}
        ).json()
        assert list(today) == ["venue", "businessDate", "total", "reservations", "next"]
        assert (today["total"], len(today["reservations"])) == (2, 1)
        rest = client.get(
            "/api/dashboard/reservations/today", params={"venue": GRILL, "cursor": today["next"]}
        ).json()
        assert {*ids[1:]} == {one["id"] for one in today["reservations"] + rest["reservations"]}
