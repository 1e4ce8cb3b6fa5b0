"""A server that is started again on a machine whose time zones have other rules."""

import signal
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.process import ServerProcess
from tests.zone_files import write_zone

ZONE = "Europe/Lisbon"


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONTZPATH", str(tmp_path / "zones"))
    started = ServerProcess(tmp_path / "data")
    yield started
    started.end()


def test_seven_in_the_evening_stays_seven_in_the_evening(server, tmp_path) -> None:
    """REST shows the same hour at another instant, and the stream has an event of it."""
    day = datetime.now(UTC).date() + timedelta(days=9)
    write_zone(tmp_path / "zones", ZONE, "WET0")
    server.start()
    booked = server.post(
        "/api/restaurant/reservations",
        {
            "customerName": "Anna Miller",
            "guests": 2,
            "source": "Phone",
            "date": f"{day}T19:00:00Z",
        },
    ).json()
    assert (booked["time"], booked["date"]) == ("7:00 PM", f"{day}T19:00:00.000Z")
    path = f"/api/restaurant/reservations/{booked['id']}"
    etag = server.get(path).headers["etag"]
    server.end(signal.SIGTERM)

    write_zone(tmp_path / "zones", ZONE, "<+01>-1")
    server.start()
    after = server.get(path)
    assert after.json() == booked | {"date": f"{day}T18:00:00.000Z", "version": 2}
    assert after.headers["etag"] != etag
    events = server.get("/api/channels/restaurant_reservations/events", after=1).json()["events"]
    assert [(one["type"], one["change"]) for one in events] == [("reservation_update", "amend")]
    assert events[0]["reservation"] == after.json()
    upcoming = server.get("/api/reservations/upcoming", withinMinutes=20000, venue="harbour-grill")
    assert [one["date"] for one in upcoming.json()["reservations"]] == [f"{day}T18:00:00.000Z"]
    assert "1 reservations keep their local hour" in server.log.read_text()
