"""Every GET of the contract has its ETag; the bodies and pages of those that are no report."""

from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from tests.server.running import GRILL, HOTEL
from tests.server.wanted import BOOKING

READS = [
    "/api/dashboard/stats",
    "/api/dashboard/trends",
    "/api/dashboard/reservations/today",
    "/api/dashboard/customers/frequency",
    "/api/dashboard/revenue/by-category",
    "/api/dashboard/reservations/sources",
    "/api/reservations/upcoming",
    "/api/user/profile",
    "/api/hotel/rooms/availability?startDate=2030-01-01&endDate=2030-01-03",
    "/api/hotel/room-types",
    "/api/hotel/movements",
    "/api/restaurant/covers",
    "/api/hotel/bookings",
    "/api/hotel/bookings?status=Confirmed",
    "/api/restaurant/reservations",
    "/api/restaurant/menu/categories",
    "/api/restaurant/menu/items",
    "/api/channels/hotel_reservations/events?after=0",
    "/api/channels/restaurant_stats/events",
    "/healthz",
    "/readyz",
    "/docs",
    "/openapi.json",
    "/asyncapi.json",
]


@pytest.mark.parametrize("path", READS)
def test_every_read_has_a_weak_etag_and_answers_304_to_it(client: httpx2.Client, path: str) -> None:
    """A GET repeated with the ETag of its answer is 304 without a body."""
    first = client.get(path)
    assert first.status_code == 200, first.text
    assert first.headers["etag"].startswith('W/"')
    again = client.get(path, headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


def test_upcoming_are_pending_and_confirmed_ones_soonest_first(serve) -> None:
    """Only what lies ahead within the window is listed, an own write at once."""
    with serve().client() as client:
        now = datetime.now(UTC)
        table = {"customerName": "Ada", "guests": 4, "source": "phone"}
        client.get("/api/reservations/upcoming", params={"venue": GRILL})
        for name, minutes in (("past", -5), ("late", 50), ("soon", 20), ("far", 120)):
            table |= {"reservationId": name, "date": (now + timedelta(minutes=minutes)).isoformat()}
            assert client.post("/api/restaurant/reservations", json=table).status_code == 201
        listed = client.get(
            "/api/reservations/upcoming", params={"venue": GRILL, "withinMinutes": 60}
        ).json()
        assert ([one["id"] for one in listed["reservations"]], listed["next"]) == (
            ["soon", "late"],
            None,
        )
        client.patch("/api/restaurant/reservations/soon", json={"op": "cancel"})
        assert [
            one["id"]
            for one in client.get("/api/reservations/upcoming", params={"venue": GRILL}).json()[
                "reservations"
            ]
        ] == [
            "late",
            "far",
        ]


def test_pages_of_upcoming_follow_each_other(serve) -> None:
    """The pages give each reservation once."""
    with serve().client() as client:
        start = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
        for number in range(5):
            table = {
                "customerName": "Ada",
                "guests": 4,
                "source": "phone",
                "reservationId": f"t{number}",
                "date": start,
            }
            client.post("/api/restaurant/reservations", json=table)
        seen, params = [], {"venue": GRILL, "limit": "2"}
        while True:
            page = client.get("/api/reservations/upcoming", params=params).json()
            seen += [one["id"] for one in page["reservations"]]
            if page["next"] is None:
                break
            params["cursor"] = page["next"]
        assert seen == ["t0", "t1", "t2", "t3", "t4"]


def test_profile_tells_what_the_token_allows(server) -> None:
    """Scopes, and the venues in the token's order."""
    with server.client(
        name="Anna B", venues=[GRILL, "gone", HOTEL], scopes=("hotel:read",)
    ) as client:
        body = client.get("/api/user/profile").json()
    assert (body["id"], body["name"], body["scopes"]) == ("anna", "Anna B", ["hotel:read"])
    assert body["venues"] == [
        {
            "id": GRILL,
            "name": "Harbour Grill",
            "kind": "restaurant",
            "timezone": "Europe/Lisbon",
            "currency": "EUR",
            "closeoutHour": 4,
        },
        {
            "id": HOTEL,
            "name": "Harbour Hotel",
            "kind": "hotel",
            "timezone": "Europe/Lisbon",
            "currency": "EUR",
            "closeoutHour": 3,
            "checkInTime": "15:00",
        },
    ]
    assert datetime.fromisoformat(body["expiresAt"]) > datetime.now(UTC)


def test_the_first_venue_of_the_token_is_the_default(server) -> None:
    """`venue` is needed only for another one."""
    with server.client(venues=[GRILL, HOTEL]) as client:
        assert client.get("/api/dashboard/stats").json()["venue"] == GRILL
        assert client.get("/api/dashboard/stats", params={"venue": HOTEL}).json()["venue"] == HOTEL


def test_availability_counts_each_night(client: httpx2.Client) -> None:
    """A sold room is missing from its nights, and from no other."""
    client.post(
        "/api/hotel/bookings", json={**BOOKING, "checkIn": "2035-01-02", "checkOut": "2035-01-03"}
    )
    body = client.get(
        "/api/hotel/rooms/availability", params={"startDate": "2035-01-01", "endDate": "2035-01-04"}
    ).json()
    assert (body["startDate"], body["endDate"], body["totalRooms"]) == (
        "2035-01-01",
        "2035-01-04",
        50,
    )
    assert [(day["date"], day["availableRooms"], day["occupancyRate"]) for day in body["days"]] == [
        ("2035-01-01", 50, 0),
        ("2035-01-02", 49, 2),
        ("2035-01-03", 50, 0),
    ]
    doubles = next(one for one in body["days"][1]["byRoomType"] if one["roomType"] == "double")
    assert doubles["totalRooms"] - doubles["availableRooms"] == 1


def test_room_types_have_their_rates_in_major_units(client: httpx2.Client) -> None:
    """The body is that of the contract."""
    body = client.get("/api/hotel/room-types").json()
    assert body["currency"] == "EUR"
    assert sum(one["totalRooms"] for one in body["roomTypes"]) == 50
    double = next(one for one in body["roomTypes"] if one["id"] == "double")
    assert list(double) == ["id", "name", "capacity", "baseRate", "totalRooms", "amenities"]
    assert double["baseRate"] == 120


def test_the_menu_has_categories_and_their_items(client: httpx2.Client) -> None:
    """The number of a category's items is the number that its list has."""
    for category in client.get("/api/restaurant/menu/categories").json()["categories"]:
        items = client.get(
            "/api/restaurant/menu/items", params={"categoryId": category["id"]}
        ).json()
        assert items["currency"] == "EUR"
        assert len(items["items"]) == category["items"] > 0
        assert list(items["items"][0]) == [
            "id",
            "categoryId",
            "name",
            "description",
            "price",
            "available",
        ]


def test_a_list_can_be_filtered_by_status(client: httpx2.Client) -> None:
    """Only those that stand so are listed."""
    cancelled = client.post("/api/hotel/bookings", json=BOOKING).json()["id"]
    client.patch(f"/api/hotel/bookings/{cancelled}", json={"op": "cancel"})
    statuses = {
        one["status"]
        for one in client.get("/api/hotel/bookings", params={"status": "Cancelled"}).json()[
            "reservations"
        ]
    }
    assert statuses == {"Cancelled"}


def test_following_from_a_lists_positions_leaves_no_gap(client: httpx2.Client) -> None:
    """What is booked after the list is the first event behind its position."""
    positions = client.get("/api/restaurant/reservations").json()["positions"]
    assert set(positions) == {"restaurant_reservations", "restaurant_notifications"}
    table = {"customerName": "Ada", "guests": 2, "source": "phone", "date": "2036-01-01T19:00:00Z"}
    booked = client.post("/api/restaurant/reservations", json=table).json()
    position = positions["restaurant_reservations"]
    events = client.get(
        "/api/channels/restaurant_reservations/events",
        params={"after": position["seq"], "epoch": position["epoch"]},
    ).json()
    assert (events["recovered"], [event["reservation"]["id"] for event in events["events"]]) == (
        True,
        [booked["id"]],
    )
    assert events["position"] == {"epoch": position["epoch"], "seq": position["seq"] + 1}
