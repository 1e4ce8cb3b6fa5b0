"""Sessions of a storm, stored together: those that come in one turn of the event loop share one job
of the store, and one statement.
"""

import asyncio

from rtdash.domain.instants import Clock
from rtdash.store import sessions as rows
from rtdash.store.database import Database


class SessionGroups:
    """Groups of sessions on their way to the store. What the store answers for a group, each of its
    callers gets.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: list[tuple[rows.StoredSession, asyncio.Future[bool]]] = []
        self._writing: set[asyncio.Task[None]] = set()

    async def save(self, session: rows.StoredSession) -> bool:
        """As `store.sessions.save`. Raises StoreUnavailable. Of a caller that is cancelled nothing
        is stored, or what is written behind this one comes later.
        """
        loop = asyncio.get_running_loop()
        saved: asyncio.Future[bool] = loop.create_future()
        self._waiting.append((session, saved))
        if len(self._waiting) == 1:  # it begins behind all that come in this turn
            task = loop.create_task(self._write())
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)
        return await saved

    async def _write(self) -> None:
        # One that was given up is left out: its release may be with the store before this.
        group = [(session, saved) for session, saved in self._waiting if not saved.done()]
        self._waiting = []
        if not group:
            return
        sessions, now = [session for session, _ in group], self._clock()
        try:
            outcomes = await self._database.write(
                lambda connection: rows.save_all(connection, sessions, now=now)
            )
        except Exception as fault:  # noqa: BLE001
            # whatever it is, each caller gets it, as from a write of its own
            for _, saved in group:
                if not saved.done():
                    saved.set_exception(fault)
            return
        for (_, saved), is_ours in zip(group, outcomes, strict=True):
            if not saved.done():
                saved.set_result(is_ours)
