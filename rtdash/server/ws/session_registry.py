"""Registry of the sessions with connections in this process: stored before they are answered for,
confirmed later, handed on at a take-over.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from secrets import token_urlsafe
from typing import Generic, TypeVar

from rtdash.domain.instants import Clock
from rtdash.protocol.channels import Channel, Position, Stream
from rtdash.server.ws.write_pacer import WritePacer
from rtdash.store import sessions as rows
from rtdash.store.database import Connection as StoreConnection
from rtdash.store.database import Database, StoreUnavailable

BEHIND_S = 1.0
"""How long confirmations and ended connections wait to be written together. Late ones only mean
repeats."""

BEAT_TURNS = 5
"""Turns of BEHIND_S after which the process says that it lives, with its users' counts, and looks
for sessions taken over elsewhere (guide: architecture, "Leases, not counters, across processes").
"""

EXPIRE_TURNS = 60
"""Turns after which sessions are removed that no client came back for."""

TAKEN_OVER = "another connection has resumed this session"
"""Reason that the connection which held the session is closed with."""

_log = logging.getLogger(__name__)

Holder = TypeVar("Holder")


@dataclass(slots=True)
class BoundSession:
    """Session held here, as its connection asked for it at `asked_at`. `confirmed` says from where
    on a client that lost everything goes on, per event stream.

    `is_settled`: its row holds what the client has been answered; after a write with an unknown
    outcome that is unknown until the next one.
    """

    id: str
    sub: str
    asked_at: datetime
    generation: int = 1
    confirmed: dict[Stream, Position] = field(default_factory=dict)
    is_settled: bool = True


class SessionTaken(Exception):  # noqa: N818 - the client's own doing, not a fault
    """Another connection has taken the session over: one that asked for it later."""


@dataclass(frozen=True, slots=True)
class _Holder(Generic[Holder]):
    connection: Holder
    generation: int


@dataclass(frozen=True, slots=True)
class Heartbeat(Generic[Holder]):
    """Result of a heartbeat: the leases of all live processes, the connections of sessions that
    another process has taken over, and those of sessions without a row.
    """

    leases: tuple[rows.Lease, ...]
    superseded: tuple[Holder, ...]
    gone: tuple[Holder, ...]


class SessionRegistry(Generic[Holder]):
    """Holders by session id, and the way to their rows. `process` names this process in them."""

    def __init__(self, database: Database, clock: Clock, *, process: str, ttl_s: float) -> None:
        self.elsewhere: Mapping[str, int] = {}
        """Connections by user in the other live processes, as of the last beat."""
        self._database = database
        self._clock = clock
        self._turnstile = WritePacer()
        self.process = process
        self._ttl = timedelta(seconds=ttl_s)
        self._holders: dict[str, _Holder[Holder]] = {}
        self._confirmed: dict[str, BoundSession] = {}
        self._ended: dict[str, int] = {}
        self._told: dict[str, int] = {}

    def new(self, sub: str) -> BoundSession:
        """Make a session that is not stored yet."""
        return BoundSession(token_urlsafe(18), sub, self._clock())

    def holder(self, session_id: str) -> Holder | None:
        """The connection in this process that holds it."""
        holder = self._holders.get(session_id)
        return None if holder is None else holder.connection

    def hold(self, session: BoundSession, connection: Holder) -> None:
        """The connection holds it from now on."""
        self._holders[session.id] = _Holder(connection, session.generation)
        self._ended.pop(session.id, None)

    async def save(
        self, session: BoundSession, streams: Iterable[Stream], positions: Mapping[Stream, Position]
    ) -> None:
        """Store what the session follows and from where. Raises Superseded, StoreUnavailable."""
        await self._turnstile.enter()
        now = self._clock()
        stored = rows.StoredSession(
            session.id,
            session.sub,
            self.process,
            session.asked_at,
            session.generation,
            subscriptions=_by_venue(streams),
            positions={**session.confirmed, **positions},
        )
        session.is_settled = False
        is_ours = await self._database.write(
            lambda connection: rows.save(connection, stored, now=now)
        )
        session.is_settled = True
        if not is_ours:
            raise SessionTaken

    async def take_over(
        self, session_id: str, sub: str, asked_at: datetime
    ) -> tuple[BoundSession, list[Stream]] | None:
        """The session and what it follows, ours from now on; None when it is unknown, expired or
        another user's.

        `asked_at`: when the resume came to this process. Raises Superseded, StoreUnavailable.
        """
        await (
            self.write_behind()
        )  # what this process knows of it, its last confirmations, comes first

        def take(connection: StoreConnection) -> rows.StoredSession | None:
            now = self._clock()  # when it is written
            return rows.take_over(
                connection,
                session_id,
                sub=sub,
                process=self.process,
                asked_at=asked_at,
                now=now,
                ttl=self._ttl,
            )

        stored = await self._database.write(take)
        if stored is None:
            return None
        if stored.asked_at != asked_at:
            raise SessionTaken
        streams = [
            Stream(venue, channel)
            for venue, channels in (stored.subscriptions or {}).items()
            for channel in channels
        ]
        return (
            BoundSession(
                stored.id, stored.sub, asked_at, stored.generation, dict(stored.positions or {})
            ),
            streams,
        )

    async def is_counted_elsewhere(self, session_id: str, sub: str) -> bool:
        """Whether another process has, or had until just now, a connection of the user that holds
        the session. Raises StoreUnavailable.
        """
        now = self._clock()
        stored = await self._database.read(
            lambda connection: rows.load(connection, session_id, now=now, ttl=self._ttl)
        )
        if stored is None or stored.sub != sub or stored.process == self.process:
            return False
        return stored.expires_at is None or stored.expires_at > now + self._ttl - rows.LEASE

    def confirm(self, session: BoundSession, arrived: Mapping[Stream, int], epoch: str) -> None:
        """Positions that the client has for sure; written behind."""
        for stream, seq in arrived.items():
            known = session.confirmed.get(stream)
            if known is None or known.epoch != epoch or known.seq < seq:
                session.confirmed[stream] = Position(epoch, seq)
                self._confirmed[session.id] = session

    def detach(self, session: BoundSession, connection: Holder) -> None:
        """Let a session wait for its client after the end of its connection, unless another
        connection here holds it already.
        """
        if self.holder(session.id) is connection:
            del self._holders[session.id]
            self.let_go(session)

    def let_go(self, session: BoundSession) -> None:
        """Let a session wait for its client that may have been stored, but that no connection came
        to hold, unless it was taken over since.
        """
        self._ended[session.id] = max(session.generation, self._ended.get(session.id, 0))

    async def run(
        self, counts: Callable[[], Mapping[str, int]], on_beat: Callable[[Heartbeat[Holder]], bool]
    ) -> None:
        """Write what waits, renew the lease and remove old sessions, until cancelled; a store that
        is away is asked again. `counts` gives this process's connections by user. When `on_beat`
        has closed some, that is written at once: until then other processes would count them, and
        close some of their own as well.
        """
        for turn in count():
            try:
                await self.write_behind()
                if turn % BEAT_TURNS == 0 and on_beat(await self.beat(counts())):
                    await self.beat(counts())
                if turn % EXPIRE_TURNS == 0:
                    await self._expire()
            except StoreUnavailable as fault:
                _log.warning("sessions wait to be written: %s", fault)
            await asyncio.sleep(BEHIND_S)

    async def beat(self, counts: Mapping[str, int]) -> Heartbeat[Holder]:
        """Renew this process's lease with its users' counts, and read those of the others. Raises
        StoreUnavailable.
        """
        changed = {
            sub: counts.get(sub, 0)
            for sub in counts.keys() | self._told.keys()
            if counts.get(sub, 0) != self._told.get(sub, 0)
        }
        told = dict(counts)
        now = self._clock()
        await self._database.write(
            lambda connection: rows.beat(connection, self.process, changed, now=self._clock())
        )  # when it is written
        self._told = told
        held = {session_id: holder.generation for session_id, holder in self._holders.items()}
        leases, (superseded, gone) = await self._database.read(
            lambda connection: (
                rows.read_leases(connection, now=now),
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

    def _still_holding(
        self, session_ids: Iterable[str], held: Mapping[str, int]
    ) -> tuple[Holder, ...]:
        holders = ((self._holders.get(session_id), held[session_id]) for session_id in session_ids)
        return tuple(
            holder.connection
            for holder, generation in holders
            if holder and holder.generation == generation
        )

    async def write_behind(self) -> None:
        """Write what waits. Raises StoreUnavailable, and keeps it then; so it does for a caller
        that goes away meanwhile.
        """
        confirmed, self._confirmed = self._confirmed, {}
        ended, self._ended = self._ended, {}
        if not confirmed and not ended:
            return
        confirmations = [
            rows.Confirmation(session.id, session.generation, dict(session.confirmed))
            for session in confirmed.values()
        ]
        expires_at = self._clock() + self._ttl
        try:
            await self._database.write(
                lambda connection: _write(connection, confirmations, ended.items(), expires_at)
            )
        # a cancellation, too: a resume that is given up must not take along what it was to write of
        # others
        except BaseException:
            self._confirmed = confirmed | self._confirmed
            self._ended = ended | self._ended
            raise

    async def close(self) -> None:
        """Write what waits, if the store takes it: late confirmations only mean repeats. No user
        counts as connected here any more.
        """
        self._ended.update(
            {session_id: holder.generation for session_id, holder in self._holders.items()}
        )
        with suppress(StoreUnavailable):
            await self.write_behind()
            await self.beat({})

    async def _expire(self) -> None:
        now = self._clock()
        await self._database.write(
            lambda connection: rows.expire(connection, now=now, ttl=self._ttl)
        )


def _write(
    connection: StoreConnection,
    confirmations: list[rows.Confirmation],
    ended: Iterable[tuple[str, int]],
    expires_at: datetime,
) -> None:
    rows.confirm(connection, confirmations)
    rows.release(connection, ended, expires_at=expires_at)


def _by_venue(streams: Iterable[Stream]) -> dict[str, tuple[Channel, ...]]:
    by_venue: dict[str, tuple[Channel, ...]] = {}
    for stream in streams:
        by_venue[stream.venue] = (*by_venue.get(stream.venue, ()), stream.channel)
    return by_venue
