"""The row of a server process: which processes work on a store, and whether one of them must be
alone.

A row that is renewed, and not a session's lock: behind a transaction pooler the session belongs to
the pooler, which would keep the lock after the process has gone. Instants are the store's, so the
machines' clocks don't matter.
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, delete, select

from rtdash.store import dialects
from rtdash.store.errors import StoreError, StoreLocked
from rtdash.store.schema import meta, servers

RENEW_S = 3.0
"""How often a process renews its row."""

LEASE_S = 12.0
"""How long a row holds after it was renewed: longer than a frozen database is waited for."""

_log = logging.getLogger(__name__)

_LOCK = select(meta.c.value).where(meta.c.key == "epoch").with_for_update()
_READ = select(servers.c.id, servers.c.host, servers.c.pid, servers.c.alone, servers.c.beat_at)


@dataclass(frozen=True, slots=True)
class ServerLease:
    """Row of one process; `is_alone` if it can't hear of others."""

    id: str
    is_alone: bool

    @classmethod
    def create(cls, *, is_alone: bool) -> "ServerLease":
        """Return a lease that no other process has."""
        return cls(uuid4().hex, is_alone)

    def acquire(self, conn: Connection) -> None:
        """Enter this process, unless one of two would be deaf. Raises StoreLocked, with
        `is_passing` where the other's row is about to end.
        """
        conn.execute(_LOCK).all()
        now_ms = dialects.server_now_ms(conn)
        others = [row for row in conn.execute(_READ) if row.id != self.id]
        gone = [row.id for row in others if _is_over(row, now_ms)]
        if gone:
            conn.execute(delete(servers).where(servers.c.id.in_(gone)))
        for row in others:
            if row.id not in gone and (self.is_alone or row.alone):
                raise StoreLocked(
                    "another server process works on this database, and memory:// reaches no"
                    " other process",
                    hint=(
                        "start all of them with the same broker: --broker postgresql (the store"
                        " itself), redis://…, amqp://… or kafka://…"
                    ),
                    pid=None,
                    is_passing=now_ms - row.beat_at > 2 * RENEW_S * 1000,
                )
        self._save(conn, now_ms)

    def renew(self, conn: Connection) -> None:
        """Say that the process lives."""
        self._save(conn, dialects.server_now_ms(conn))

    def release(self, conn: Connection) -> None:
        """Take the process out."""
        conn.execute(delete(servers).where(servers.c.id == self.id))

    def _save(self, conn: Connection, now_ms: int) -> None:
        conn.execute(
            dialects.upsert(conn, servers, ["beat_at"]),
            {
                "id": self.id,
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "alone": int(self.is_alone),
                "beat_at": now_ms,
            },
        )


def _is_over(row: Any, now_ms: int) -> bool:
    """Whether the row ran out, or its process on this machine has died."""
    if now_ms - row.beat_at >= LEASE_S * 1000:
        return True
    return row.host == socket.gethostname() and not _is_running(row.pid)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        pass
    return True


class LeaseKeeper:
    """Takes the lease of a process, renews it, and gives it back."""

    def __init__(self, write: Callable[[Callable[[Connection], Any]], Awaitable[Any]]) -> None:
        self._write = write
        self._lease: ServerLease | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def acquire(self, *, is_alone: bool) -> None:
        """Enter the process, and wait for the place of one that may have died. Raises StoreLocked,
        StoreUnavailable.
        """
        lease, loop = ServerLease.create(is_alone=is_alone), asyncio.get_running_loop()
        deadline = loop.time() + LEASE_S + 1
        while True:
            try:
                await self._write(lease.acquire)
            except StoreLocked as locked:
                if not locked.is_passing or loop.time() > deadline:
                    raise
                _log.info("another server may have died: its place is free within %g s", LEASE_S)
                await asyncio.sleep(1)
            else:
                break
        self._lease = lease
        self._renewing = asyncio.create_task(self._renew(lease), name="server lease")

    async def release(self) -> None:
        """Stop renewing, and take the process out."""
        if self._renewing is not None and self._lease is not None:
            self._renewing.cancel()
            with contextlib.suppress(StoreError):
                await self._write(self._lease.release)

    async def _renew(self, lease: ServerLease) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            # A store that is away keeps every process out; the row is renewed when it is back.
            with contextlib.suppress(StoreError):
                await self._write(lease.renew)
