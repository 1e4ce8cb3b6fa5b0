"""The simplest writes and reads of a store, and a writer that is busy while they come."""

import asyncio
from contextlib import asynccontextmanager
from threading import Event

from sqlalchemy import insert, select

from rtdash.store.schema import meta
from rtdash.store.schema_upgrade import WORKS_WITH

PATIENCE_S = 30


def put(key, value="1"):
    """A write of one row."""
    return lambda conn: conn.execute(insert(meta), {"key": key, "value": value}) and value


def keys(conn):
    """The rows that `put` has written."""
    return set(conn.execute(select(meta.c.key)).scalars()) - {"epoch", "probed_at", WORKS_WITH}


@asynccontextmanager
async def busy_writer(database):
    """The writer runs a transaction that ends with the block, so that what is submitted inside it
    waits.
    """
    began, release = Event(), Event()

    def hold(_conn):
        began.set()
        assert release.wait(PATIENCE_S)

    held = database.submit(hold)
    await asyncio.to_thread(began.wait, PATIENCE_S)
    try:
        yield
    finally:
        release.set()
        await held
