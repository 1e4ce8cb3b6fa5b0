"""The store's doors: `read(fn)` and `write(fn)`, where fn is a plain function of a connection. Owns
engines, threads and the lock.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

from sqlalchemy import Connection, update
from sqlalchemy.exc import SQLAlchemyError

from rtdash.domain.instants import Clock, to_ms
from rtdash.store import dialects, schema
from rtdash.store.errors import (
    BadStoreUrl,
    OutcomeUnknown,
    StoreError,
    StoreLocked,
    StoreTooNew,
    StoreUnavailable,
    translate,
)
from rtdash.store.lockfile import LockFile
from rtdash.store.upgrade import prepare
from rtdash.store.writer import Commit, Writer

__all__ = [
    "BadStoreUrl",
    "Commit",
    "Connection",
    "Database",
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


def _ignore(_commit: Commit) -> None:
    """Nobody observes."""


class Database:
    """A store that is open. All of it belongs to the event loop that opened it; only the functions
    given to it run in threads.
    """

    def __init__(
        self,
        engines: dialects.Engines,
        lock: LockFile | None,
        *,
        clock: Clock,
        observer: Callable[[Commit], None],
        queue_limit: int,
    ) -> None:
        self._engines = engines
        self._lock = lock
        self._clock = clock
        self._observer = observer
        self._queue_limit = queue_limit
        self._readers = ThreadPoolExecutor(dialects.READERS, thread_name_prefix="rtdash-reader")
        self._reading = 0
        self._read_fault: StoreUnavailable | None = None
        self._write_fault: StoreUnavailable | None = None
        self._watch: Connection | None = None
        self._watch_lock = asyncio.Lock()
        self._data_version: int | None = None
        self._writer = Writer(engines.writer, queue_limit=queue_limit, report=self._report)

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

        A SQLite file is locked for this process. `observer` hears of each transaction, on the event
        loop.
        Raises StoreUnavailable, StoreLocked, StoreTooNew, BadStoreUrl, StoreError: each says how to
        mend it in `hint`.
        """
        engines = dialects.open_engines(url, busy_timeout_s=busy_timeout_s)
        lock = await asyncio.to_thread(_open_files, engines, data_dir)
        try:
            await asyncio.to_thread(prepare, engines.writer, clock())
            return cls(
                engines, lock, clock=clock, observer=observer or _ignore, queue_limit=queue_limit
            )
        except BaseException:
            engines.dispose()
            if lock is not None:
                lock.release()
            raise

    async def acquire_process_lock(self, *, alone: bool) -> None:
        """Say that a server process works here from now on, `alone` if it couldn't hear of others.
        Raises StoreLocked, StoreUnavailable.

        A SQLite file is locked for one process anyway.
        """
        if self._engines.file is None:
            await self._in_reader(lambda: self._take_process_lock(alone))

    @property
    def fault(self) -> StoreUnavailable | None:
        """What the last write or the last read met, if it met the store's trouble."""
        return self._write_fault or self._read_fault

    @property
    def is_healthy(self) -> bool:
        """Whether the last write and the last read were served."""
        return self.fault is None

    async def read(self, fn: Callable[[Connection], Result]) -> Result:
        """What `fn` reads, in one transaction that sees one snapshot. `fn` may run twice. Raises
        StoreUnavailable, and what `fn` raises.
        """
        if self._reading >= self._queue_limit:
            raise StoreUnavailable(f"{self._queue_limit} reads wait already", reason="queue_full")
        self._reading += 1
        try:
            result = await self._in_reader(lambda: self._read(fn))
        except StoreUnavailable as fault:
            self._read_fault = fault
            raise
        finally:
            self._reading -= 1
        self._read_fault = None
        return result

    async def write(self, fn: Callable[[Connection], Result]) -> Result:
        """What `fn` gives, once its transaction is on disk. `fn` may run several times, each time
        on a clean transaction.

        Raises StoreUnavailable (not stored), OutcomeUnknown (COMMIT failed), and what `fn` raises
        (rolled back, nobody else is harmed).
        A caller that is cancelled does not wait; what had begun is still written.
        """
        result: Result = await self.submit(fn)
        return result

    def submit(
        self, fn: Callable[[Connection], Result], *, on_failed: Callable[[], None] | None = None
    ) -> asyncio.Future[Result]:
        """As `write`, without waiting; futures are settled in the order of commit. `on_failed`: see
        Writer.submit.
        """
        return self._writer.submit(fn, on_failed)

    async def heads_moved(self) -> bool:
        """Whether the file may have changed since the last call; always true where the engine can't
        tell.
        """
        if self._engines.file is None:
            return True
        async with self._watch_lock:
            seen, self._data_version = (
                self._data_version,
                await self._in_reader(self._read_data_version),
            )
            return seen != self._data_version

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
        await self._writer.close()
        await asyncio.to_thread(self._readers.shutdown)
        if self._watch is not None:
            self._watch.close()
        self._engines.dispose()
        if self._lock is not None:
            self._lock.release()

    async def _in_reader(self, function: Callable[[], Result]) -> Result:
        try:
            reading = asyncio.get_running_loop().run_in_executor(self._readers, function)
        except RuntimeError as error:
            raise StoreUnavailable("the store is closed", reason="closed") from error
        return await reading

    def _read(self, fn: Callable[[Connection], Result]) -> Result:
        try:
            return self._read_once(fn)
        except StoreUnavailable as fault:
            if fault.reason != "lost":
                raise
        return self._read_once(fn)

    def _read_once(self, fn: Callable[[Connection], Result]) -> Result:
        try:
            with self._engines.reader.begin() as conn:
                return fn(conn)
        except SQLAlchemyError as error:
            fault = translate(error)
            if fault is None:
                raise
            self._engines.renew_readers()
            raise fault from error

    def _read_data_version(self) -> int:
        """Read on one connection of its own: the number only tells of what others did since this
        one looked.
        """
        try:
            if self._watch is None:
                self._watch = self._engines.reader.connect()
            version = dialects.read_data_version(self._watch)
            self._watch.rollback()
        except SQLAlchemyError as error:
            watch, self._watch = self._watch, None
            self._data_version = (
                None  # another connection counts from the start, and may come to the same number
            )
            if watch is not None:
                watch.invalidate()
            raise translate(error) or error from error
        return version

    def _take_process_lock(self, alone: bool) -> None:
        """On a connection that is held to the end; the slot in the pool is the one that only
        SQLite's watch needs.
        """
        try:
            self._watch = self._engines.reader.connect()
            is_taken = dialects.take_process_lock(self._watch, alone=alone)
            # the lock is the session's; an open transaction would keep old rows from being cleaned
            # up
            self._watch.rollback()
        except SQLAlchemyError as error:
            raise translate(error) or error from error
        if not is_taken:
            raise StoreLocked(
                "another server process works on this database, and memory:// reaches no other"
                " process",
                hint=(
                    "start all of them with the same broker: --broker postgresql (the store"
                    " itself), redis://…, amqp://… or kafka://…"
                ),
                pid=None,
            )

    def _report(self, commit: Commit) -> None:
        self._write_fault = commit.fault
        self._observer(commit)


def _open_files(engines: dialects.Engines, data_dir: Path) -> LockFile | None:
    """The lock of a SQLite file, taken; None for a server."""
    if engines.file is None:
        return None
    for directory in (data_dir, engines.file.parent):
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{directory} can't be made: {error.strerror}",
                hint="choose another data directory, or mend its rights",
            ) from None
    lock = LockFile(engines.file.with_name(engines.file.name + ".lock"))
    lock.acquire()
    return lock
