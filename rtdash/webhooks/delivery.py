"""Deliveries of webhooks: an event, or the notice that some are gone, as a body with its id."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from rtdash.protocol.channels import Position
from rtdash.protocol.messages import decode, encode, position_json, reset_message
from rtdash.store.webhooks import EventPage, Webhook


@dataclass(frozen=True, slots=True)
class Delivery:
    """A body, and the position that is reached when it was taken. `id` is the same in every
    attempt.
    """

    id: str
    position: Position
    body: bytes


def deliveries_of(page: EventPage, webhook: Webhook, now: datetime) -> Iterator[Delivery]:
    """Yield the deliveries of a page in their order."""
    epoch, stream = page.position.epoch, webhook.stream
    if page.reset is not None:
        message = reset_message(
            stream.channel,
            stream.venue,
            position=page.position,
            reason=page.reset,
            timestamp=now,
        )
        name = f"{webhook.id}-{epoch}-{page.position.seq}-reset"
        yield _delivery(name, page.position, encode(message))
    for event in page.events:
        name = f"{webhook.id}-{epoch}-{event.seq}"
        yield _delivery(name, Position(epoch, event.seq), event.body)


def _delivery(delivery_id: str, position: Position, message: bytes) -> Delivery:
    known = decode(message)
    head = {"type": known["type"], "timestamp": known["timestamp"]}
    frame = encode({**head, "position": position_json(position)})
    # The message is in the log as it is sent, so it isn't encoded anew.
    return Delivery(delivery_id, position, frame[:-1] + b',"data":' + message + b"}")
