"""Figures of the store for the metrics."""

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from rtdash.store.schema import events, sessions


class StoreFigures(NamedTuple):
    """Sessions that can be resumed, and when the oldest event was appended (Unix milliseconds, None
    without events).
    """

    sessions: int
    oldest_event_ms: int | None


def read_store_figures(connection: Connection) -> StoreFigures:
    """Return the figures now. Costs one pass over the index of the sessions."""
    number = connection.execute(select(func.count()).select_from(sessions)).scalar_one()
    oldest = connection.execute(select(func.min(events.c.appended_at))).scalar_one()
    return StoreFigures(number, oldest)
