"""Sessions without a connection of users that have made many: only the newest stay."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select

from rtdash.store.schema import sessions


def trim(conn: Connection, subs: Sequence[str], *, keep: int) -> None:
    """Remove the oldest sessions without a connection of each of these users, all but `keep`."""
    for sub in subs:
        newest = (
            select(sessions.c.id)
            .where(sessions.c.sub == sub, sessions.c.expires_at.is_not(None))
            .order_by(sessions.c.expires_at.desc())
            .limit(keep)
        )
        kept = [row.id for row in conn.execute(newest)]
        conn.execute(
            delete(sessions).where(
                sessions.c.sub == sub,
                sessions.c.expires_at.is_not(None),
                sessions.c.id.not_in(kept),
            )
        )
