"""Leases of webhooks out: a process sends what it holds. Instants are the store's."""

from typing import Any

from sqlalchemy import Connection, or_, select, update

from rtdash.store import dialects
from rtdash.store.webhook_table import IS_KNOWN, webhooks

LEASE_S = 12.0
"""How long a process keeps a webhook after it last renewed it."""


def has_free(conn: Connection, sender: str) -> bool:
    """Whether a webhook waits for a sender other than those that hold one."""
    return conn.execute(_free(conn, sender).limit(1)).first() is not None


def hold(conn: Connection, sender: str) -> set[str]:
    """Renew what a process holds, and take what no process holds. Returns the ids of both.

    Rows that another process is just taking are passed over.
    """
    until = dialects.server_now_ms(conn) + int(LEASE_S * 1000)
    free = conn.execute(_free(conn, sender).with_for_update(skip_locked=True)).scalars().all()
    is_held = or_(webhooks.c.sender == sender, webhooks.c.id.in_(free))
    held = (
        update(webhooks)
        .where(is_held, webhooks.c.disabled_at.is_(None))
        .values(sender=sender, sender_until=until)
        .returning(webhooks.c.id)
    )
    return set(conn.execute(held).scalars())


def release(conn: Connection, sender: str) -> None:
    """Give back all that a process holds."""
    conn.execute(
        update(webhooks).where(webhooks.c.sender == sender).values(sender=None, sender_until=0)
    )


def _free(conn: Connection, sender: str) -> Any:
    """Webhooks with an ended lease; on SQLite, where one process holds the file, those of others."""
    if dialects.has_row_locks(conn):
        is_over = webhooks.c.sender_until < dialects.server_now_ms(conn)
    else:
        is_over = webhooks.c.sender != sender
    is_free = or_(webhooks.c.sender.is_(None), is_over)
    return select(webhooks.c.id).where(webhooks.c.disabled_at.is_(None), is_free, IS_KNOWN)
