"""Deliveries of webhooks: which were taken, so that none is taken twice, and what was refused."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from rtdash.domain.instants import from_ms, to_ms
from rtdash.store import dialects
from rtdash.store.schema import hooks

KEPT = timedelta(days=1)
"""How long a delivery's id and what was refused are kept."""
MAX_REFUSED = 1_000
"""Refused deliveries of a source that are kept; older ones go."""
MAX_BODY = 16_384
"""Characters of a refused body that are kept."""


@dataclass(frozen=True, slots=True)
class RefusedDelivery:
    """A delivery of which something was refused; `problem` has a line for each."""

    source: str
    id: str
    received_at: datetime
    problem: str
    body: str


def is_known(conn: Connection, source: str, delivery_id: str) -> bool:
    """Return whether the delivery was taken within the last day."""
    found = select(hooks.c.id).where(hooks.c.source == source, hooks.c.id == delivery_id)
    return conn.execute(found).first() is not None


def save(
    conn: Connection,
    source: str,
    delivery_id: str,
    *,
    at: datetime,
    problem: str | None = None,
    body: str = "",
) -> None:
    """Remember a delivery, and forget those of more than a day ago."""
    prune(conn, now=at)
    if problem is not None:
        _make_room(conn, source)
    row = {
        "source": source,
        "id": delivery_id,
        "received_at": to_ms(at),
        "problem": problem,
        "body": None if problem is None else body[:MAX_BODY],
    }
    conn.execute(dialects.insert_new(conn, hooks), [row])


def prune(conn: Connection, *, now: datetime) -> None:
    """Forget deliveries of more than a day ago."""
    conn.execute(delete(hooks).where(hooks.c.received_at < to_ms(now - KEPT)))


def read_refused(conn: Connection, limit: int = 100) -> list[RefusedDelivery]:
    """Return what was refused, latest first."""
    rows = conn.execute(
        select(hooks)
        .where(hooks.c.problem.is_not(None))
        .order_by(hooks.c.received_at.desc())
        .limit(limit)
    )
    return [
        RefusedDelivery(row.source, row.id, from_ms(row.received_at), row.problem, row.body)
        for row in rows
    ]


def forget_refused(conn: Connection) -> None:
    """Forget all refused deliveries: a guest who is to be erased may stand in their bodies, in
    whatever form their sources write names.
    """
    conn.execute(delete(hooks).where(hooks.c.problem.is_not(None)))


def _make_room(conn: Connection, source: str) -> None:
    refused = (
        select(hooks.c.id)
        .where(hooks.c.source == source, hooks.c.problem.is_not(None))
        .order_by(hooks.c.received_at.desc())
        .offset(MAX_REFUSED - 1)
        .limit(100)
    )
    old = list(conn.execute(refused).scalars())
    if old:
        conn.execute(delete(hooks).where(hooks.c.source == source, hooks.c.id.in_(old)))
