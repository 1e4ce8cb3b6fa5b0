"""Steps of an administrator over what a receiver refuses for ever."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update

from rtdash.domain.instants import to_ms
from rtdash.store.webhook_table import webhooks
from rtdash.store.webhooks import Webhook, WebhookRefused, read_all


def skip(
    conn: Connection, webhook_id: str, seq: int | None, *, at: datetime
) -> tuple[Webhook, int] | None:
    """Step over a webhook's events up to `seq`; without one, over the message that the log was
    replaced: it goes on at the new log's head, as it would have done after that message.

    Returns it, and how many events they were (none if it has come so far already), or None if there
    is no such webhook. Raises WebhookRefused.
    """
    found = read_all(conn, [webhook_id])
    if not found:
        return None
    (known,) = found
    return (_skip_reset(conn, known, at), 0) if seq is None else _skip(conn, known, seq, at)


def _skip(conn: Connection, known: Webhook, seq: int, at: datetime) -> tuple[Webhook, int]:
    if seq <= known.position.seq:
        return known, 0
    if known.position.epoch != known.epoch:
        raise WebhookRefused("its log was replaced: skip the reset, which comes first")
    if seq > known.head:
        raise WebhookRefused(f"its stream has {known.head} events: there is nothing to skip yet")
    if known.failure is None:
        raise WebhookRefused("its receiver refuses nothing: what it lacks is about to be sent")
    skipped = webhooks.c.skipped + seq - webhooks.c.seq
    now = _move(conn, known, webhooks.c.seq < seq, {"seq": seq, "skipped": skipped}, at)
    return now, now.skipped - known.skipped


def _skip_reset(conn: Connection, known: Webhook, at: datetime) -> Webhook:
    if not known.is_held_by_reset:
        raise WebhookRefused("its receiver refuses no reset: see its state in the list")
    reached = {"epoch": known.epoch, "seq": known.head}
    return _move(conn, known, webhooks.c.epoch != known.epoch, reached, at)


def _move(
    conn: Connection, known: Webhook, is_behind: Any, reached: Mapping[str, Any], at: datetime
) -> Webhook:
    """Go on behind `reached`, unless a delivery has come as far meanwhile."""
    values = {**reached, "skipped_at": to_ms(at), "failure": None, "failures": 0}
    conn.execute(update(webhooks).where(webhooks.c.id == known.id, is_behind).values(values))
    return read_all(conn, [known.id])[0]
