"""Webhooks out: where each goes, its position in the log, and the one process that sends it.

A position is only saved by the process that holds the row (`webhook_leases`), and only forwards:
an administrator may have stepped over events meanwhile.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, or_, select, update

from rtdash.domain.instants import from_ms, to_ms
from rtdash.protocol.channels import Channel, Position, Stream
from rtdash.store.event_log import StoredEvent, read_events, read_floor, read_heads
from rtdash.store.identity import read_epoch
from rtdash.store.schema import events, heads, meta
from rtdash.store.webhook_table import IS_KNOWN, webhooks

MAX_WEBHOOKS = 100
"""Webhooks of a store: each is a task and a connection of the process that sends it."""
MAX_FAILURE = 500
"""Characters of a failure that are kept."""


# a refusal, as of an operation
class WebhookRefused(Exception):  # noqa: N818
    """A webhook that can't be added, or events that can't be skipped; the text says why."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as it is stored. `failures` counts attempts since the last delivery; `head` is its
    stream's last seq in the log `epoch`, `waiting_since` when the first event that it lacks was
    appended.
    """

    id: str
    url: str
    stream: Stream
    secret: str
    position: Position
    created_at: datetime
    delivered_at: datetime | None
    failure: str | None
    failed_at: datetime | None
    failures: int
    disabled_at: datetime | None
    sender: str | None
    epoch: str
    head: int
    waiting_since: datetime | None
    skipped: int
    skipped_at: datetime | None

    @property
    def lag_events(self) -> int:
        """Events of the stream that were not delivered yet."""
        return max(0, self.head - self.position.seq)

    @property
    def held_seq(self) -> int | None:
        """The event for which all later ones wait, as its receiver doesn't take it."""
        is_held = self._is_refused and self.lag_events > 0 and not self.is_held_by_reset
        return self.position.seq + 1 if is_held else None

    @property
    def is_held_by_reset(self) -> bool:
        """Whether its receiver doesn't take that the log was replaced."""
        return self._is_refused and self.position.epoch != self.epoch

    @property
    def _is_refused(self) -> bool:
        return self.failures > 0 and self.disabled_at is None


@dataclass(frozen=True, slots=True)
class EventPage:
    """Result of a read behind a position: events, or the position from which it goes on when
    `reset` says why they can't be had.
    """

    events: list[StoredEvent]
    position: Position
    reset: str | None = None


_WAITING_SINCE = (
    select(events.c.appended_at)
    .where(
        events.c.venue == webhooks.c.venue,
        events.c.channel == webhooks.c.channel,
        events.c.seq > webhooks.c.seq,
    )
    .order_by(events.c.seq)
    .limit(1)
    .scalar_subquery()
)
_READ = (
    select(
        webhooks,
        select(meta.c.value).where(meta.c.key == "epoch").scalar_subquery().label("log_epoch"),
        func.coalesce(heads.c.seq, 0).label("head"),
        _WAITING_SINCE.label("waiting_since"),
    )
    .outerjoin(
        heads, and_(heads.c.venue == webhooks.c.venue, heads.c.channel == webhooks.c.channel)
    )
    .where(IS_KNOWN)
    .order_by(webhooks.c.created_at, webhooks.c.id)
)
_HELD = and_(webhooks.c.id == bindparam("of_id"), webhooks.c.sender == bindparam("of_sender"))


def add(
    conn: Connection, webhook_id: str, url: str, stream: Stream, *, secret: str, at: datetime
) -> Webhook:
    """Store a webhook at its stream's head, and return it. Raises WebhookRefused."""
    known = conn.execute(select(webhooks)).all()
    if len(known) >= MAX_WEBHOOKS:
        raise WebhookRefused(f"there are {MAX_WEBHOOKS} webhooks already: remove one first")
    venue, channel = stream
    for other in known:
        if (other.url, other.venue, other.channel) == (url, venue, channel.value):
            raise WebhookRefused(f"that address gets these events already: webhook {other.id}")
    row = {
        "id": webhook_id,
        "url": url,
        "venue": venue,
        "channel": channel.value,
        "secret": secret,
        "epoch": read_epoch(conn),
        "seq": read_heads(conn, [stream])[stream],
        "created_at": to_ms(at),
    }
    conn.execute(insert(webhooks), [row])
    return read_all(conn, [webhook_id])[0]


