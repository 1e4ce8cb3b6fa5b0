"""Sessions with a connection in this process: which connection holds which, and the beat by
which processes hear of each other.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from secrets import token_urlsafe
from typing import Generic, TypeVar

from rtdash.domain.instants import Clock
from rtdash.server.ws.bound_session import BoundSession, SessionTaken
from rtdash.server.ws.session_writer import SessionWriter
from rtdash.store import leases as lease_rows
from rtdash.store import sessions as rows
from rtdash.store.database import Database, StoreUnavailable

BEHIND_S = 1.0
"""How long confirmations and ended connections wait to be written together. Late ones only mean
repeats."""

BEAT_TURNS = 5
"""Turns of BEHIND_S after which the process says that it lives, with its users' counts, and looks
for sessions taken over elsewhere (guide/architecture.md, leases)."""

EXPIRE_TURNS = 60
"""The same for removing sessions that no client came back for."""

TAKEN_OVER = "another connection has resumed this session"
"""Reason of the Close that the connection gets which held it."""

_log = logging.getLogger(__name__)

Holder = TypeVar("Holder")


@dataclass(frozen=True, slots=True)
class _Holder(Generic[Holder]):
    connection: Holder
    session: BoundSession


@dataclass(frozen=True, slots=True)
class Heartbeat(Generic[Holder]):
    """Result of a beat: the leases of all live processes, the connections with a session that
    another process has taken over, and those with a session that has lost its row.
    """

    leases: tuple[lease_rows.Lease, ...]
    superseded: tuple[Holder, ...]
    gone: tuple[Holder, ...]


class SessionRegistry(Generic[Holder]):
    """Holders by session id; `writer` has the rows."""

    def __init__(self, database: Database, clock: Clock, writer: SessionWriter) -> None:
        self.elsewhere: Mapping[str, int] = {}
        """Connections by user in the other live processes, as of the last beat."""
        self.writer = writer
        self.process = writer.process
        self._database = database
        self._clock = clock
        self._holders: dict[str, _Holder[Holder]] = {}
        self._announced: dict[str, int] = {}

    def new(self, sub: str) -> BoundSession:
        """Return a session that is not stored yet."""
        return BoundSession(token_urlsafe(18), sub, self._clock())

    def holder(self, session_id: str) -> Holder | None:
        """Return the connection in this process that holds the session."""
        holder = self._holders.get(session_id)
        return None if holder is None else holder.connection

    def check_newest(self, session: BoundSession) -> None:
        """Raise SessionTaken where a connection here holds a newer generation of the session."""
        holder = self._holders.get(session.id)
        if holder is not None and holder.session.generation > session.generation:
            raise SessionTaken

    def bind(self, session: BoundSession, connection: Holder) -> Holder | None:
        """Have the connection hold the session from now on; return the one that held it, if it is
        another.
        """
        older = self.holder(session.id)
        self._holders[session.id] = _Holder(connection, session)
        self.writer.revive(session)
        return None if older is connection else older

    def detach(self, session: BoundSession, connection: Holder) -> None:
        """Have the session wait for its client: its connection has ended. Unless another connection
        here holds it already.
        """
        if self.holder(session.id) is connection:
            del self._holders[session.id]
            self.release(session)
            self.writer.remember(session)

    def release(self, session: BoundSession) -> None:
        """Have a session wait for its client that may have been stored, and that no connection has
        come to hold; unless another one here holds it meanwhile.
        """
        holder = self._holders.get(session.id)
        if holder is None or holder.session.generation < session.generation:
            self.writer.end(session)

    async def maintain(
        self, counts: Callable[[], Mapping[str, int]], on_beat: Callable[[Heartbeat[Holder]], bool]
    ) -> None:
        """Write behind, beat and expire, until cancelled; a store that is away is asked again.
        `counts` gives this process's connections by user.

        When `on_beat` has closed some, that is announced at once: until then other processes would
        count them, and close some of their own as well.
        """
        was_away = False
        for turn in count():
            try:
                await self.writer.write_behind()
                # As soon as the store is back: what was taken over meanwhile must not stay open.
                if was_away or turn % BEAT_TURNS == 0:
                    if on_beat(await self.beat(counts())):
                        await self.beat(counts())
                    await self.writer.trim()
                if turn % EXPIRE_TURNS == 0:
                    await self.writer.expire()
                was_away = False
            except StoreUnavailable as fault:
                was_away = True
                _log.warning("sessions wait to be written: %s", fault)
            await asyncio.sleep(BEHIND_S)

    async def beat(self, counts: Mapping[str, int]) -> Heartbeat[Holder]:
        """Say that this process lives and which users it serves; hear the same of the others.
        Raises StoreUnavailable.
        """
        changed = {
            sub: counts.get(sub, 0)
            for sub in counts.keys() | self._announced.keys()
            if counts.get(sub, 0) != self._announced.get(sub, 0)
        }
        announced = dict(counts)
        now = self._clock()
        await self._database.write(
            lambda connection: lease_rows.beat(connection, self.process, changed, now=self._clock())
        )  # when it is written
        self._announced = announced
        held = {
            session_id: holder.session.generation for session_id, holder in self._holders.items()
        }
        leases, (superseded, gone) = await self._database.read(
            lambda connection: (
                lease_rows.read_leases(connection, now=now),
                rows.read_stale(connection, held),
            )
        )
        elsewhere: Counter[str] = Counter()
        for lease in leases:
            if lease.process != self.process:
                elsewhere[lease.sub] += lease.connections
        self.elsewhere = elsewhere
        return Heartbeat(
            tuple(leases), self._still_holding(superseded, held), self._still_holding(gone, held)
        )

    async def end_all(self) -> None:
        """Write what waits, if the store takes it: late confirmations only mean repeats. No user
        counts as connected here any more.
        """
        for holder in self._holders.values():
            self.writer.end(holder.session)
        with suppress(StoreUnavailable):
            await self.writer.write_behind()
            await self.beat({})

    def _still_holding(
        self, session_ids: Iterable[str], held: Mapping[str, int]
    ) -> tuple[Holder, ...]:
        holders = ((self._holders.get(session_id), held[session_id]) for session_id in session_ids)
        return tuple(
            holder.connection
            for holder, generation in holders
            if holder and holder.session.generation == generation
        )
