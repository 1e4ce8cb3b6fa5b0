"""Sessions as their connections store them: saved, or taken over and saved in one."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, null, select, update

from rtdash.store import dialects
from rtdash.store.prepared import Prepared, PreparedIn
from rtdash.store.schema import sessions
from rtdash.store.stored_sessions import StoredSession, row_of

IS_HELD = (
    sessions.c.id == bindparam("of_id"),
    sessions.c.generation == bindparam("of_generation"),
)
"""Condition that a session has still the generation of its holder; the values are those of
`holder`."""

_SAVED = [column.name for column in sessions.c if column.name not in {"id", "generation"}]
_SAVE = Prepared(lambda conn: dialects.upsert_same(conn, sessions, _SAVED, same="generation"))
_RETAKEN = ("process", "asked_at", "generation", "saved_at", "subscriptions", "positions")
_RETAKE = Prepared(
    update(sessions)
    .where(*IS_HELD)
    .values({name: bindparam(f"to_{name}") for name in _RETAKEN} | {"expires_at": null()})
)
# in one order, so that two processes can't wait for each other
_LOCK_AMONG = PreparedIn(
    lambda among: (
        select(sessions.c.id, sessions.c.generation)
        .where(sessions.c.id.in_(among))
        .order_by(sessions.c.id)
        .with_for_update()
    )
)
LOCKED_AT_ONCE = 512
"""Rows that one statement asks for."""


def save(conn: Connection, session: StoredSession, *, now: datetime) -> bool:
    """Store the session as it stands, also where it is gone; False when a newer generation has
    taken it over.
    """
    return bool(_SAVE.execute(conn, [row_of(session, now)]))


def save_all(
    conn: Connection, all_sessions: Sequence[StoredSession], *, now: datetime
) -> list[bool]:
    """As `save`, for each of them in order; one statement where all of them are still ours."""
    table = [row_of(session, now) for session in all_sessions]
    if _SAVE.execute(conn, table) == len(table):
        return [True] * len(table)
    # which of them it were isn't said; storing a row again changes nothing
    return [bool(_SAVE.execute(conn, [row])) for row in table]


def retake_all(
    conn: Connection, all_sessions: Sequence[StoredSession], *, now: datetime
) -> list[bool]:
    """Take over and save in one: sessions that ended in their process, each with the generation
    behind the one in its row. False for one that has another by now, or is gone.

    They wait for no client any more: one that no connection comes to hold must be released.
    """
    held: list[tuple[str, int]] = []
    for start in range(0, len(all_sessions), LOCKED_AT_ONCE):
        ids = [session.id for session in all_sessions[start : start + LOCKED_AT_ONCE]]
        held += _LOCK_AMONG.read(conn, ids)
    generations = dict(held)
    ours = [generations.get(session.id) == session.generation - 1 for session in all_sessions]
    table = [
        holder(session.id, session.generation - 1)
        | {f"to_{name}": value for name, value in row_of(session, now).items() if name in _RETAKEN}
        for session, is_ours in zip(all_sessions, ours, strict=True)
        if is_ours
    ]
    if table:
        _RETAKE.execute(conn, table)
    return ours


def holder(session_id: str, generation: int) -> dict[str, object]:
    """Return the values of `IS_HELD`."""
    return {"of_id": session_id, "of_generation": generation}
