"""The threads that read: each read is one transaction that sees one snapshot, and may be run again
where that is safe.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Condition
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from rtdash.store import dialects
from rtdash.store.engines import READERS, Engines
from rtdash.store.errors import StoreUnavailable, is_conflict, translate

Result = TypeVar("Result")

HELD_S = 5.0
"""How long a read waits while the store is closed and opened again."""

_RETRIED = frozenset({"lost", "cancelled"})
"""Reasons after which a read is run once more, on a new connection."""


class Reader:
    """Reads in a few threads. Everything but the functions that are read runs on the event loop."""

    def __init__(self, engines: Engines, *, queue_limit: int) -> None:
        self.fault: StoreUnavailable | None = None
        self._engines = engines
        self._queue_limit = queue_limit
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="rtdash-reader")
        self._waiting = 0
        self._gate = Condition()
        self._running = 0
        self._is_held = False
        self._refusal: StoreUnavailable | None = None
        self._watch: Connection | None = None
        self._watch_lock = asyncio.Lock()
        self._data_version: int | None = None

    async def read(self, fn: Callable[[Connection], Result]) -> Result:
        """Return what `fn` reads. `fn` may run twice. Raises StoreUnavailable, and what `fn`
        raises.
        """
        if self._waiting >= self._queue_limit:
            raise StoreUnavailable(f"{self._queue_limit} reads wait already", reason="queue_full")
        self._waiting += 1
        try:
            result = await self._in_thread(lambda: self._read(fn))
        except StoreUnavailable as fault:
            self.fault = fault
            raise
        finally:
            self._waiting -= 1
        self.fault = None
        return result

    async def heads_moved(self) -> bool:
        """Whether the file may have changed since the last call; always true on a server."""
        if self._engines.file is None:
            return True
        async with self._watch_lock:
            seen, self._data_version = (
                self._data_version,
                await self._in_thread(lambda: self._entered(self._read_data_version)),
            )
            return seen != self._data_version

    def hold(self, patience_s: float) -> bool:
        """Keep reads from starting, and wait for those that run. Returns whether none runs any
        more. Called in the writer's thread.
        """
        with self._gate:
            self._is_held = True
            return self._gate.wait_for(lambda: self._running == 0, patience_s)

    def go_on(self, engines: Engines, *, refusal: StoreUnavailable | None = None) -> None:
        """Let reads go on, on new connections, or refuse them. Called in the writer's thread."""
        with self._gate:
            watch, self._watch, self._data_version = self._watch, None, None
            self._engines, self._refusal = engines, refusal
            self._is_held = False
            self._gate.notify_all()
        if watch is not None:
            watch.close()

    def close_watch(self) -> None:
        """Close the connection that looks for changes; the next look makes another."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.invalidate()
            watch.close()

    async def close(self) -> None:
        """End the threads, after what they still have to read."""
        await asyncio.to_thread(self._threads.shutdown)
        if self._watch is not None:
            self._watch.close()

    async def _in_thread(self, function: Callable[[], Result]) -> Result:
        try:
            reading = asyncio.get_running_loop().run_in_executor(self._threads, function)
        except RuntimeError as error:
            raise StoreUnavailable("the store is closed", reason="closed") from error
        return await reading

    def _read(self, fn: Callable[[Connection], Result]) -> Result:
        try:
            return self._entered(lambda: self._read_once(fn))
        except StoreUnavailable as fault:
            if fault.reason not in _RETRIED:
                raise
        except SQLAlchemyError as error:
            # A standby that applies changes undoes reads that are in their way.
            if not is_conflict(error):
                raise
        try:
            return self._entered(lambda: self._read_once(fn))
        except SQLAlchemyError as error:
            if is_conflict(error):
                raise StoreUnavailable("a read was undone twice", reason="conflict") from error
            raise

    def _entered(self, work: Callable[[], Result]) -> Result:
        """Run `work` unless the store is being opened again."""
        with self._gate:
            if not self._gate.wait_for(lambda: not self._is_held, HELD_S):
                raise StoreUnavailable("the store is being opened again", reason="io_error")
            if self._refusal is not None:
                raise self._refusal
            self._running += 1
        try:
            return work()
        finally:
            with self._gate:
                self._running -= 1
                self._gate.notify_all()

    def _read_once(self, fn: Callable[[Connection], Result]) -> Result:
        engines = self._engines
        try:
            with engines.reader.begin() as conn:
                return fn(conn)
        except Exception as error:  # the driver's own, too: not all of them are wrapped
            fault = translate(error)
            if fault is None:
                raise
            engines.renew_readers()
            raise fault from error

    def _read_data_version(self) -> int:
        """Read the number on a connection of its own: it only changes by what others did since
        that connection looked.
        """
        try:
            if self._watch is None:
                self._watch = self._engines.reader.connect()
            version = dialects.read_data_version(self._watch)
            self._watch.rollback()
        except SQLAlchemyError as error:
            # another connection counts from the start, and may come to the same number
            self._data_version = None
            self.close_watch()
            raise translate(error) or error from error
        return version
