"""Rows of sessions: stored before they are answered for, confirmed behind, taken over, removed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rtdash.domain.instants import Clock
from rtdash.protocol.channels import Channel, Position, Stream
from rtdash.server.ws.session_groups import SessionGroups
from rtdash.server.ws.write_pacer import WritePacer
from rtdash.store import leases as lease_rows
from rtdash.store import sessions as rows
from rtdash.store.database import Connection as StoreConnection
from rtdash.store.database import Database

EXPIRE_ROWS = 1_000
"""Sessions removed in one transaction, so that no write waits long behind it."""

KEPT_PER_CONNECTION = 10
"""Sessions without a connection that a user keeps for each connection it may have; a client that
comes back needs its last one."""


@dataclass(slots=True)
class BoundSession:
    """Session held in this process, as its connection asked for it at `asked_at`. `confirmed` says
    from where on a client that lost everything goes on, by event stream.

    `is_settled`: its row holds what the client was answered. After a write with an unknown outcome
    it is not, until the next write.
    """

    id: str
    sub: str
    asked_at: datetime
    generation: int = 1
    confirmed: dict[Stream, Position] = field(default_factory=dict)
    is_settled: bool = True

    @property
    def shown_id(self) -> str:
        """The beginning of the id, for the log: enough to find it, too few to resume it."""
        return self.id[:8]


class SessionTaken(Exception):  # noqa: N818 - the client's own doing, not a fault
    """Another connection has taken the session over: one that asked for it later."""


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
        self._pacer = WritePacer()
        self._groups = SessionGroups(database, clock)
        self._made: Counter[str] = Counter()
        self._confirmed: dict[str, BoundSession] = {}
        self._ended: dict[str, int] = {}

    async def save(
        self, session: BoundSession, streams: Iterable[Stream], positions: Mapping[Stream, Position]
    ) -> None:
        """Store what the session follows and from where. Raises SessionTaken, StoreUnavailable."""
        is_in_group = await self._pacer.wait_turn()
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
        # Two processes may each hold a connection of the session: the newer by a resume, the older
        # without knowing of it yet. The generation decides, since clocks can't: a resume raises it
        # in the row's own transaction, and every write names the one that it was made for. A late
        # write of the older holder then finds no row, however long it waited.
        is_ours = (
            await self._groups.save(stored)
            if is_in_group
            else await self._database.write(
                lambda connection: rows.save(connection, stored, now=now)
            )
        )
        session.is_settled = True
        if not is_ours:
            raise SessionTaken
        self._made[session.sub] += 1

    async def take_over(
        self, session_id: str, sub: str, asked_at: datetime
    ) -> tuple[BoundSession, list[Stream]] | None:
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
        return session, _streams(stored)

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

    def end(self, session_id: str, generation: int) -> None:
        """Have the session wait for its client from now on, unless it was taken over since."""
        self._ended[session_id] = max(generation, self._ended.get(session_id, 0))

    def revive(self, session_id: str) -> None:
        """Forget that the session has ended: a connection holds it again."""
        self._ended.pop(session_id, None)

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


def _write(
    connection: StoreConnection,
    confirmations: list[rows.Confirmation],
    ended: Iterable[tuple[str, int]],
    expires_at: datetime,
) -> None:
    rows.confirm(connection, confirmations)
    rows.release(connection, ended, expires_at=expires_at)


def _streams(stored: rows.StoredSession) -> list[Stream]:
    return [
        Stream(venue, channel)
        for venue, channels in (stored.subscriptions or {}).items()
        for channel in channels
    ]


def _by_venue(streams: Iterable[Stream]) -> dict[str, tuple[Channel, ...]]:
    by_venue: dict[str, tuple[Channel, ...]] = {}
    for stream in streams:
        by_venue[stream.venue] = (*by_venue.get(stream.venue, ()), stream.channel)
    return by_venue
