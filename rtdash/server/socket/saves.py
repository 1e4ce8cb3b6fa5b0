"""Sessions on their way to the store: whoever waits for the same write is stored by one transaction."""

import asyncio
from collections.abc import Sequence

from rtdash.domain.instants import Clock
from rtdash.store import sessions as rows
from rtdash.store.database import Database, StoreUnavailable

PACE_S = 0.02
"""From one write to the next: a session that comes by itself is written at once, and a storm of them costs fifty transactions a second."""

_Waiting = tuple[rows.StoredSession, "asyncio.Future[bool]"]


class Saves:
    """A transaction for one row costs more than all the rest of a subscribe."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: list[_Waiting] = []
        self._next_at = 0.0

    def save(self, stored: rows.StoredSession) -> "asyncio.Future[bool]":
        """Whether it was stored, once it is on disk; False when another generation has it. The future may raise StoreUnavailable.

        Whoever cancels it in time isn't written. Saves and later writes of the database keep their order, unless they were cancelled.
        """
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_at(max(loop.time(), self._next_at), self._write)
        future: asyncio.Future[bool] = loop.create_future()
        self._waiting.append((stored, future))
        return future

    def _write(self) -> None:
        waiting, self._waiting = [one for one in self._waiting if not one[1].cancelled()], []
        if not waiting:
            return
        self._next_at = asyncio.get_running_loop().time() + PACE_S
        sessions, now = [session for session, _ in waiting], self._clock()
        try:
            writing = self._database.submit(lambda connection: rows.save(connection, sessions, now=now))
        except StoreUnavailable as fault:
            _fail(waiting, fault)
        else:
            writing.add_done_callback(lambda written: _settle(waiting, written))


def _settle(waiting: Sequence[_Waiting], written: "asyncio.Future[set[str]]") -> None:
    fault = written.exception()
    if fault is not None:
        _fail(waiting, fault)
        return
    foreign = written.result()
    for session, future in waiting:
        if not future.done():
            future.set_result(session.id not in foreign)


def _fail(waiting: Sequence[_Waiting], fault: BaseException) -> None:
    for _, future in waiting:
        if not future.done():
            future.set_exception(fault)
