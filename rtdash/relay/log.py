"""Reads that the relay makes of the event log."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from rtdash.protocol.channels import Stream
from rtdash.store.changed_heads import ChangedHeads
from rtdash.store.event_log import StoredEvent


class EventSource(Protocol):
    """The log as `store.event_reader.EventReader` reads it; tests have one that loses and delays.
    All raise StoreUnavailable.
    """

    async def has_moved(self) -> bool:
        """Whether the log may have grown since the last call."""

    async def read_heads(
        self, streams: Collection[Stream] | None = None
    ) -> tuple[str, Mapping[Stream, int]]:
        """Return the epoch, and the heads of those streams (default: all)."""

    async def read_changed_heads(self, since: datetime, mark: object) -> ChangedHeads:
        """Return the heads that have changed since the read that gave `mark` (None: those of the
        streams that have events since an instant), and the mark of this read.
        """

    async def events(self, stream: Stream, after: int, limit: int) -> Sequence[StoredEvent]:
        """Return the events that follow `after`, in order, at most `limit`."""

    async def floor(self, stream: Stream) -> int:
        """Return the smallest seq that can still be followed."""

    async def draw_epoch(self, seen: str) -> str:
        """Return the epoch that replaces `seen`."""
