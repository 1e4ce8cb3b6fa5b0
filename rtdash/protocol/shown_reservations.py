"""A reservation as REST and the socket show it."""

from datetime import timedelta

from rtdash.domain.customers import customer_initials
from rtdash.domain.instants import format_instant
from rtdash.domain.money import to_major
from rtdash.domain.reservations import Reservation, local_time_text
from rtdash.domain.venues import Venue, VenueKind
from rtdash.protocol.messages import Message


def reservation_json(reservation: Reservation, venue: Venue) -> Message:
    """Return the JSON object of a reservation: the requirements' seven fields, then ours. Money in
    major units.
    """
    currency = venue.currency
    shown: Message = {
        "id": reservation.id,
        "customerName": reservation.customer_name,
        "customerInitials": customer_initials(reservation.customer_name),
        "date": format_instant(reservation.start),
        "time": local_time_text(reservation.start, venue.zone),
        "guests": reservation.guests,
        "status": reservation.status.value,
        "venue": reservation.venue_id,
        "kind": reservation.kind.value,
        "source": reservation.source,
        "currency": currency,
        "amount": to_major(reservation.amount_minor, currency),
        "paid": to_major(reservation.paid_minor, currency),
        "balance": to_major(reservation.balance_minor, currency),
        "prepaid": reservation.prepaid,
        "createdAt": format_instant(reservation.created_at),
        "version": reservation.version,
    }
    shown.update(
        _hotel_fields(reservation)
        if reservation.kind is VenueKind.HOTEL
        else _restaurant_fields(reservation)
    )
    return shown


def _hotel_fields(reservation: Reservation) -> Message:
    assert reservation.check_in is not None, "a hotel's reservation has its nights"
    assert reservation.check_out is not None, "a hotel's reservation has its nights"
    return {
        "roomType": reservation.room_type,
        "checkIn": reservation.check_in.isoformat(),
        "checkOut": reservation.check_out.isoformat(),
        "nights": (reservation.check_out - reservation.check_in) // timedelta(days=1),
    }


def _restaurant_fields(reservation: Reservation) -> Message:
    return {"durationMinutes": reservation.duration_minutes}
