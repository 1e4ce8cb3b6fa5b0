"""Account of what one client received of one stream. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from rtdash.protocol.channels import Stream

EXAMPLES = 20
"""Findings that are named one by one; beyond, they are only counted."""
MOST_SKIPPED = 1_000_000
"""Events that one may skip; a seq beyond is no position, and its gap is not remembered."""


@dataclass(slots=True)
class StreamAccount:
    """Events that one client received of one stream. `start`: the position that the server gave
    first; `next_seq`: the one that must come next.
    """

    start: int
    next_seq: int
    missing: set[int] = field(default_factory=set)
    """Skipped over on the present connection, and not come since."""
    skipped: set[int] = field(default_factory=set)
    """Skipped over on a connection that ended before they came. A client comes back for them, and a
    server that skips them is wrong all the same."""
    duplicated: int = 0
    reordered: int = 0
    recovered: int = 0
    """Came after a reconnection, from before it."""
    resets: int = 0
    given_up: int = 0
    """Events that an explicit reset made the client give up."""

    @classmethod
    def opened(cls, start: int) -> Self:
        """Return the account of a client that gets the event after `start` first."""
        return cls(start, start + 1)

    @property
    def has_gaps(self) -> bool:
        """Return whether a connection skipped events, and did not send them after all."""
        return bool(self.missing or self.skipped)

    def is_plausible(self, seq: int) -> bool:
        """Return whether a seq can be one of this stream's."""
        return 0 < seq < self.next_seq + MOST_SKIPPED

    def record(self, seq: int) -> None:
        """Record an event with a plausible seq."""
        if seq == self.next_seq:
            self.next_seq = seq + 1
        elif seq > self.next_seq:
            self.missing.update(range(self.next_seq, seq))
            self.next_seq = seq + 1
        elif seq in self.missing:
            self.missing.discard(seq)
            self.reordered += 1
        else:
            self.duplicated += 1

    def rewind(self, seq: int) -> None:
        """Record that a client comes back for what follows `seq`: what came behind a gap is due
        once more.
        """
        self.skipped |= self.missing
        self.missing.clear()
        self.next_seq = min(self.next_seq, seq + 1)

    def reset(self, seq: int) -> None:
        """Record a reset: the history up to `seq` is gone, and events follow from there."""
        self.resets += 1
        self.given_up += max(0, seq + 1 - self.next_seq)
        self.next_seq = seq + 1

    def count_lost(self, head: int) -> int:
        """Return how many are `lost`, without listing them."""
        return len(self._holes()) + max(0, head + 1 - self.next_seq)

    def lost(self, head: int) -> Iterator[int]:
        """Yield each seq up to the log's head that never came, or that a connection skipped."""
        yield from sorted(self._holes())
        yield from range(self.next_seq, head + 1)

    def _holes(self) -> set[int]:
        """Return what was skipped, below the seq that must come next."""
        return {seq for seq in self.missing | self.skipped if seq < self.next_seq}

    def to_json(self) -> list[Any]:
        """Return all fields as JSON for another process."""
        counts = [self.duplicated, self.reordered, self.recovered, self.resets, self.given_up]
        return [self.start, self.next_seq, sorted(self.missing), sorted(self.skipped), *counts]

    @classmethod
    def from_json(cls, data: list[Any]) -> Self:
        """Return the value that `to_json` described."""
        start, next_seq, missing, skipped, *counts = data
        return cls(start, next_seq, set(missing), set(skipped), *counts)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Operation that the server acknowledged as applied, and the seq that it gave for the event."""

    operation_id: str
    stream: Stream
    seq: int
