"""Venues of other currencies and time zones by REST: no minor unit, and days of 23 and 25 hours."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.server.running import start_server

VENUES = """\
[[venue]]
id = "ryokan"
name = "Ryokan"
kind = "hotel"
timezone = "Asia/Tokyo"
currency = "JPY"
[[venue.roomTypes]]
id = "tatami"
name = "Tatami"
capacity = 2
baseRate = 45000
totalRooms = 10

[[venue]]
id = "plaza"
name = "Plaza"
kind = "hotel"
timezone = "America/New_York"
currency = "USD"
[[venue.roomTypes]]
id = "king"
name = "King"
capacity = 2
baseRate = 199.5
totalRooms = 1
"""
STAY = {"customerName": "Taro Yamada", "guests": 2, "source": "web", "roomType": "tatami"}


@pytest.fixture(scope="module")
def abroad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A client of a server with those two hotels, which may load the past."""
    directory: Path = tmp_path_factory.mktemp("abroad")
    (directory / "venues.toml").write_text(VENUES)
    running, thread = start_server(directory / "data", venues=directory / "venues.toml")
    with running.admin() as client:
        yield client
    thread.stop()


def test_yen_have_no_minor_unit(abroad: httpx2.Client) -> None:
    """Amounts go in and come out as they are; reports of uneven splits still add up."""
    dates = {"checkIn": "2020-03-02", "checkOut": "2020-03-05", "at": "2020-02-01T00:00:00Z"}
    booked = abroad.post(
        "/api/hotel/bookings", params={"venue": "ryokan"}, json={**STAY, **dates, "amount": 100_000}
    ).json()
    path = f"/api/hotel/bookings/{booked['id']}?venue=ryokan"
    assert (booked["currency"], booked["amount"], booked["balance"]) == ("JPY", 100_000, 100_000)
    paid = abroad.patch(path, json={"op": "pay", "amount": 1_000}).json()
    assert (paid["paid"], paid["balance"]) == (1_000, 99_000)
    charged = {"op": "charge", "category": "bath", "amount": 501}
    assert abroad.patch(path, json=charged).json()["amount"] == 100_501
    wanted = {"venue": "ryokan", "until": "2020-03-06"}
    trends = abroad.get("/api/dashboard/trends", params=wanted).json()
    assert [point["revenue"] for point in trends["points"]] == [0, 0, 33_334, 33_333, 33_333, 0, 0]
    revenue = abroad.get("/api/dashboard/revenue/by-category", params=wanted).json()
    assert (revenue["currency"], revenue["total"], revenue["categories"][0]["revenue"]) == (
        "JPY",
        100_000,
        100_000,
    )
    room_types = abroad.get("/api/hotel/room-types", params={"venue": "ryokan"}).json()
    assert (room_types["currency"], room_types["roomTypes"][0]["baseRate"]) == ("JPY", 45_000)


def test_a_fraction_of_a_yen_is_refused(abroad: httpx2.Client) -> None:
    """422, and the text says how many digits there are."""
    booking = {**STAY, "checkIn": "2031-05-01", "checkOut": "2031-05-02", "amount": 100.5}
    problem = abroad.post("/api/hotel/bookings", params={"venue": "ryokan"}, json=booking).json()
    assert (problem["status"], "JPY (0)" in problem["detail"]) == (422, True)


@pytest.mark.parametrize(
    ("check_in", "check_out", "start"),
    [
        ("2031-03-08", "2031-03-10", "2031-03-08T20:00:00.000Z"),
        ("2031-03-10", "2031-03-11", "2031-03-10T19:00:00.000Z"),
        ("2031-11-01", "2031-11-03", "2031-11-01T19:00:00.000Z"),
        ("2031-11-03", "2031-11-04", "2031-11-03T20:00:00.000Z"),
    ],
)
def test_a_stay_over_a_change_of_the_clocks(
    abroad: httpx2.Client, check_in: str, check_out: str, start: str
) -> None:
    """The stay begins at 3 PM of the wall clock on either side of it, and each night is one night:
    its room is sold for exactly those.
    """
    dates = {"checkIn": check_in, "checkOut": check_out}
    booked = abroad.post(
        "/api/hotel/bookings", params={"venue": "plaza"}, json={**STAY, "roomType": "king", **dates}
    ).json()
    nights = int(check_out[-2:]) - int(check_in[-2:])
    assert (booked["date"], booked["time"], booked["nights"], booked["amount"]) == (
        start,
        "3:00 PM",
        nights,
        199.5 * nights,
    )
    free = {"venue": "plaza", "startDate": check_in, "endDate": check_out}
    days = abroad.get("/api/hotel/rooms/availability", params=free).json()["days"]
    assert [(day["availableRooms"], day["occupancyRate"]) for day in days] == [(0, 100)] * nights
    again = abroad.post(
        "/api/hotel/bookings", params={"venue": "plaza"}, json={**STAY, "roomType": "king", **dates}
    )
    assert again.json()["type"] == "urn:rtdash:problem:no_availability"