def remove(conn: Connection, webhook_id: str) -> bool:
    """Remove a webhook. Returns whether there was one."""
    return conn.execute(delete(webhooks).where(webhooks.c.id == webhook_id)).rowcount > 0


def read_all(conn: Connection, ids: Collection[str] | None = None) -> list[Webhook]:
    """Return all webhooks of channels that are known, or those, in the order in which they were
    added.
    """
    chosen = _READ if ids is None else _READ.where(webhooks.c.id.in_(ids))
    return [_webhook(row) for row in conn.execute(chosen)]


def read_page(conn: Connection, webhook_id: str, limit: int) -> EventPage | None:
    """Read what a webhook has to deliver next, at most `limit` events; None if there is no such
    webhook.

    Where pruning has overtaken it, the log's rest follows the reset; in another epoch it goes on
    from the head. Raises DatabaseReplaced.
    """
    row = conn.execute(select(webhooks).where(webhooks.c.id == webhook_id)).first()
    if row is None:
        return None
    stream, epoch = Stream(row.venue, Channel(row.channel)), read_epoch(conn)
    head = read_heads(conn, [stream])[stream]
    if row.epoch != epoch or row.seq > head:
        return EventPage([], Position(epoch, head), "epoch_changed")
    if row.seq < (floor := read_floor(conn, stream)):
        return EventPage([], Position(epoch, floor), "history_gone")
    return EventPage(read_events(conn, stream, row.seq, limit), Position(epoch, row.seq))


def save_delivered(
    conn: Connection, webhook_id: str, sender: str, position: Position, *, at: datetime
) -> bool:
    """Save how far a webhook has come. Returns whether the sender still held it, and nothing was
    skipped beyond that position.
    """
    reached = {"epoch": position.epoch, "seq": position.seq, "delivered_at": to_ms(at)}
    is_forwards = or_(webhooks.c.epoch != position.epoch, webhooks.c.seq <= position.seq)
    return _save(conn, webhook_id, sender, {**reached, "failure": None, "failures": 0}, is_forwards)


def save_failure(
    conn: Connection,
    webhook_id: str,
    sender: str,
    failure: str,
    *,
    at: datetime,
    is_final: bool,
    count: int = 1,
) -> bool:
    """Save why the last of `count` attempts failed; `is_final` disables the webhook. Returns
    whether the sender still held it.
    """
    values: dict[str, Any] = {
        "failure": failure[:MAX_FAILURE],
        "failed_at": to_ms(at),
        "failures": webhooks.c.failures + count,
    }
    if is_final:
        values["disabled_at"] = to_ms(at)
    return _save(conn, webhook_id, sender, values)


def _save(
    conn: Connection, webhook_id: str, sender: str, values: dict[str, Any], *conditions: Any
) -> bool:
    saved = conn.execute(
        update(webhooks).where(_HELD, *conditions).values(**values),
        {"of_id": webhook_id, "of_sender": sender},
    )
    return saved.rowcount > 0


def _webhook(row: Any) -> Webhook:
    def instant(ms: int | None) -> datetime | None:
        return None if ms is None else from_ms(ms)

    return Webhook(
        row.id,
        row.url,
        Stream(row.venue, Channel(row.channel)),
        row.secret,
        Position(row.epoch, row.seq),
        from_ms(row.created_at),
        instant(row.delivered_at),
        row.failure,
        instant(row.failed_at),
        row.failures,
        instant(row.disabled_at),
        row.sender,
        row.log_epoch,
        row.head,
        instant(row.waiting_since),
        row.skipped,
        instant(row.skipped_at),
    )
