"""Sessions on their way to the store: in a storm those that come within PACE_S share one job of the
store, and one statement.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rtdash.domain.instants import Clock
from rtdash.server.ws.write_pacer import WritePacer
from rtdash.store import sessions as rows
from rtdash.store.database import Connection as StoreConnection
from rtdash.store.database import Database

STORM = 25
"""Sessions in a group: 500 connections a second, which take a fifth of the loop."""

MakeRow = Callable[[], rows.StoredSession]
"""Gives the session as it is to be stored, when its turn has come."""


@dataclass(slots=True)
class _Write:
    """A session that waits, and what becomes of it. `is_retake`: see `store.sessions.retake_all`."""

    make: MakeRow
    stored: "asyncio.Future[bool]"
    is_retake: bool


class SessionGroups:
    """Groups of sessions, in the order in which they came. What the store answers for a group, each
    of its callers gets.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._pacer = WritePacer()
        self._waiting: list[_Write] = []
        self._writing: set[asyncio.Task[None]] = set()
        self._last_size = 0

    @property
    def is_storm(self) -> bool:
        """Whether so many connections wait for their sessions to be stored, and thus for their
        answers, that they take a good part of the event loop.
        """
        return self._last_size >= STORM and bool(self._waiting or self._writing)

    async def save(self, make: MakeRow) -> bool:
        """As `store.sessions.save_all` for one. Raises StoreUnavailable. Of a caller that is
        cancelled nothing is stored, or what is written behind this one comes later.
        """
        return await self._write(make, is_retake=False)

    async def retake(self, make: MakeRow) -> bool:
        """As `store.sessions.retake_all` for one; see `save`."""
        return await self._write(make, is_retake=True)

    async def _write(self, make: MakeRow, *, is_retake: bool) -> bool:
        loop = asyncio.get_running_loop()
        if not self._waiting and self._pacer.passes(loop.time()):
            (is_ours,) = await self._store([make()], are_retakes=[is_retake])
            return is_ours
        stored: asyncio.Future[bool] = loop.create_future()
        if not self._waiting:
            loop.call_at(self._pacer.opens_at, self._open)
        self._waiting.append(_Write(make, stored, is_retake))
        return await stored

    def _open(self) -> None:
        # One that was given up is left out: its release may be with the store before this.
        group = [one for one in self._waiting if not one.stored.done()]
        self._waiting = []
        loop = asyncio.get_running_loop()
        self._last_size = len(group)
        self._pacer.note_group(loop.time(), len(group))
        if group:
            task = loop.create_task(self._write_group(group))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def _write_group(self, group: Sequence[_Write]) -> None:
        try:
            outcomes = await self._store(
                [one.make() for one in group], are_retakes=[one.is_retake for one in group]
            )
        except Exception as fault:  # noqa: BLE001
            # whatever it is, each caller gets it, as from a write of its own
            for one in group:
                if not one.stored.done():
                    one.stored.set_exception(fault)
            return
        for one, is_ours in zip(group, outcomes, strict=True):
            if not one.stored.done():
                one.stored.set_result(is_ours)

    async def _store(
        self, sessions: Sequence[rows.StoredSession], *, are_retakes: Sequence[bool]
    ) -> list[bool]:
        now = self._clock()
        marked = tuple(zip(sessions, are_retakes, strict=True))
        saved = [session for session, is_retake in marked if not is_retake]
        retaken = [session for session, is_retake in marked if is_retake]

        def store(connection: StoreConnection) -> tuple[list[bool], list[bool]]:
            return (
                rows.save_all(connection, saved, now=now) if saved else [],
                rows.retake_all(connection, retaken, now=now) if retaken else [],
            )

        outcomes = tuple(iter(outcome) for outcome in await self._database.write(store))
        return [next(outcomes[is_retake]) for is_retake in are_retakes]
