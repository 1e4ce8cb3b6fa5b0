"""Sessions as values, and as rows of the table."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

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

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams that it follows."""
        return tuple(
            Stream(venue, channel)
            for venue, channels in (self.subscriptions or {}).items()
            for channel in channels
        )


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Positions that a connection of that generation confirmed, to be added to the session's."""

    session_id: str
    generation: int
    positions: Mapping[Stream, Position]


def by_venue(streams: Iterable[Stream]) -> dict[str, tuple[Channel, ...]]:
    """Return streams as the `subscriptions` of a session."""
    grouped: dict[str, tuple[Channel, ...]] = {}
    for venue, channel in streams:
        grouped[venue] = (*grouped.get(venue, ()), channel)
    return grouped


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
        "subscriptions": _encode_subscriptions(tuple((session.subscriptions or {}).items())),
        "positions": encode_positions(session.positions or {}),
        "saved_at": to_ms(now),
        "expires_at": session.expires_at and to_ms(session.expires_at),
    }


def encode_positions(positions: Mapping[Stream, Position]) -> str:
    """Return positions as the text of a row."""
    return _encode_positions(tuple(sorted(positions.items())))


def decode_positions(text: str) -> dict[Stream, Position]:
    """Return the positions in the text of a row, of channels that are known."""
    return {
        Stream(venue, CHANNELS[channel]): Position(epoch, seq)
        for venue, channel, epoch, seq in json.loads(text)
        if channel in CHANNELS
    }


# In a storm thousands of sessions follow the same streams, from the same positions.
@lru_cache(maxsize=1024)
def _encode_subscriptions(subscriptions: tuple[tuple[str, tuple[Channel, ...]], ...]) -> str:
    return to_json(dict(subscriptions)).decode()


@lru_cache(maxsize=1024)
def _encode_positions(positions: tuple[tuple[Stream, Position], ...]) -> str:
    return to_json([(*stream, *position) for stream, position in positions]).decode()
