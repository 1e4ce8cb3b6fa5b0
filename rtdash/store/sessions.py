"""Sessions, which outlive connections and processes: stored, taken over, confirmed, expired."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from operator import itemgetter

from sqlalchemy import Connection, and_, bindparam, case, delete, or_, select, update

from rtdash.domain.instants import to_ms
from rtdash.store.leases import LEASE
from rtdash.store.prepared import Prepared
from rtdash.store.schema import leases, processes, sessions
from rtdash.store.session_saves import IS_HELD, holder, retake_all, save, save_all
from rtdash.store.session_surplus import trim
from rtdash.store.stored_sessions import (
    Confirmation,
    StoredSession,
    by_venue,
    encode_positions,
    session_of,
)

__all__ = [
    "Confirmation",
    "StoredSession",
    "by_venue",
    "confirm",
    "expire",
    "load",
    "read_stale",
    "release",
    "retake_all",
    "save",
    "save_all",
    "take_over",
    "trim",
]

_NUL = "\x00"
"""Character that no text of PostgreSQL holds: an id with it is one that was never given."""

_COLUMNS = [
    sessions.c[name]
    for name in [
        "id",
        "sub",
        "process",
        "asked_at",
        "generation",
        "subscriptions",
        "positions",
        "expires_at",
    ]
]
_READ = select(*_COLUMNS)
_UPDATE = update(sessions).where(*IS_HELD)
_TAKEN = ("process", "asked_at", "generation", "expires_at", "saved_at")
_CONFIRM = Prepared(_UPDATE.values(positions=bindparam("to_positions")))
_RELEASE = Prepared(
    _UPDATE.where(sessions.c.process == bindparam("of_process")).values(
        expires_at=bindparam("to_expires_at")
    )
)
_TAKE = Prepared(_UPDATE.values({name: bindparam(f"to_{name}") for name in _TAKEN}))
# A session with a connection counts from its process's last sign of life: a beat, or the session's
# own last change.
_LAST_SIGN = case(
    (processes.c.beat_at > sessions.c.saved_at, processes.c.beat_at), else_=sessions.c.saved_at
)
_IS_EXPIRED = or_(
    # never NULL: its negation must hold, too
    and_(sessions.c.expires_at.is_not(None), sessions.c.expires_at <= bindparam("now")),
    and_(sessions.c.expires_at.is_(None), bindparam("silent_since") >= _LAST_SIGN),
)
_WITH_OWNER = sessions.outerjoin(processes, processes.c.id == sessions.c.process)
_READ_LIVING = _READ.select_from(_WITH_OWNER).where(
    sessions.c.id == bindparam("of_id"), ~_IS_EXPIRED
)
_LOAD = Prepared(_READ_LIVING)
# as it stands once the transaction that changes it has committed
_LOAD_LOCKED = Prepared(_READ_LIVING.with_for_update(of=sessions))
_READ_EXPIRED = select(sessions.c.id).select_from(_WITH_OWNER).where(_IS_EXPIRED)
_READ_AMONG = _READ.where(sessions.c.id.in_(bindparam("ids", expanding=True)))
_READ_GENERATIONS = select(sessions.c.id, sessions.c.generation).where(
    sessions.c.id.in_(bindparam("ids", expanding=True))
)


def load(
    conn: Connection, session_id: str, *, now: datetime, ttl: timedelta
) -> StoredSession | None:
    """Return the session, unless it is unknown or has expired."""
    if _NUL in session_id:
        return None
    found = _LOAD.read(conn, {"of_id": session_id, **_limits(now, ttl)})
    return session_of(*found[0]) if found else None


def take_over(
    conn: Connection,
    session_id: str,
    *,
    sub: str,
    process: str,
    asked_at: datetime,
    now: datetime,
    ttl: timedelta,
) -> StoredSession | None:
    """Make `process` the holder, with the next generation; None when the session is unknown,
    another user's, or had expired at `asked_at`.

    The last to ask holds it: when it was asked for later and that was carried out sooner, it stays
    as it is, and is given with that `asked_at`. One beyond `now` is of a clock that was set back
    since, or goes ahead of ours: it says nothing.

    The former holder can't change it any more, and finds out by `read_stale`. Until it is saved it
    waits for its client as after the end of a connection: the taker may have gone already.
    """
    if _NUL in session_id:
        return None
    found = _LOAD_LOCKED.read(conn, {"of_id": session_id, **_limits(asked_at, ttl)})
    held = session_of(*found[0]) if found else None
    if held is None or held.sub != sub:
        return None
    if asked_at < held.asked_at <= now:
        return held
    taken = replace(
        held,
        process=process,
        asked_at=asked_at,
        generation=held.generation + 1,
        expires_at=now + ttl,
    )
    instants = {
        "to_asked_at": to_ms(asked_at),
        "to_expires_at": to_ms(now + ttl),
        "to_saved_at": to_ms(now),
    }
    _TAKE.execute(
        conn,
        [
            {
                **holder(session_id, held.generation),
                "to_process": process,
                "to_generation": taken.generation,
                **instants,
            }
        ],
    )
    return taken


def confirm(conn: Connection, confirmations: Iterable[Confirmation]) -> None:
    """Add confirmed positions to their sessions; those of an older generation are passed over. Late
    ones only mean repeats.
    """
    by_id = {confirmation.session_id: confirmation for confirmation in confirmations}
    if not by_id:
        return
    changed = []
    for row in conn.execute(_READ_AMONG, {"ids": sorted(by_id)}):
        held, confirmation = session_of(*row), by_id[row.id]
        if held is not None and held.generation == confirmation.generation:
            merged = encode_positions({**(held.positions or {}), **confirmation.positions})
            changed.append(holder(held.id, held.generation) | {"to_positions": merged})
    if changed:  # in one go: a fleet confirms hundreds of sessions a second
        _CONFIRM.execute(conn, sorted(changed, key=itemgetter("of_id")))


def release(
    conn: Connection, held: Iterable[tuple[str, int]], *, process: str, expires_at: datetime
) -> None:
    """The connections of these (session id, generation) in `process` have ended: the sessions wait
    for their clients until `expires_at`. Those of another process stay as they are: of a take-over
    that failed it isn't known which process has got the generation.
    """
    rows = [
        holder(session_id, generation) | {"of_process": process, "to_expires_at": to_ms(expires_at)}
        for session_id, generation in held
    ]
    if rows:
        _RELEASE.execute(conn, rows)


def read_stale(conn: Connection, held: Mapping[str, int]) -> tuple[set[str], set[str]]:
    """Return those of the sessions (id: generation) that have a newer generation by now, and those
    that are gone. One that is gone has no other holder: while its process stood still it expired,
    or an older backup was restored.
    """
    if not held:
        return set(), set()
    current = {
        row.id: row.generation for row in conn.execute(_READ_GENERATIONS, {"ids": sorted(held)})
    }
    superseded = {
        session_id
        for session_id, generation in held.items()
        if current.get(session_id, generation) > generation
    }
    return superseded, held.keys() - current.keys()


def expire(conn: Connection, *, now: datetime, ttl: timedelta, limit: int = 1_000) -> int:
    """Remove sessions that no client came back for, at most `limit`, and processes that hold none
    and have long been silent.
    """
    removed = conn.execute(
        delete(sessions).where(sessions.c.id.in_(_READ_EXPIRED.limit(limit))), _limits(now, ttl)
    ).rowcount
    silent = select(processes.c.id).where(processes.c.beat_at < to_ms(now - ttl - LEASE))
    conn.execute(delete(leases).where(leases.c.process.in_(silent)))
    conn.execute(delete(processes).where(processes.c.id.in_(silent)))
    return removed


def _limits(now: datetime, ttl: timedelta) -> dict[str, object]:
    """Return the values that `_IS_EXPIRED` compares with."""
    return {"now": to_ms(now), "silent_since": to_ms(now - ttl)}
