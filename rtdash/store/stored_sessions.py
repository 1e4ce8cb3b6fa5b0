"""Sessions as values, and as rows of the table."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic_core import to_json

from rtdash.domain.instants import from_ms, to_ms
from rtdash.protocol.channels import CHANNELS, Channel, Position, Stream


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A client's subscriptions: channels by venue id, and the confirmed position of each event
    stream.

    `process` holds its connection, which asked for it at `asked_at`; `expires_at` is None as long
    as one stands. Only the holder of the
    newest `generation` may change it.
    """

    id: str
    sub: str
    process: str
    asked_at: datetime
    generation: int = 1
    subscriptions: Mapping[str, tuple[Channel, ...]] | None = None
    positions: Mapping[Stream, Position] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Positions that a connection of that generation confirmed, to be added to the session's."""

    session_id: str
    generation: int
    positions: Mapping[Stream, Position]


def session_of(
    session_id: str,
    sub: str,
    process: str,
    asked_ms: int,
    generation: int,
    subscriptions: str,
    positions: str,
    expires_ms: int | None,
) -> StoredSession | None:
    """Return the session of a row of `_COLUMNS`; None if it has a channel that only a newer version
    of rtdash knows: it can be resumed there alone, without a loss.
    """
    channels_by_venue = json.loads(subscriptions)
    if not {name for names in channels_by_venue.values() for name in names} <= CHANNELS.keys():
        return None
    return StoredSession(
        id=session_id,
        sub=sub,
        process=process,
        asked_at=from_ms(asked_ms),
        generation=generation,
        subscriptions={
            venue: tuple(map(CHANNELS.__getitem__, names))
            for venue, names in channels_by_venue.items()
        },
        positions=decode_positions(positions),
        expires_at=None if expires_ms is None else from_ms(expires_ms),
    )


def row_of(session: StoredSession, now: datetime) -> dict[str, object]:
    """Return the row of a session, as it is stored at `now`."""
    return {
        "id": session.id,
        "generation": session.generation,
        "sub": session.sub,
        "process": session.process,
        "asked_at": to_ms(session.asked_at),
        "subscriptions": to_json(session.subscriptions or {}).decode(),
        "positions": encode_positions(session.positions or {}),
        "saved_at": to_ms(now),
        "expires_at": session.expires_at and to_ms(session.expires_at),
    }


def encode_positions(positions: Mapping[Stream, Position]) -> str:
    """Return positions as the text of a row."""
    return to_json(
        [(*stream, *position) for stream, position in sorted(positions.items())]
    ).decode()


def decode_positions(text: str) -> dict[Stream, Position]:
    """Return the positions in the text of a row, of channels that are known."""
    return {
        Stream(venue, CHANNELS[channel]): Position(epoch, seq)
        for venue, channel, epoch, seq in json.loads(text)
        if channel in CHANNELS
    }
