"""Heads that have changed since a poll of them, read at the price of what has changed.

SQLite has one writer at a time, so the rows of the log lie in the order of commit: a poll goes on
behind the last row that the one before has read. PostgreSQL numbers rows before they are committed.
There a poll asks for the events of the last moments, and leaves out the heads that the one before
has seen as they are.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Text, and_, bindparam, cast, func, literal_column, select, text

from rtdash.domain.instants import to_ms
from rtdash.protocol.channels import Stream
from rtdash.store import dialects
from rtdash.store.event_log import heads_of
from rtdash.store.prepared import Prepared
from rtdash.store.schema import events, heads

PAGE_ROWS = 10_000
"""Rows of the log that are in memory at a time."""

_FIELD, _LINE = "\t", "\n"

# Which streams have events since an instant is read from the index by time, and costs what has
# happened since; their heads are then read by key, so that clocks that disagree hide no event.
_LATELY = (
    select(events.c.venue, events.c.channel)
    .where(events.c.appended_at >= bindparam("since"))
    .distinct()
    .subquery()
)
# In one value: thousands of rows cost the driver ten times what a text does.
_TAB, _BREAK = literal_column(r"E'\t'", Text), literal_column(r"E'\n'", Text)
_CHANGED_IN_POSTGRES = select(
    func.string_agg(heads.c.venue + _TAB + heads.c.channel + _TAB + cast(heads.c.seq, Text), _BREAK)
).join(_LATELY, and_(heads.c.venue == _LATELY.c.venue, heads.c.channel == _LATELY.c.channel))
# Left to itself, SQLite reads the whole log along its key, which spares it the grouping.
_CHANGED_IN_SQLITE = text(
    "SELECT heads.venue, heads.channel, heads.seq FROM (SELECT venue, channel FROM events"
    " INDEXED BY events_by_time WHERE appended_at >= :since GROUP BY venue, channel) AS lately"
    " CROSS JOIN heads ON heads.venue = lately.venue AND heads.channel = lately.channel"
)
_READ_LATELY = Prepared(
    lambda conn: _CHANGED_IN_POSTGRES if dialects.has_row_locks(conn) else _CHANGED_IN_SQLITE
)
_ROW = "SELECT rowid, venue, channel, seq, appended_at FROM events"
_READ_ROWS = Prepared(text(f"{_ROW} WHERE rowid >= :first ORDER BY rowid LIMIT :limit"))
_READ_LAST_ROW = Prepared(text(f"{_ROW} ORDER BY rowid DESC LIMIT :limit"))


@dataclass(frozen=True, slots=True)
class ChangedHeads:
    """The log's epoch, heads that have changed, and the mark from which the next read goes on."""

    epoch: str
    heads: dict[Stream, int]
    mark: object


def read_changed_heads(
    conn: Connection, since: datetime, mark: object = None
) -> tuple[dict[Stream, int], object]:
    """Return the heads of the streams that have grown since the read that gave `mark`, and the next
    mark. Without a mark, or where it can't be found any more: of those with events appended at or
    after an instant.
    """
    if dialects.has_row_locks(conn):
        return _read_lately(conn, since, mark if isinstance(mark, frozenset) else frozenset())
    if isinstance(mark, tuple) and (found := _read_behind(conn, mark)) is not None:
        return found
    last_row = next(iter(_READ_LAST_ROW.read(conn, {"limit": 1})), None)
    return heads_of(_READ_LATELY.read(conn, {"since": to_ms(since)})), last_row


def _read_lately(
    conn: Connection, since: datetime, seen: frozenset[str]
) -> tuple[dict[Stream, int], object]:
    ((joined,),) = _READ_LATELY.read(conn, {"since": to_ms(since)})
    lines = frozenset(joined.split(_LINE) if joined else ())
    # Heads with events of the last moments come with several polls: most are as they were.
    found = (line.split(_FIELD) for line in lines - seen)
    return heads_of((venue, channel, int(seq)) for venue, channel, seq in found), lines


def _read_behind(
    conn: Connection, mark: tuple[Any, ...]
) -> tuple[dict[Stream, int], object] | None:
    """Return what follows the row `mark`, the last one of the read before; None if it isn't there
    as it was: pruned, or numbered anew by VACUUM, or another file is in its place.
    """
    rows = _READ_ROWS.read(conn, {"first": mark[0], "limit": PAGE_ROWS})
    if not rows or rows[0] != mark:
        return None
    found = heads_of(row[1:4] for row in rows[1:])
    while len(rows) == PAGE_ROWS:
        mark = rows[-1]
        rows = _READ_ROWS.read(conn, {"first": mark[0] + 1, "limit": PAGE_ROWS})
        found |= heads_of(row[1:4] for row in rows)
    return found, rows[-1] if rows else mark
