"""A store and a loop that do what a schedule says: real SQL, time that moves when the schedule says
so, transactions that wait until they may.

The store is a real SQLite database in memory behind doors of its own, since threads would make a
schedule come out differently each
time: what `Database.write` promises (order, one transaction each, written although the caller has
gone) is kept, and steered.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection as StoreConnection
from sqlalchemy import create_engine, delete, func, select
from sqlalchemy.pool import StaticPool

from rtdash.store.database import OutcomeUnknown, StoreUnavailable
from rtdash.store.schema import leases, metadata, processes, sessions

Result = TypeVar("Result")


class SteeredLoop(asyncio.SelectorEventLoop):
    """Event loop with a time that moves when the schedule says so."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1_000.0

    def time(self) -> float:
        """Seconds."""
        return self.now_s


class Store:
    """One database for all processes. `faults` says what becomes of the next writes: refused or
    unknown.
    """

    def __init__(self, loop: SteeredLoop) -> None:
        self.faults: deque[str] = deque()
        self.failed_at = float("-inf")
        self.loop = loop
        self._doors: list[Door] = []
        self._engine = _engine()
        self.run(_empty)

    def admission(self) -> "Door":
        """For a new process."""
        self._doors.append(Door(self))
        return self._doors[-1]

    def release(self) -> None:
        """Write on, for whatever process, be it dead."""
        for admission in self._doors:
            admission.release()

    def run(self, fn: Callable[[StoreConnection], Result]) -> Result:
        """One transaction."""
        with self._engine.begin() as conn:
            return fn(conn)

    @property
    def waiting(self) -> int:
        """Writes that are under way."""
        return sum(admission.waiting for admission in self._doors)


class Door:
    """The store as one process sees it: its writes run in their order, and while they are held,
    writes of other processes may come first.
    """

    def __init__(self, store: Store) -> None:
        self.is_shut = False
        self._is_held = False
        self._store = store
        self._queue: deque[tuple[Callable[[StoreConnection], Any], asyncio.Future[Any]]] = deque()

    async def write(self, fn: Callable[[StoreConnection], Result]) -> Result:
        """As Database.write."""
        if self.is_shut:
            raise StoreUnavailable("the process is dead", reason="closed")
        future: asyncio.Future[Result] = self._store.loop.create_future()
        self._queue.append((fn, future))
        self._store.loop.call_soon(self._work)
        return await future

    async def read(self, fn: Callable[[StoreConnection], Result]) -> Result:
        """As Database.read; a read sees what is committed."""
        await asyncio.sleep(0)
        if self.is_shut:
            raise StoreUnavailable("the process is dead", reason="closed")
        return self._store.run(fn)

    def hold(self) -> None:
        """Write nothing until `release`."""
        self._is_held = True

    def release(self) -> None:
        """Write on. While it was held the process could not say that it lived."""
        if self._is_held:
            self._store.failed_at = self._store.loop.now_s
        self._is_held = False
        self._store.loop.call_soon(self._work)

    def forget(self) -> None:
        """The process died before its transaction."""
        self._queue.clear()

    @property
    def waiting(self) -> int:
        """Writes that are under way."""
        return len(self._queue)

    def _work(self) -> None:
        store = self._store
        while self._queue and not self._is_held:
            fn, future = self._queue.popleft()
            fault = store.faults.popleft() if store.faults else None
            if fault is not None:
                store.failed_at = store.loop.now_s
            result = None if fault == "refused" else store.run(fn)
            if future.done():  # the caller has gone; what it wanted is written all the same
                continue
            if fault is None:
                future.set_result(result)
            else:
                future.set_exception(
                    (OutcomeUnknown if fault == "unknown" else StoreUnavailable)(
                        "a fault of the test", reason=fault
                    )
                )


def count_sessions(conn: StoreConnection) -> int:
    """Rows."""
    return conn.execute(select(func.count()).select_from(sessions)).scalar_one()


_TABLES = (sessions, leases, processes)
_engines: list[Any] = []


def _engine() -> Any:
    """One for all schedules: making it costs more than a schedule."""
    if not _engines:
        engine = create_engine("sqlite://", poolclass=StaticPool)
        metadata.create_all(engine, tables=_TABLES)
        _engines.append(engine)
    return _engines[0]


def _empty(conn: StoreConnection) -> None:
    for table in _TABLES:
        conn.execute(delete(table))
