"""Golden examples obey the models and show what the requirements show."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from rtdash.protocol import models
from rtdash.protocol.channels import Channel
from rtdash.protocol.messages import decode, upcoming_message
from rtdash.protocol.shown_reservations import reservation_json
from rtdash.resources import data_path
from tests.protocol.test_messages import GOLDEN, GRILL, HOTEL, booked, changed, stay, table

MODELS = {
    model.model_json_schema()["properties"]["type"]["const"]: model
    for model in (*models.CHANNEL_MESSAGES, *models.CONNECTION_MESSAGES)
}


REQUIRED = [
    (
        "stats_update",
        "stats",
        (
            "reservationsToday prepaidReservations expectedGuests pendingPayments"
            " pendingPaymentsTrend reservationsTrend prepaidTrend guestsTrend"
        ),
    ),
    ("new_reservation", "reservation", "id customerName customerInitials date time guests status"),
    (
        "upcoming_reservation",
        "reservation",
        "id customerName customerInitials date time guests status",
    ),
    ("room_availability_update", "availability", "totalRooms availableRooms occupancyRate"),
]


@pytest.mark.parametrize("name", GOLDEN)
def test_the_golden_examples_obey_the_models(name: str) -> None:
    """What AsyncAPI says of a message is true of it, and a field more is refused."""
    golden = decode(data_path("fixtures", "messages", f"{name}.json").read_bytes())
    MODELS[name].model_validate(golden)
    with pytest.raises(ValidationError):
        MODELS[name].model_validate(golden | {"surplus": 1})


def test_each_message_type_has_its_golden_example() -> None:
    """No type without an example, no example without a type."""
    files = {path.stem for path in data_path("fixtures", "messages").glob("*.json")}
    assert files == MODELS.keys() == GOLDEN.keys()


@pytest.mark.parametrize(("name", "payload", "fields"), REQUIRED)
def test_the_requirements_fields_come_first_and_in_their_order(
    name: str, payload: str, fields: str
) -> None:
    """A client written by the requirements alone finds all fields that they show."""
    message = GOLDEN[name]()
    assert list(message)[:3] == ["type", "timestamp", payload]
    assert list(message[payload])[: len(fields.split())] == fields.split()


def test_a_table_is_shown_as_the_requirements_show_it() -> None:
    """John Smith's table at seven, local time."""
    shown = reservation_json(table(), GRILL)
    expected = {
        "id": "res123",
        "customerName": "John Smith",
        "customerInitials": "JS",
        "time": "7:00 PM",
        "guests": 4,
        "status": "Confirmed",
    }
    assert {field: shown[field] for field in expected} == expected
    assert shown["durationMinutes"] == 90


def test_money_is_shown_in_major_units() -> None:
    """Cents as a fraction, whole euros without one."""
    shown = reservation_json(stay(), HOTEL)
    assert (shown["amount"], shown["paid"], shown["balance"]) == (240.5, 120, 120.5)
    assert (shown["nights"], shown["checkOut"], shown["prepaid"]) == (2, "2023-07-27", False)


def test_upcoming_is_a_status_of_the_message_alone() -> None:
    """The reservation that is shown elsewhere keeps its own."""
    shown = reservation_json(table(), GRILL)
    message = upcoming_message(Channel.RESTAURANT_NOTIFICATIONS, GRILL.id, shown)
    assert (message["reservation"]["status"], shown["status"]) == ("Upcoming", "Confirmed")


def test_at_is_there_only_where_the_operation_had_one() -> None:
    """An event of the present has no `at`; `timestamp` never is a past one."""
    assert "at" not in booked()
    assert (changed()["at"], changed()["timestamp"]) == (
        "2023-07-24T09:30:00.000Z",
        "2023-07-24T14:35:22.000Z",
    )


def test_any_channel_message_is_read_by_its_type() -> None:
    """As a client reads the messages of a batch."""
    adapter: TypeAdapter[Any] = TypeAdapter(models.ChannelMessage)
    assert isinstance(adapter.validate_python(booked()), models.NewReservation)
