"""Lists of reservations and channels by REST."""

import httpx2
import pytest

from tests.server.running import HOTEL
from tests.server.wanted import BOOKING


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [({"after": 10**6}, "beyond_head"), ({"after": 0, "epoch": "another"}, "epoch_changed")],
)
def test_a_position_that_cant_be_followed_gets_a_reset(
    client: httpx2.Client, wrong: dict[str, object], reason: str
) -> None:
    """Instead of a partial history there is none, and a position to go on from; the reason is the
    socket's.
    """
    body = client.get("/api/channels/hotel_reservations/events", params=wrong).json()
    assert (body["events"], body["recovered"]) == ([], False)
    assert (body["reset"]["position"], body["reset"]["reason"]) == (body["position"], reason)
    assert (body["reset"]["type"], body["reset"]["channel"], body["reset"]["venue"]) == (
        "reset",
        "hotel_reservations",
        HOTEL,
    )


def test_a_state_channel_gives_its_current_states(client: httpx2.Client) -> None:
    """The messages are those of the socket."""
    events = client.get("/api/channels/hotel_stats/events").json()["events"]
    assert [event["type"] for event in events] == ["stats_update", "room_availability_update"]
    assert events[0]["stats"] == client.get("/api/dashboard/stats").json()["stats"]


def test_one_reservation_can_be_read(client: httpx2.Client) -> None:
    """The body starts with the seven fields of the requirements."""
    booked = client.post(
        "/api/hotel/bookings", json=BOOKING | {"customerName": "Mary Ann Smith"}
    ).json()
    read = client.get(f"/api/hotel/bookings/{booked['id']}").json()
    assert read == booked
    assert list(read)[:7] == [
        "id",
        "customerName",
        "customerInitials",
        "date",
        "time",
        "guests",
        "status",
    ]
    assert (read["customerInitials"], read["time"], read["nights"], read["amount"]) == (
        "MS",
        "3:00 PM",
        2,
        240,
    )


def test_a_position_beyond_the_log_ends_its_epoch(client: httpx2.Client) -> None:
    """The log has lost what the caller holds, and will give the same numbers again: no client may
    go on from a position of that epoch. One that is made up can do so once in ten minutes.
    """
    path = "/api/channels/hotel_notifications/events"
    head = client.get(path).json()["position"]
    beyond = {"after": head["seq"] + 5, "epoch": head["epoch"]}
    told = client.get(path, params=beyond).json()
    assert told["reset"]["reason"] == "beyond_head"
    assert told["position"]["epoch"] != head["epoch"]
    assert told["position"]["seq"] == head["seq"]
    kept = {"after": head["seq"], "epoch": head["epoch"]}
    assert client.get(path, params=kept).json()["reset"]["reason"] == "epoch_changed"
    again = client.get(path, params=beyond | {"epoch": told["position"]["epoch"]})
    assert again.status_code == 503
    assert "Retry-After" in again.headers
    assert client.get(path).json()["position"] == told["position"]
