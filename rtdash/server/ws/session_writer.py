"""Rows of sessions: stored before they are answered for, confirmed behind, taken over, removed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from rtdash.domain.instants import Clock
from rtdash.protocol.channels import Position, Stream
from rtdash.server.ws.bound_session import BoundSession, SessionMoved, SessionTaken
from rtdash.server.ws.known_sessions import KnownSessions
from rtdash.server.ws.session_groups import SessionGroups
from rtdash.store import leases as lease_rows
from rtdash.store import sessions as rows
from rtdash.store.database import Connection as StoreConnection
from rtdash.store.database import Database

BEHIND_ROWS = 500
"""Confirmations, and ends, written behind in one transaction: those of ten thousand connections
that end at once would hold up bookings for 0.1 to 0.2 s."""

EXPIRE_ROWS = 1_000
"""Sessions removed in one transaction, so that no write waits long behind it."""

KEPT_PER_CONNECTION = 10
"""Sessions without a connection that a user keeps for each connection it may have; a client that
comes back needs its last one."""


class SessionWriter:
    """Writer of one process's sessions; `process` names it in the rows.

    A user keeps at most `KEPT_PER_CONNECTION` times `connections_per_user` sessions without a
    connection; `connections_per_user` 0: any number.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        process: str,
        ttl_s: float,
        connections_per_user: int = 0,
    ) -> None:
        self.process = process
        self._database = database
        self._clock = clock
        self._ttl = timedelta(seconds=ttl_s)
        self._most_kept = KEPT_PER_CONNECTION * connections_per_user
        self._known = KnownSessions(self._ttl)
        self.groups = SessionGroups(database, clock)
        self._made: Counter[str] = Counter()
        self._confirmed: dict[str, BoundSession] = {}
        self._ended: dict[tuple[str, int], None] = {}

    async def save(
        self, session: BoundSession, streams: Iterable[Stream], positions: Mapping[Stream, Position]
    ) -> None:
        """Store what the session follows and from where. Raises SessionTaken, StoreUnavailable."""
        followed = tuple(streams)
        # Two processes may each hold a connection of the session: the newer by a resume, the older
        # without knowing of it yet. The generation decides, since clocks can't: a resume raises it
        # in the row's own transaction, and every write names the one that it was made for. A late
        # write of the older holder then finds no row, however long it waited.
        is_ours = await self.groups.save(partial(self._row, session, followed, positions))
        session.is_settled, session.streams = True, followed
        if not is_ours:
            raise SessionTaken
        self._made[session.sub] += 1

    async def retake(
        self, session: BoundSession, streams: Iterable[Stream], positions: Mapping[Stream, Position]
    ) -> None:
        """Take over and store in one a session that comes back (see `returning`). Raises
        SessionMoved, StoreUnavailable.
        """
        followed = tuple(streams)
        # They go along: what is confirmed in the row itself, and an end that is none any more.
        self._confirmed.pop(session.id, None)
        self._ended.pop((session.id, session.generation - 1), None)
        if not await self.groups.retake(partial(self._row, session, followed, positions)):
            raise SessionMoved
        session.is_settled, session.streams, session.is_returning = True, followed, False

    def returning(self, session_id: str, sub: str, asked_at: datetime) -> BoundSession | None:
        """Return the session of a client that comes back at once, to be stored by `retake`; None
        where `take_over` has to look for it.
        """
        known = self._known.take(session_id, sub, asked_at)
        return None if known is None else known.returned(asked_at)

    async def take_over(
        self, session_id: str, sub: str, asked_at: datetime
    ) -> tuple[BoundSession, tuple[Stream, ...]] | None:
        """Return the session and what it follows, ours from now on; None when it is unknown,
        expired or another user's.

        `asked_at`: when the resume came to this process. Raises SessionTaken, StoreUnavailable.
        """
        # What this process knows of the session, its last confirmations, comes first.
        await self.write_behind()

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
        session = BoundSession(
            stored.id, stored.sub, asked_at, stored.generation, dict(stored.positions or {})
        )
        return session, stored.streams

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
        return stored.expires_at is None or stored.expires_at > now + self._ttl - lease_rows.LEASE

    def confirm(self, session: BoundSession, arrived: Mapping[Stream, int], epoch: str) -> None:
        """Note positions that the client has for sure; written behind."""
        for stream, seq in arrived.items():
            known = session.confirmed.get(stream)
            if known is None or known.epoch != epoch or known.seq < seq:
                session.confirmed[stream] = Position(epoch, seq)
                self._confirmed[session.id] = session

    def end(self, session: BoundSession) -> None:
        """Have the session wait for its client from now on, unless it was taken over since. One
        that was to come back may still have the generation before.
        """
        self._ended[session.id, session.generation] = None
        if session.is_returning:
            self._ended[session.id, session.generation - 1] = None

    def remember(self, session: BoundSession) -> None:
        """Keep a session that has ended at hand: its client may come back at once."""
        self._known.keep(session, self._clock())

    def revive(self, session: BoundSession) -> None:
        """Forget that the session has ended: a connection holds it again."""
        self._ended.pop((session.id, session.generation), None)

    async def write_behind(self) -> None:
        """Write what waits now, a bounded number at a time. Raises StoreUnavailable, and keeps it
        then; so it does for a caller that goes away meanwhile.
        """
        left = max(len(self._confirmed), len(self._ended))
        while left > 0:
            left -= BEHIND_ROWS
            await self._write_some()

    async def _write_some(self) -> None:
        # The rest stays where a connection that comes finds it: no release of a session may be
        # written behind what holds it again.
        confirmed, ended = _take(self._confirmed), _take(self._ended)
        if not confirmed and not ended:
            return
        confirmations = [
            rows.Confirmation(session.id, session.generation, dict(session.confirmed))
            for session in confirmed.values()
        ]
        expires_at = self._clock() + self._ttl
        try:
            await self._database.write(partial(self._write_all, confirmations, ended, expires_at))
        # A cancellation, too: a resume that is given up must not take along what it was to write of
        # others.
        except BaseException:
            self._confirmed = confirmed | self._confirmed
            self._ended = ended | self._ended
            raise

    async def expire(self) -> None:
        """Remove all sessions that no client came back for, a bounded number at a time. Raises
        StoreUnavailable.
        """
        self._known.forget_old(self._clock())
        removed = EXPIRE_ROWS
        while removed == EXPIRE_ROWS:
            now = self._clock()
            removed = await self._database.write(
                lambda connection, now=now: rows.expire(  # type: ignore[misc]
                    connection, now=now, ttl=self._ttl, limit=EXPIRE_ROWS
                )
            )

    async def trim(self) -> None:
        """Remove the oldest sessions without a connection of users that have made many. Raises
        StoreUnavailable.
        """
        most = self._most_kept
        many = [sub for sub, number in self._made.items() if number > most]
        if most and many:
            await self._database.write(lambda connection: rows.trim(connection, many, keep=most))
        for sub in many if most else tuple(self._made):
            del self._made[sub]

    def _row(
        self,
        session: BoundSession,
        streams: tuple[Stream, ...],
        positions: Mapping[Stream, Position],
    ) -> rows.StoredSession:
        """Return the session as it is stored, when its turn has come."""
        session.is_settled = False
        return rows.StoredSession(
            session.id,
            session.sub,
            self.process,
            session.asked_at,
            session.generation,
            subscriptions=rows.by_venue(streams),
            positions={**session.confirmed, **positions},
        )

    def _write_all(
        self,
        confirmations: list[rows.Confirmation],
        ended: Iterable[tuple[str, int]],
        expires_at: datetime,
        connection: StoreConnection,
    ) -> None:
        rows.confirm(connection, confirmations)
        rows.release(connection, ended, process=self.process, expires_at=expires_at)


def _take(waiting: dict[Any, Any]) -> dict[Any, Any]:
    """Take out what has waited for longest, BEHIND_ROWS at most."""
    return {key: waiting.pop(key) for key in tuple(islice(waiting, BEHIND_ROWS))}
