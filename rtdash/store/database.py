"""The store's doors: `read(fn)` and `write(fn)`, where fn is a plain function of a connection. Owns
engines, threads and locks.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from sqlalchemy import Connection, update

from rtdash.domain.instants import Clock, to_ms
from rtdash.store import schema
from rtdash.store.engines import Engines
from rtdash.store.errors import (
    BadStoreUrl,
    DatabaseReplaced,
    OutcomeUnknown,
    StoreError,
    StoreLocked,
    StoreTooNew,
    StoreUnavailable,
)
from rtdash.store.files import StoreFiles
from rtdash.store.identity import ensure_identity
from rtdash.store.reader import Reader
from rtdash.store.reopening import reopen
from rtdash.store.schema_upgrade import prepare
from rtdash.store.server_lease import LeaseKeeper
from rtdash.store.sqlite_log import LogCheckpoints
from rtdash.store.store_url import open_engines
from rtdash.store.write_jobs import Commit
from rtdash.store.writer import Writer

__all__ = [
    "BadStoreUrl",
    "Commit",
    "Connection",
    "Database",
    "DatabaseReplaced",
    "OutcomeUnknown",
    "StoreError",
    "StoreLocked",
    "StoreTooNew",
    "StoreUnavailable",
]

Result = TypeVar("Result")

QUEUE_LIMIT = 1_000
"""Writes, and reads, that may wait; beyond, StoreUnavailable."""

BUSY_TIMEOUT_S = 5.0
"""How long SQLite waits for a lock that another program holds."""

_PROBE = update(schema.meta).where(schema.meta.c.key == "probed_at")

_log = logging.getLogger(__name__)


def _ignore(_commit: Commit) -> None:
    """Stands for an observer where there is none."""


class Database:
    """A store that is open. All of it belongs to the event loop that opened it; only the functions
    given to it run in threads.

    `on_reopened` is called on the event loop after the file was closed and opened again: what was
    read before may not be in it.
    """

    def __init__(
        self,
        engines: Engines,
        files: StoreFiles | None,
        *,
        clock: Clock,
        observer: Callable[[Commit], None],
        queue_limit: int,
    ) -> None:
        self.on_reopened: Callable[[], None] = lambda: None
        self._engines = engines
        self._files = files
        self._clock = clock
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._reader = Reader(engines, queue_limit=queue_limit)
        self._write_fault: StoreUnavailable | None = None
        self._lease = LeaseKeeper(self.write)
        self._disk_fault: StoreUnavailable | None = None
        self._writer = Writer(
            self._connect_writer,
            queue_limit=queue_limit,
            report=self._report,
            enter=self._enter,
            on_disk_error=self._reopen if engines.file else lambda: None,
            after_commit=LogCheckpoints().after_commit if engines.file else lambda _conn: None,
        )

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        data_dir: Path,
        clock: Clock,
        observer: Callable[[Commit], None] | None = None,
        queue_limit: int = QUEUE_LIMIT,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> Self:
        """Open the store at `url` (`sqlite:///path` or `postgresql://…`), made or migrated where
        needed.

        A SQLite file is locked for this process. `observer` is called for each transaction, on the
        event loop. Raises StoreUnavailable, StoreLocked, StoreTooNew, BadStoreUrl, StoreError: each
        says how to mend it in `hint`.
        """
        engines = open_engines(url, busy_timeout_s=busy_timeout_s)
        files = StoreFiles(engines.file, data_dir) if engines.file is not None else None
        if files is not None:
            await asyncio.to_thread(files.acquire)
            engines.check_first(files.check)
        try:
            await asyncio.to_thread(prepare, engines, clock(), files)
            return cls(
                engines, files, clock=clock, observer=observer or _ignore, queue_limit=queue_limit
            )
        except BaseException:
            engines.dispose()
            if files is not None:
                files.release()
            raise

    async def acquire_process_lock(self, *, alone: bool) -> None:
        """Enter this process as a server from now on, `alone` if it can't hear of others. Waits
        for the place of a process that may have died.

        A SQLite file is locked for one process anyway. Raises StoreLocked, StoreUnavailable.
        """
        if self._engines.file is not None:
            return
        await self._lease.acquire(is_alone=alone)

    @property
    def fault(self) -> StoreUnavailable | None:
        """Trouble of the store that the last write or the last read met, if any."""
        return self._write_fault or self._reader.fault

    @property
    def is_healthy(self) -> bool:
        """Whether the last write and the last read were served."""
        return self.fault is None

    @property
    def is_pooled(self) -> bool:
        """Whether a pooler stands in front of the PostgreSQL server."""
        return self._engines.is_pooled()

    async def read(self, fn: Callable[[Connection], Result]) -> Result:
        """Return what `fn` reads, in one transaction that sees one snapshot. `fn` may run twice.
        Raises StoreUnavailable, and what `fn` raises.
        """
        return await self._reader.read(fn)

    async def write(self, fn: Callable[[Connection], Result]) -> Result:
        """Return what `fn` gives, once its transaction is on disk. `fn` may run several times, each
        time on a clean transaction.

        Raises StoreUnavailable (not stored), OutcomeUnknown (COMMIT failed), and what `fn` raises
        (rolled back, without harm to others). A caller that is cancelled does not wait; what had
        begun is still written.
        """
        result: Result = await self.submit(fn)
        return result

    def submit(
        self, fn: Callable[[Connection], Result], *, on_failed: Callable[[], None] | None = None
    ) -> asyncio.Future[Result]:
        """Begin a `write` without waiting; futures are settled in the order of commit. `on_failed`:
        see Writer.submit.
        """
        return self._writer.submit(fn, on_failed)

    @property
    def quiet_mark(self) -> int | None:
        """Number that stays the same until something is written; None while something is, and
        always on a server, where other processes write. What was read under a mark is true under
        it.
        """
        return None if self._engines.file is None else self._writer.quiet_mark

    async def heads_moved(self) -> bool:
        """Whether the file may have changed since the last call; always true on a server."""
        return await self._reader.heads_moved()

    async def probe(self) -> bool:
        """Try one small durable write; whether it was stored, as `is_healthy` says from then on."""
        now = str(to_ms(self._clock()))
        try:
            await self.write(lambda conn: conn.execute(_PROBE, {"value": now}))
            await self.read(lambda conn: conn.exec_driver_sql("SELECT 1"))
        except StoreError:
            return False
        return self.is_healthy

    async def close(self) -> None:
        """Write what waits, end the threads, close the connections, give the lock back."""
        await self._lease.release()
        await self._writer.finish()
        if self._files is not None:
            with contextlib.suppress(StoreUnavailable):
                await self.read(self._files.note)
        await self._reader.close()
        self._engines.dispose()
        if self._files is not None:
            self._files.release()

    def _enter(self, conn: Connection, is_new: bool) -> None:
        """Check which file is written, and which log a new connection writes, before it does."""
        if self._files is not None:
            self._files.check_written(is_new=is_new)
        if is_new or self._engines.is_pooled():
            ensure_identity(conn)

    def _connect_writer(self) -> Connection:
        """Return a connection that writes. Raises SQLAlchemyError, and StoreUnavailable as long as
        the file can't be opened again after the disk failed.
        """
        if self._disk_fault is not None:
            self._reopen()
            if self._disk_fault is not None:
                raise self._disk_fault
        return self._engines.writer.connect()

    def _reopen(self) -> None:
        """Open the file again, after the disk failed under it. Runs in the writer's thread."""
        self._engines, self._disk_fault = reopen(self._engines, self._reader)
        with contextlib.suppress(RuntimeError):  # the loop was closed without closing the store
            self._loop.call_soon_threadsafe(lambda: self.on_reopened())  # noqa: PLW0108

    def _report(self, commit: Commit) -> None:
        self._write_fault = commit.fault
        self._observer(commit)
