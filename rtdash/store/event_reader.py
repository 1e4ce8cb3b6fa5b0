"""Reads of the log for the relay, each question one read."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection

from rtdash.protocol.channels import Stream
from rtdash.store import changed_heads, event_log
from rtdash.store.changed_heads import ChangedHeads
from rtdash.store.database import Database
from rtdash.store.event_log import StoredEvent
from rtdash.store.identity import check_lineage, ensure_identity


class EventReader:
    """The event log behind `database`. Every method raises StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def has_moved(self) -> bool:
        """Whether the log may have grown since the last call; always true where the engine doesn't
        know.
        """
        return await self._database.heads_moved()

    async def read_heads(
        self, streams: Collection[Stream] | None = None
    ) -> tuple[str, dict[Stream, int]]:
        """Return the epoch, and the heads of those streams (default: all)."""

        def read(conn: Connection) -> tuple[str, dict[Stream, int]]:
            return event_log.read_epoch(conn), event_log.read_heads(conn, streams)

        return await self._database.read(read)

    async def read_changed_heads(self, since: datetime, mark: object) -> ChangedHeads:
        """Return the heads that have changed since the read that gave `mark`; without one, those of
        the streams that have events since an instant.
        """

        def read(conn: Connection) -> ChangedHeads:
            epoch = event_log.read_epoch(conn)
            return ChangedHeads(epoch, *changed_heads.read_changed_heads(conn, since, mark))

        return await self._database.read(read)

    async def events(self, stream: Stream, after: int, limit: int) -> list[StoredEvent]:
        """Return the events that follow `after`, in order, at most `limit`."""

        def read(conn: Connection) -> list[StoredEvent]:
            check_lineage(conn)
            return event_log.read_events(conn, stream, after, limit)

        return await self._database.read(read)

    async def floor(self, stream: Stream) -> int:
        """Return the smallest seq that can still be followed."""

        def read(conn: Connection) -> int:
            check_lineage(conn)
            return event_log.read_floor(conn, stream)

        return await self._database.read(read)

    async def draw_epoch(self, seen: str) -> str:
        """Return the epoch that replaces `seen`: a new one, unless another process has drawn one
        already. Under a connection that stands, a restored dump is another database, too.
        """

        def draw(conn: Connection) -> str:
            ensure_identity(conn)
            epoch = event_log.read_epoch(conn)
            return event_log.draw_epoch(conn) if epoch == seen else epoch

        return await self._database.write(draw)
