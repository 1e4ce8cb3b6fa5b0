"""Revoked tokens: by their id, or all of a user's up to an instant."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from rtdash.domain.instants import from_ms, to_ms
from rtdash.store import dialects
from rtdash.store.schema import revocations


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
    """Revoke an id by an insert. False when it stands there already."""
    row = {"kind": "jti", "value": jti, "revoked_at": to_ms(at)}
    return conn.execute(dialects.insert_new(conn, revocations), row).rowcount == 1


def read_revocations(conn: Connection, since: datetime | None = None) -> list[Revocation]:
    """All revocations, or those at or after `since`."""
    statement = select(revocations.c.kind, revocations.c.value, revocations.c.revoked_at)
    if since is not None:
        statement = statement.where(revocations.c.revoked_at >= to_ms(since))
    return [Revocation(kind, value, from_ms(at)) for kind, value, at in conn.execute(statement)]
