"""Messages of a client, as text: what it asks for by venue, and where it stands."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rtdash.protocol.channels import Channel, Position, Stream

Wanted = str | tuple[str, str]
"""Request of a client: a channel (of the default venue of its kind), or a channel of one venue, as
(venue, channel).
"""

Pair = tuple[str | None, Channel]
"""A venue, None until the server has named it, and a channel."""


def pair_of(wanted: Wanted) -> Pair:
    """Return the venue and channel of a request. Raises ValueError for an unknown channel."""
    venue, channel = (None, wanted) if isinstance(wanted, str) else wanted
    return venue, Channel(channel)


def with_venue(pair: Pair, default: str | None, given: Iterable[Pair]) -> Pair:
    """Return the pair with its venue: a plain channel means the venue of the one position that was
    given for it; else the server chooses by `default`.
    """
    venue, channel = pair
    known = {at for at, of in given if of == channel}
    if venue is None and default is None and len(known) == 1:
        return known.pop(), channel
    return pair


def encode_request(**fields: Any) -> str:
    """Return a message's text; fields that are None are left out."""
    known = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(known, separators=(",", ":"))


def subscribe_request(
    venue: str | None,
    channels: list[Channel],
    known: Mapping[Channel, Position],
    *,
    batch_ms: int | None,
) -> str:
    """Return a `subscribe` to channels of one venue, from the positions that are known."""
    return encode_request(
        action="subscribe",
        channels=channels,
        venue=venue,
        positions=_to_wire(known) or None,
        batch=batch_ms,
    )


def resume_request(session_id: str, positions: Mapping[Stream, Position]) -> str:
    """Return a `resume` of a session, from the client's own positions."""
    by_venue: dict[str, dict[Channel, Position]] = {}
    for stream, position in positions.items():
        by_venue.setdefault(stream.venue, {})[stream.channel] = position
    return encode_request(
        action="resume",
        session=session_id,
        positions={venue: _to_wire(known) for venue, known in by_venue.items()} or None,
    )


def by_venue(pairs: Iterable[Pair]) -> dict[str | None, list[Channel]]:
    """Group channels by their venue, in their order."""
    groups: dict[str | None, list[Channel]] = {}
    for venue, channel in pairs:
        groups.setdefault(venue, []).append(channel)
    return groups


def count_venues(streams: Iterable[Stream]) -> int:
    """Return the number of different venues."""
    return len({stream.venue for stream in streams})


def _to_wire(positions: Mapping[Channel, Position]) -> dict[str, dict[str, Any]]:
    return {channel: position._asdict() for channel, position in positions.items()}
