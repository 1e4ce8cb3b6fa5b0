"""Where the log of a venue stands: what was read of the venue at the same state is still true,
since every change of a reservation makes an event.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from rtdash.protocol.channels import Channel, Position
from rtdash.store.identity import read_epoch
from rtdash.store.prepared import Prepared
from rtdash.store.schema import heads

_READ_HEADS = Prepared(
    select(heads.c.channel, heads.c.seq).where(heads.c.venue == bindparam("venue"))
)


class LogState(NamedTuple):
    """Epoch of the log, and the heads of a venue's streams by channel."""

    epoch: str
    heads: dict[str, int]

    def positions(self, channels: Iterable[Channel]) -> Iterable[tuple[Channel, Position]]:
        """Return the position of each channel; that of a stream without an event is 0."""
        return ((one, Position(self.epoch, self.heads.get(one.value, 0))) for one in channels)


def read_log_state(conn: Connection, venue_id: str) -> LogState:
    """Read where the log of a venue stands. Raises DatabaseReplaced as `read_epoch` does."""
    epoch = read_epoch(conn)
    rows = _READ_HEADS.read(conn, {"venue": venue_id})
    return LogState(epoch, {channel: seq for channel, seq in rows})  # noqa: C416
