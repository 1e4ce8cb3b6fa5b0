"""Parcels: messages of one stream that go out together, made ready for the wire once and shared by all who get them."""

from bisect import bisect_right
from collections import deque
from itertools import islice
from operator import attrgetter

from rtdash.protocol.channels import Stream
from rtdash.protocol.frames import deflate_frames, join_frames

RECENT_LIMIT_BYTES = 1 << 20
"""Recent events kept of a stream, for replays without the log; less where many streams share RECENT_TOTAL_BYTES."""

RECENT_TOTAL_BYTES = 64 << 20
"""Recent events kept by a process, over all streams."""

RUN_LIMIT_BYTES = 128 << 10
"""Recent events that go out to a replay at once."""

MAX_RUNS = 16
"""Runs of recent events kept between two flushes: whoever was dropped in the same instant comes back for the same events."""

_last_seq = attrgetter("last_seq")


class Parcel:
    """Events `first_seq` to `last_seq` of a stream, or state messages (both are 0 then). `size`: bytes of the messages, unframed.

    `framed` and `packed` are `frames` and `deflated` once somebody has asked for those: slots, which the interpreter reads at once
    where a property costs a call, and a flush asks a thousand times.
    """

    __slots__ = ("bodies", "compress_min_bytes", "first_seq", "framed", "last_seq", "packed", "size", "stream")

    def __init__(self, stream: Stream, first_seq: int, bodies: tuple[bytes, ...], compress_min_bytes: int = 512) -> None:
        self.stream = stream
        self.first_seq = first_seq
        self.last_seq = first_seq and first_seq + len(bodies) - 1
        self.bodies = bodies
        self.size = sum(map(len, bodies))
        self.compress_min_bytes = compress_min_bytes
        self.framed = b""
        self.packed = b""

    @property
    def frames(self) -> bytes:
        """One plain text frame a message."""
        self.framed = self.framed or join_frames(self.bodies)
        return self.framed

    @property
    def deflated(self) -> bytes:
        """The frames for connections that agreed on permessage-deflate (see `deflate_frames`)."""
        self.packed = self.packed or deflate_frames(self.bodies, self.compress_min_bytes)
        return self.packed

    def after(self, seq: int) -> "Parcel":
        """The events behind `seq`; the parcel itself when those are all of it."""
        if seq < self.first_seq:
            return self
        return Parcel(self.stream, seq + 1, self.bodies[seq + 1 - self.first_seq :], self.compress_min_bytes)


class RecentParcels:
    """The last events of a stream as they went out, for replays that needn't read the log."""

    __slots__ = ("_parcels", "_runs", "_size")

    def __init__(self) -> None:
        self._parcels: deque[Parcel] = deque()
        self._runs: dict[int, Parcel] = {}
        self._size = 0

    def keep(self, parcel: Parcel, limit_bytes: int) -> None:
        """Take what follows the last one kept, and forget the oldest beyond `limit_bytes`."""
        self._runs.clear()
        self._parcels.append(parcel)
        self._size += parcel.size
        while self._size > limit_bytes:
            self._size -= self._parcels.popleft().size

    def after(self, seq: int) -> Parcel | None:
        """The events from `seq + 1` on, about RUN_LIMIT_BYTES of them; None when that one isn't kept."""
        parcels = self._parcels
        if not parcels or not parcels[0].first_seq <= seq + 1 <= parcels[-1].last_seq:
            return None
        run = self._runs.get(seq)
        if run is None:
            if len(self._runs) >= MAX_RUNS:
                self._runs.clear()
            run = self._runs[seq] = self._run(seq)
        return run

    def _run(self, seq: int) -> Parcel:
        place = bisect_right(self._parcels, seq, key=_last_seq)
        first = self._parcels[place].after(seq)
        bodies, size = [*first.bodies], first.size
        for parcel in islice(self._parcels, place + 1, None):
            size += parcel.size
            if size > RUN_LIMIT_BYTES:
                break
            bodies += parcel.bodies
        if len(bodies) == len(first.bodies):
            return first
        return Parcel(first.stream, first.first_seq, tuple(bodies), first.compress_min_bytes)
