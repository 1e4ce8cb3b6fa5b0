"""The front desk by REST: movements of a hotel and covers of a restaurant on a business date."""

from collections.abc import Iterator
from datetime import date, timedelta

import httpx2
import pytest

from rtdash.server.rest import venue_schemas
from tests.server.wanted import BOOKING, TABLE


def _stay(days: int, nights: int) -> dict[str, str]:
    check_in = date(2031, 3, 3) + timedelta(days=days)
    return {
        "checkIn": check_in.isoformat(),
        "checkOut": (check_in + timedelta(days=nights)).isoformat(),
    }


@pytest.fixture(scope="module")
def desk(server) -> Iterator[httpx2.Client]:
    """Three stays of which one has arrived, and one that was cancelled twice over."""
    path = "/api/hotel/bookings"
    with server.client() as client:
        ids = [
            client.post(path, json={**BOOKING, **_stay(*dates)}).json()["id"]
            for dates in ((0, 2), (0, 1), (-2, 2), (0, 3))
        ]
        client.patch(f"{path}/{ids[0]}", json={"op": "check_in"})
        client.patch(f"{path}/{ids[3]}", json={"op": "cancel"})
        yield client


def test_movements_of_a_date(desk: httpx2.Client) -> None:
    """The body is the contract's, field for field."""
    body = desk.get("/api/hotel/movements", params={"date": "2031-03-03"}).json()
    venue_schemas.Movements.model_validate(body)
    occupancy = body.pop("occupancy")
    assert body.pop("bookedToday") + body.pop("cancelledToday") == 0  # nothing on that date yet
    assert body == {
        "venue": "harbour-hotel",
        "businessDate": "2031-03-03",
        "arrivals": {"expected": 2, "arrived": 1},
        "departures": {"expected": 1, "departed": 0},
        "inHouse": 1,
        "guestsInHouse": 2,
    }
    assert [night["soldRooms"] for night in occupancy] == [2, 1, *[0] * 12]
    assert occupancy[13] == {"date": "2031-03-16", "soldRooms": 0, "totalRooms": 50}


def test_booked_and_cancelled_are_of_the_present_business_date(desk: httpx2.Client) -> None:
    """Whatever date they are for; a fee or a payment behind it is no second cancellation."""
    body = desk.get("/api/hotel/movements").json()
    assert (body["bookedToday"], body["cancelledToday"]) == (4, 1)
    ago = desk.get("/api/hotel/movements", params={"date": "2020-01-01"}).json()
    assert (ago["bookedToday"], ago["cancelledToday"]) == (0, 0)


def test_covers_of_a_date(server) -> None:
    """Two tables of an evening, one of them seated, and one that was cancelled."""
    with server.client() as client:
        path = "/api/restaurant/reservations"
        ids = [
            client.post(path, json={**TABLE, "date": f"2031-05-01T{clock}:00Z"}).json()["id"]
            for clock in ("18:10", "18:20", "20:00")
        ]
        client.patch(f"{path}/{ids[1]}", json={"op": "seat"})
        client.patch(f"{path}/{ids[2]}", json={"op": "cancel"})
        answered = client.get("/api/restaurant/covers", params={"date": "2031-05-01"})
        venue_schemas.Covers.model_validate(answered.json())
        assert answered.json() == {
            "venue": "harbour-grill",
            "businessDate": "2031-05-01",
            "parties": {"expected": 2, "seated": 1, "completed": 0},
            "guests": {"expected": 8, "seated": 4, "completed": 0},
            "bookedToday": 0,
            "cancelledToday": 0,
            "slots": [{"time": "19:00", "parties": 2, "guests": 8}],
        }
        etag = answered.headers["etag"]
        again = client.get(
            "/api/restaurant/covers",
            params={"date": "2031-05-01"},
            headers={"If-None-Match": etag},
        )
        assert (etag[:2], again.status_code) == ("W/", 304)
        now = client.get("/api/restaurant/covers").json()
        assert (now["bookedToday"], now["cancelledToday"]) == (3, 1)


def test_each_kind_has_its_own(desk: httpx2.Client) -> None:
    """A restaurant has no movements, a hotel no covers, and a date is a date."""
    for path, params in (
        ("/api/hotel/movements", {"venue": "harbour-grill"}),
        ("/api/restaurant/covers", {"venue": "harbour-hotel"}),
        ("/api/hotel/movements", {"date": "today"}),
        ("/api/restaurant/covers", {"date": "2031-02-30"}),
    ):
        assert desk.get(path, params=params).status_code == 422
