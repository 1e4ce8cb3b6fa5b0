"""Messages: the golden examples are what the builders make, what the models allow, and what the
requirements show.
"""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from rtdash.domain.instants import format_instant
from rtdash.domain.reservations import Op, Reservation, Status
from rtdash.domain.venues import RoomType, Venue, VenueKind
from rtdash.protocol.channels import Channel, Position
from rtdash.protocol.messages import (
    Message,
    availability_message,
    disconnect_message,
    notification_message,
    reservation_message,
    reset_message,
    stamp,
    stats_message,
    token_expiring_message,
    upcoming_message,
)
from rtdash.protocol.shown_reservations import reservation_json
from rtdash.resources import data_path

NOW = datetime(2023, 7, 24, 14, 35, 22, tzinfo=UTC)
HOTEL = Venue(
    "harbour-hotel",
    "Harbour Hotel",
    VenueKind.HOTEL,
    "Europe/Lisbon",
    "EUR",
    3,
    check_in_time=time(15),
    room_types=(RoomType("double", "Double", 2, 12_000, 30),),
)
GRILL = Venue("harbour-grill", "Harbour Grill", VenueKind.RESTAURANT, "Europe/London", "GBP", 4)
STATS = {
    "reservationsToday": 24,
    "prepaidReservations": 16,
    "expectedGuests": 78,
    "pendingPayments": 45000,
    "pendingPaymentsTrend": 5,
    "reservationsTrend": 12,
    "prepaidTrend": 8,
    "guestsTrend": None,
}


def stay(**changes: Any) -> Reservation:
    """Two nights, half paid."""
    fields: dict[str, Any] = {
        "id": "res124",
        "venue_id": HOTEL.id,
        "kind": VenueKind.HOTEL,
        "customer_name": "Ana Maria Lopes",
        "customer_email": "ana@example.com",
        "customer_phone": None,
        "guests": 2,
        "status": Status.CONFIRMED,
        "source": "direct",
        "amount_minor": 24_050,
        "charged_minor": 0,
        "paid_minor": 12_000,
        "start": datetime(2023, 7, 25, 14, tzinfo=UTC),
        "business_date": date(2023, 7, 25),
        "created_at": datetime(2023, 7, 20, 9, 30, 1, 250_000, tzinfo=UTC),
        "changed_at": NOW,
        "version": 3,
        "room_type": "double",
        "check_in": date(2023, 7, 25),
        "check_out": date(2023, 7, 27),
    }
    return Reservation(**(fields | changes))


def table(**changes: Any) -> Reservation:
    """Dinner for four, as in the requirements."""
    fields: dict[str, Any] = {
        "id": "res123",
        "venue_id": GRILL.id,
        "kind": VenueKind.RESTAURANT,
        "customer_name": "John Smith",
        "guests": 4,
        "source": "website",
        "amount_minor": 0,
        "paid_minor": 0,
        "start": datetime(2023, 7, 24, 18, tzinfo=UTC),
        "business_date": date(2023, 7, 24),
        "created_at": NOW,
        "version": 1,
        "room_type": None,
        "check_in": None,
        "check_out": None,
        "duration_minutes": 90,
    }
    return stay(**(fields | changes))


def booked() -> Message:
    message = reservation_message(
        Channel.RESTAURANT_RESERVATIONS,
        GRILL.id,
        reservation_json(table(), GRILL),
        change=None,
        operation_id="op-1",
    )
    return stamp(message, seq=1, timestamp=format_instant(NOW))


def changed() -> Message:
    at = datetime(2023, 7, 24, 9, 30, tzinfo=UTC)
    shown = reservation_json(stay(), HOTEL)
    return stamp(
        reservation_message(
            Channel.HOTEL_RESERVATIONS, HOTEL.id, shown, change=Op.PAY, operation_id="op-2", at=at
        ),
        seq=8,
        timestamp=format_instant(NOW),
    )


def upcoming() -> Message:
    guest = reservation_json(table(id="res126", customer_name="David Wilson", guests=3), GRILL)
    return stamp(
        upcoming_message(Channel.RESTAURANT_NOTIFICATIONS, GRILL.id, guest),
        seq=2,
        timestamp=format_instant(NOW),
    )


def notified() -> Message:
    message = notification_message(
        Channel.HOTEL_NOTIFICATIONS,
        HOTEL.id,
        level="warning",
        title="No-show",
        body="Ana Maria Lopes, party of 2: did not come",
        reservation_id="res124",
        operation_id="op-3",
    )
    return stamp(message, seq=5, timestamp=format_instant(NOW))


GOLDEN: dict[str, Callable[[], Message]] = {
    "stats_update": lambda: stats_message(
        Channel.HOTEL_STATS,
        HOTEL.id,
        STATS,
        currency="EUR",
        business_date=date(2023, 7, 24),
        timestamp=NOW,
    ),
    "room_availability_update": lambda: availability_message(
        Channel.HOTEL_STATS,
        HOTEL.id,
        total_rooms=50,
        available_rooms=35,
        occupancy_rate=30,
        business_date=date(2023, 7, 24),
        timestamp=NOW,
    ),
    "new_reservation": booked,
    "reservation_update": changed,
    "upcoming_reservation": upcoming,
    "notification": notified,
    "reset": lambda: reset_message(
        Channel.HOTEL_RESERVATIONS,
        HOTEL.id,
        position=Position("n7Zk2w", 418),
        reason="history_gone",
        timestamp=NOW,
    ),
    "token_expiring": lambda: token_expiring_message(
        expires_at=datetime(2023, 7, 24, 14, 35, 52, tzinfo=UTC), timestamp=NOW
    ),
    "disconnect": lambda: disconnect_message(
        code=1012,
        reason="the server restarts",
        reconnect=True,
        retry_after_ms=8_000,
        jitter_ms=2_000,
        timestamp=NOW,
    ),
    "batch": lambda: {
        "type": "batch",
        "timestamp": format_instant(NOW),
        "messages": [booked(), upcoming()],
    },
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_builders_make_the_golden_examples(name: str) -> None:
    """Field for field and in the same order: clients of other makes are tested against these
    files.
    """
    golden = data_path("fixtures", "messages", f"{name}.json").read_text(encoding="utf-8")
    assert json.dumps(GOLDEN[name](), indent=2, ensure_ascii=False) + "\n" == golden


# The requirements' own examples: type, the payload's name, and the payload's fields in order.
