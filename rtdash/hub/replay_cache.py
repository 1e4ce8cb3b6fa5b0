"""Cache of events that were flushed lately, for replays that then needn't read the log. One bound
for all streams together.
"""

from bisect import bisect_right
from collections import deque
from itertools import islice
from operator import attrgetter

from rtdash.protocol.channels import Stream
from rtdash.protocol.encoded_batch import EncodedBatch

STREAM_LIMIT_BYTES = 1 << 20
"""Recent events kept of a stream; less where many streams share TOTAL_BYTES."""

TOTAL_BYTES = 64 << 20
"""Recent events kept by a process, over all streams: beyond it the stream goes that has been quiet
for longest."""

RUN_LIMIT_BYTES = 128 << 10
"""Recent events that go out to a replay at once."""

RUNS_TOTAL_BYTES = 4 << 20
"""Events in runs kept beside that (11 MiB with their frames): clients that were dropped in the same
instant come back for the same ones.
"""

BATCH_OVERHEAD_BYTES = 300
"""Bytes of a batch of one message beside its text (measured with tracemalloc, Python 3.11)."""

_last_seq = attrgetter("last_seq")


class ReplayCache:
    """The last events of each stream as they went out. `size_bytes` is what all of them take, runs
    apart.
    """

    def __init__(self) -> None:
        self.size_bytes = 0
        self._rings: dict[Stream, _Ring] = {}
        self._runs: dict[tuple[object, int, int], EncodedBatch] = {}
        self._runs_bytes = 0

    def keep(self, batch: EncodedBatch) -> None:
        """Keep what follows the last event kept of its stream, and drop the oldest beyond the
        bounds.
        """
        rings = self._rings
        ring = rings.pop(batch.stream, None) or _Ring()
        # the last one now: those before it have been quiet for longer
        rings[batch.stream] = ring
        self.size_bytes += ring.keep(batch, min(STREAM_LIMIT_BYTES, TOTAL_BYTES // len(rings)))
        while self.size_bytes > TOTAL_BYTES:
            self.evict(next(iter(self._rings)))

    def evict(self, stream: Stream) -> None:
        """Drop everything of the stream. Idempotent."""
        ring = self._rings.pop(stream, None)
        if ring is not None:
            self.size_bytes -= ring.size_bytes

    def after(self, stream: Stream, seq: int) -> EncodedBatch | None:
        """Return the events from `seq + 1` on, about RUN_LIMIT_BYTES of them; None when that one
        isn't kept.
        """
        ring = self._rings.get(stream)
        if ring is None or not ring.has(seq + 1):
            return None
        key = (ring.name, seq, ring.last_seq)  # what has gone out since makes it another run
        run = self._runs.get(key)
        if run is None:
            run = self._runs[key] = ring.batch_after(seq)
            self._runs_bytes += _cost_bytes(run)
            while self._runs_bytes > RUNS_TOTAL_BYTES:
                self._runs_bytes -= _cost_bytes(self._runs.pop(next(iter(self._runs))))
        return run


class _Ring:
    """The last events of one stream, by batches. Only the newest batch keeps its frames: of the
    older ones replays ask for whole runs.
    """

    __slots__ = ("_batches", "name", "size_bytes")

    def __init__(self) -> None:
        self.name = object()  # what its runs are known by: they must not hold what was forgotten
        self._batches: deque[EncodedBatch] = deque()
        self.size_bytes = 0

    @property
    def last_seq(self) -> int:
        """Seq of the newest event."""
        return self._batches[-1].last_seq if self._batches else 0

    def keep(self, batch: EncodedBatch, limit_bytes: int) -> int:
        """Keep what follows, and drop the oldest beyond `limit_bytes`. Returns by how many bytes the
        ring has grown.
        """
        batches, before = self._batches, self.size_bytes
        if batches:
            batches[-1].forget_frames()
        batches.append(batch)
        size = before + _cost_bytes(batch)
        while size > limit_bytes:
            size -= _cost_bytes(batches.popleft())
        self.size_bytes = size
        return size - before

    def has(self, seq: int) -> bool:
        """Whether that event is kept."""
        return bool(self._batches) and self._batches[0].first_seq <= seq <= self.last_seq

    def batch_after(self, after: int) -> EncodedBatch:
        """Return what follows `after`, as one batch."""
        place = bisect_right(self._batches, after, key=_last_seq)
        newest, first = self._batches[-1], self._batches[place].after(after)
        if first is newest:
            return newest
        bodies, size = [*first.bodies], first.size
        for batch in islice(self._batches, place + 1, None):
            size += batch.size
            if size > RUN_LIMIT_BYTES:
                break
            bodies += batch.bodies
        return EncodedBatch(first.stream, first.first_seq, tuple(bodies), first.compress_min_bytes)


def _cost_bytes(batch: EncodedBatch) -> int:
    return batch.size + BATCH_OVERHEAD_BYTES
