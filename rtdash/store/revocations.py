"""Revoked tokens: by their id, or all of a user's up to an instant."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from rtdash.domain.instants import from_ms, to_ms
from rtdash.store import dialects
from rtdash.store.schema import revocations

KEPT = timedelta(days=400)
"""How long a revocation is kept. A token that lives longer would be good again afterwards."""

USED_KEPT = timedelta(hours=1)
"""How long the id of a sign-in code is kept after its use; a code lives a minute."""

_USED = "code"


@dataclass(frozen=True, slots=True)
class Revocation:
    """`kind` is "jti" (a token by its id) or "sub" (a user's tokens issued at or before `at`)."""

    kind: str
    value: str
    at: datetime


def revoke(
    conn: Connection, *, at: datetime, jti: str | None = None, sub: str | None = None
) -> None:
    """Revoke a token by its id, or all tokens of a user issued at or before `at`. By a slow clock
    it takes nothing back.
    """
    rows = [
        {"kind": kind, "value": value, "revoked_at": to_ms(at)}
        for kind, value in (("jti", jti), ("sub", sub))
        if value is not None
    ]
    if rows:
        conn.execute(dialects.upsert_greater(conn, revocations, "revoked_at"), rows)


def use_once(conn: Connection, jti: str, *, at: datetime) -> bool:
    """Use up an id by an insert. False when it stands there already."""
    row = {"kind": _USED, "value": jti, "revoked_at": to_ms(at)}
    # What came back and not rowcount, which SQLAlchemy leaves at -1 for this insert on PostgreSQL.
    statement = dialects.insert_new(conn, revocations).returning(revocations.c.value)
    return conn.execute(statement, row).first() is not None


def read_revocations(conn: Connection, since: datetime | None = None) -> list[Revocation]:
    """Return all revocations, or those at or after `since`."""
    statement = select(revocations.c.kind, revocations.c.value, revocations.c.revoked_at).where(
        revocations.c.kind != _USED
    )
    if since is not None:
        statement = statement.where(revocations.c.revoked_at >= to_ms(since))
    return [Revocation(kind, value, from_ms(at)) for kind, value, at in conn.execute(statement)]


def prune(conn: Connection, *, now: datetime, limit: int = 1_000) -> int:
    """Remove revocations of tokens that have expired long ago, and ids of codes that were used, at
    most `limit` of each. Returns their number.
    """
    ends = {_USED: now - USED_KEPT, "jti": now - KEPT, "sub": now - KEPT}
    return sum(
        conn.execute(
            delete(revocations).where(
                revocations.c.kind == kind,
                revocations.c.value.in_(
                    select(revocations.c.value)
                    .where(revocations.c.kind == kind, revocations.c.revoked_at < to_ms(end))
                    .limit(limit)
                ),
            )
        ).rowcount
        for kind, end in ends.items()
    )
