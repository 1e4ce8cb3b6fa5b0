"""Frames of the server (RFC 6455, unmasked text), made once and shared by all subscribers: joined,
deflated, batched.
"""

import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from struct import Struct

from rtdash.domain.instants import format_instant

WINDOW_BITS = 12
"""The deflate window (4 KiB) that the server answers to permessage-deflate offers (RFC 7692 section
7.1.2.1)."""

BATCH_LIMIT_BYTES = 65_536
"""The largest frame that a batch makes (guide: protocol, "Compression and batches")."""

PING_HEAD, PONG_HEAD = b"\x89", b"\x8a"

_TEXT = 0x81
_DEFLATED_TEXT = 0xC1
_SYNC_FLUSH_TAIL = 4
_LEVEL = 4
_MEMORY_LEVEL = 5
_BATCH_HEAD = b'{"type":"batch"'
_BATCH_MESSAGES = b',"messages":['
_BATCH_TAIL = b"]}"

_pack_short = Struct("!BBH").pack
_pack_long = Struct("!BBQ").pack


def text_frame(body: bytes) -> bytes:
    """Return one message as one frame."""
    return _head(_TEXT, len(body)) + body


def join_frames(bodies: Sequence[bytes]) -> bytes:
    """Return one frame a message, one behind the other, to be written in one go."""
    if len(bodies) == 1:
        return text_frame(bodies[0])
    return b"".join(part for body in bodies for part in (_head(_TEXT, len(body)), body))


def deflate_frames(bodies: Sequence[bytes], min_bytes: int) -> bytes:
    """The same as one deflate run; plain where all of them together have fewer than `min_bytes`.

    The run starts from an empty window and is sync-flushed per message, so that each message is a
    frame of its own (RFC 7692
    section 7.2.1) and none refers to anything before the run. A receiver must keep its window from
    message to message
    (no `server_no_context_takeover`) and have one of at least 2 ** WINDOW_BITS; what it kept from
    earlier runs is never used.
    """
    if sum(map(len, bodies)) < min_bytes:
        return join_frames(bodies)
    run = zlib.compressobj(_LEVEL, zlib.DEFLATED, -WINDOW_BITS, _MEMORY_LEVEL)
    return b"".join(_deflate(run, bodies))


def batch_bodies(
    bodies: Sequence[bytes], limit: int = BATCH_LIMIT_BYTES, *, timestamp: datetime | None = None
) -> list[bytes]:
    """Return as few `batch` messages as hold all in order, none above `limit` bytes; a message too
    big for that goes alone, as it is.

    `timestamp` is the instant of the batch.
    """
    stamp = (
        b"" if timestamp is None else b',"timestamp":"' + format_instant(timestamp).encode() + b'"'
    )
    head = _BATCH_HEAD + stamp + _BATCH_MESSAGES
    room = limit - len(head) - len(_BATCH_TAIL)
    return [
        group[0] if len(group[0]) > room else head + b",".join(group) + _BATCH_TAIL
        for group in _groups(bodies, room)
    ]


def _head(first: int, size: int) -> bytes:
    if size < 126:
        return bytes((first, size))
    return _pack_short(first, 126, size) if size < 65_536 else _pack_long(first, 127, size)


def _deflate(run: "zlib._Compress", bodies: Sequence[bytes]) -> Iterator[bytes]:
    for body in bodies:
        deflated = run.compress(body) + run.flush(zlib.Z_SYNC_FLUSH)
        yield _head(_DEFLATED_TEXT, len(deflated) - _SYNC_FLUSH_TAIL)
        yield deflated[:-_SYNC_FLUSH_TAIL]


def _groups(bodies: Sequence[bytes], room: int) -> Iterator[list[bytes]]:
    """Yield runs of messages that fit in `room` bytes with a comma between them; never an empty
    one.
    """
    group: list[bytes] = []
    size = 0
    for body in bodies:
        if group and size + 1 + len(body) > room:
            yield group
            group, size = [], 0
        size += len(body) + bool(group)
        group.append(body)
    if group:
        yield group
