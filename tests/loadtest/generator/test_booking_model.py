"""The model of what was sent: what an event and a list must show."""

from typing import Any

import pytest

from rtdash.loadtest.generator import booking_model
from rtdash.loadtest.generator.booking_model import BookingModel
from rtdash.loadtest.generator.derived_fields import find_derived_flaw
from rtdash.protocol.channels import Channel, Stream

STREAM = Stream("h", Channel.HOTEL_RESERVATIONS)
STAY = {"checkIn": "2026-07-01", "checkOut": "2026-07-03", "roomType": "double"}
BOOKING = {"op": "book", "kind": "hotel", "venue": "h", "customerName": "Ada King", "guests": 2}
SHOWN: dict[str, Any] = {
    **{name: BOOKING[name] for name in ("kind", "venue", "customerName", "guests")},
    **STAY,
    "id": "x1",
    "status": "Confirmed",
    "version": 1,
    "customerInitials": "AK",
    "nights": 2,
    "date": "2026-07-01T14:00:00.000Z",
    "time": "3:00 PM",
}


def book(model: BookingModel, operation: str, seq: int, **changes: Any) -> None:
    shown = SHOWN | changes
    model.acknowledge(BOOKING | STAY | {"operationId": operation}, shown["id"])
    event = {"type": "new_reservation", "seq": seq, "operationId": operation, "reservation": shown}
    model.check_event(STREAM, event)


@pytest.fixture
def model() -> BookingModel:
    return BookingModel({"h": "Europe/Lisbon"})


def test_what_was_sent_and_what_follows_from_it_is_no_violation(model: BookingModel):
    """The local time is that of the venue's zone, in summer."""
    book(model, "a", 1)
    assert model.violations == 0, model.examples


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"time": "2:00 PM"}, "time is '2:00 PM' and must be '3:00 PM'"),
        ({"customerInitials": "AD"}, "customerInitials is 'AD' and must be 'AK'"),
        ({"nights": 1}, "nights is 1 and must be 2"),
        ({"date": "2026-06-30T14:00:00.000Z"}, "checkIn is '2026-07-01'"),
        ({"venue": "elsewhere"}, "venue is 'elsewhere' and must be 'h'"),
    ],
)
def test_fields_that_follow_wrongly_are_named(
    model: BookingModel, changes: dict[str, Any], named: str
):
    """Though the log and the lists may agree on them."""
    book(model, "a", 1, **changes)
    assert named in model.examples[0]


def test_a_field_that_is_not_shown_or_not_readable_is_no_flaw():
    """The shape of a field is judged elsewhere."""
    assert find_derived_flaw({}, "Europe/Lisbon") is None
    odd = {"customerName": "", "checkIn": 7, "checkOut": None, "date": "soon", "time": "x"}
    assert find_derived_flaw(odd, "Europe/Lisbon") is None
    assert find_derived_flaw(SHOWN | {"time": "9:00 AM"}, None) is None


NOTICES = Stream("h", Channel.HOTEL_NOTIFICATIONS)


def announce(model: BookingModel, kind: str, seq: int, operation: str | None = "a", **shown: Any):
    event = {"type": kind, "seq": seq, "operationId": operation}
    reservation = SHOWN | {"status": "Upcoming"} | shown
    model.check_event(NOTICES, event | {"reservation": reservation})


def test_a_start_is_announced_once(model: BookingModel):
    """For any writer of its booking; a start that was moved is announced again."""
    book(model, "a", 1)
    announce(model, "upcoming_reservation", 1)
    announce(model, "upcoming_reservation", 2, None, date="2026-07-02T14:00:00.000Z")
    assert model.violations == 0, model.examples
    announce(model, "upcoming_reservation", 3, None)
    assert (
        "seq 3: the start of x1 at 2026-07-01T14:00:00.000Z was announced before"
        in (model.examples[0])
    )


def test_an_operation_has_one_notification(model: BookingModel):
    """As an operation that must be announced has one."""
    book(model, "a", 1)
    announce(model, "notification", 1)
    model.check_announcements("notification", ["a"])
    assert model.violations == 0, model.examples
    announce(model, "notification", 2)
    model.check_announcements("notification", ["a"])
    assert model.examples == [
        "model_violations: operation a was announced by 2 messages notification"
    ]


def test_an_announcement_is_about_the_guest_that_booked(model: BookingModel):
    """The number of guests may have changed since."""
    book(model, "a", 1)
    announce(model, "upcoming_reservation", 1, guests=5)
    model.check_upcoming()
    assert model.violations == 0, model.examples
    announce(model, "upcoming_reservation", 2, None, id="x2")  # of another writer
    announce(model, "upcoming_reservation", 3, None, date="soon", customerName="Somebody Else")
    model.check_upcoming()
    assert "customerName is 'Somebody Else' and must be 'Ada King'" in "\n".join(model.examples)


def test_what_is_to_be_paid_is_what_was_sent(model: BookingModel):
    """To the cent, though the balance fits the amount."""
    model.acknowledge(BOOKING | STAY | {"operationId": "a", "amount": 19.99, "paid": 9.99}, "x1")
    shown = SHOWN | {"amount": 19.98, "paid": 9.99, "balance": 9.99}
    event = {"type": "new_reservation", "seq": 1, "operationId": "a", "reservation": shown}
    model.check_event(STREAM, event)
    assert "amount is 19.98 and must be 19.99" in model.examples[0]


def test_two_bookings_with_one_id_are_named(model: BookingModel):
    """The second hides the first in every list."""
    book(model, "a", 1)
    book(model, "b", 2)
    assert "x1 is another booking's id already" in model.examples[0]


def test_what_operations_beyond_the_model_change_is_forgotten(
    model: BookingModel, monkeypatch: pytest.MonkeyPatch
):
    """An hour has more than it remembers: a list that shows the change is right."""
    monkeypatch.setattr(booking_model, "MODELLED", 1)
    book(model, "a", 1)
    model.acknowledge({"op": "cancel", "operationId": "b"}, "x1")
    changed = SHOWN | {"status": "Cancelled", "version": 2}
    event = {"type": "reservation_update", "change": "cancel", "seq": 2, "operationId": "b"}
    model.check_event(STREAM, event | {"reservation": changed})
    assert list(model.of_venue("h")) == []


def test_a_change_that_nobody_sent_stays_a_disagreement(model: BookingModel):
    """Below that bound the model stands against the server."""
    book(model, "a", 1)
    event = {"type": "reservation_update", "change": "cancel", "seq": 2, "operationId": None}
    model.check_event(STREAM, event | {"reservation": SHOWN | {"status": "Cancelled"}})
    ((_, reservation),) = model.of_venue("h")
    assert reservation.flaw_in(SHOWN | {"status": "Cancelled"}) is not None
