"""The events of a change: the reservation's own, then those for staff."""

from rtdash.domain.notifications import Notification
from rtdash.domain.reservations import Operation, Reservation
from rtdash.domain.venues import Venue
from rtdash.protocol.channels import Stream, notifications_channel, reservations_channel
from rtdash.protocol.messages import (
    Message,
    notification_message,
    reservation_message,
    upcoming_message,
)
from rtdash.store.event_log import NewEvent


def reservation_event(
    operation: Operation, before: Reservation | None, body: Message, venue: Venue
) -> NewEvent:
    """Return the event of a booking (`before` None) or of a change; `body` is the reservation as
    it is shown.
    """
    channel = reservations_channel(venue.kind)
    message = reservation_message(
        channel,
        venue.id,
        body,
        change=None if before is None else operation.op,
        operation_id=operation.operation_id,
        at=operation.at,
    )
    return NewEvent(Stream(venue.id, channel), message)


def notification_event(notification: Notification, operation: Operation, venue: Venue) -> NewEvent:
    """Return the event of a notification that the operation brought about."""
    channel = notifications_channel(venue.kind)
    message = notification_message(
        channel,
        venue.id,
        level=notification.level.value,
        title=notification.title,
        body=notification.body,
        reservation_id=notification.reservation_id,
        operation_id=operation.operation_id,
    )
    return NewEvent(Stream(venue.id, channel), message)


def upcoming_event(operation: Operation, body: Message, venue: Venue) -> NewEvent:
    """Return the announcement of a reservation that the operation has brought near."""
    channel = notifications_channel(venue.kind)
    message = upcoming_message(channel, venue.id, body, operation_id=operation.operation_id)
    return NewEvent(Stream(venue.id, channel), message)
