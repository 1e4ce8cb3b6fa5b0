"""A secret that the processes of one store share without being given one."""

from secrets import token_urlsafe

from sqlalchemy import Connection, select

from rtdash.store import dialects
from rtdash.store.schema import origin

_KEY = "shared_secret"
_READ = select(origin.c.value).where(origin.c.key == _KEY)


def read_shared_secret(conn: Connection) -> str:
    """Return the store's secret, drawn by the first process that asks.

    Every reader of the store knows it, so it protects what is worth less than the store: notices.
    """
    conn.execute(dialects.insert_new(conn, origin), {"key": _KEY, "value": token_urlsafe(32)})
    return str(conn.execute(_READ).scalar_one())
