"""Identity of the log: the epoch, and the signs that another database answers under its address.

A failover to a standby that lags, a restored dump, a copy put back: the log has fewer events than
were handed out, and will give their numbers again. A head that goes back shows that only until it
has grown past what was seen. So the log's name also depends on what can't be copied unseen: a
PostgreSQL server's identifier and timeline, the numbers that it gave database and table (those of a
restored dump are others), a mark that `rtdash backup` leaves in its copy.
"""

import logging
from secrets import token_urlsafe

from sqlalchemy import Connection, bindparam, delete, select, union_all
from sqlalchemy.exc import DBAPIError

from rtdash.store import dialects
from rtdash.store.errors import DatabaseReplaced
from rtdash.store.prepared import Prepared
from rtdash.store.schema import meta, origin

EPOCH = "epoch"
"""Key of `meta`: the log's name."""

LINEAGE, TABLE, COPIED = "lineage", "table", "copied_at"
"""Keys of `origin`: server and table that the name was drawn on, the mark of a copy."""

HAS_LINEAGE = "rtdash_has_lineage"
"""Execution option of the engines of a server that shows its lineage."""

# A timeline begins with every promotion and every recovery to a point in time (PostgreSQL manual,
# 26.3.5). The name of the WAL file has it at once; pg_control only after the next checkpoint.
_READ_LINEAGE = (
    "SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || CASE WHEN"
    " pg_is_in_recovery() THEN '' ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END,"
    " (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' ||"
    " to_regclass('origin')::oid"
)
_KEYS = {"epoch": EPOCH, "lineage": LINEAGE, "table": TABLE, "copied": COPIED}
_READ = Prepared(
    union_all(
        select(meta.c.key, meta.c.value).where(meta.c.key == bindparam("epoch")),
        select(origin.c.key, origin.c.value).where(
            origin.c.key.in_([bindparam("lineage"), bindparam("table"), bindparam("copied")])
        ),
    )
)
_LOCK = select(meta.c.value).where(meta.c.key == EPOCH).with_for_update()

_log = logging.getLogger(__name__)


def read_epoch(conn: Connection) -> str:
    """Return the name of this log; positions of another epoch mean nothing here.

    Raises DatabaseReplaced while another server answers than the one on which it was drawn.
    """
    values = _read(conn)
    check_lineage(conn, values)
    return values[EPOCH]


def check_lineage(conn: Connection, values: dict[str, str] | None = None) -> None:
    """Raises DatabaseReplaced if this is not the database on which the epoch was drawn."""
    signs = _signs(conn)
    if signs and _is_another(signs, _read(conn) if values is None else values):
        raise DatabaseReplaced(
            "another database answers than before; the log gets a new epoch first",
            reason="replaced",
        )


def draw_epoch(conn: Connection) -> str:
    """Give the log a new name, so that every position that clients hold is reset."""
    epoch = token_urlsafe(9)
    conn.execute(dialects.upsert(conn, meta, ["value"]), {"key": EPOCH, "value": epoch})
    return epoch


def ensure_identity(conn: Connection) -> bool:
    """Draw a new epoch if this is another database than before, or a marked copy. Returns whether
    it did.

    Belongs into the first transaction of every connection that writes: what follows in it is
    numbered in the new epoch.
    """
    values, signs = _read(conn), _signs(conn)
    if signs.items() <= values.items() and COPIED not in values:
        return False
    if dialects.has_row_locks(conn):
        conn.execute(_LOCK).all()  # of several processes that notice, one draws
        values = _read(conn)
    is_replaced = _is_another(signs, values)
    for key, sign in signs.items():
        _save(conn, key, sign)
    if COPIED in values:
        conn.execute(delete(origin).where(origin.c.key == COPIED))
    if not (is_replaced or COPIED in values):
        return False
    _log.warning("the store is another one than before: a new epoch, every client reloads")
    draw_epoch(conn)
    return True


def has_lineage(conn: Connection) -> bool:
    """Whether this server shows its lineage: not SQLite, and not every managed service."""
    if not dialects.has_row_locks(conn):
        return False
    try:
        with conn.begin_nested():
            conn.exec_driver_sql(_READ_LINEAGE).one()
    except DBAPIError:
        return False
    return True


def mark_copy(conn: Connection, now_ms: int) -> None:
    """Mark a copy, so that the first server that opens it draws a new epoch."""
    _save(conn, COPIED, str(now_ms))


def _signs(conn: Connection) -> dict[str, str]:
    """Return what this database is known by; nothing where it doesn't show that."""
    if not conn.get_execution_options().get(HAS_LINEAGE):
        return {}
    lineage, table = conn.exec_driver_sql(_READ_LINEAGE).one()
    # a standby has no timeline of its own
    return {} if lineage.endswith("/") else {LINEAGE: lineage, TABLE: table}


def _is_another(signs: dict[str, str], values: dict[str, str]) -> bool:
    """Whether a stored sign differs; one that an older version didn't store is no difference."""
    return any(values.get(key, sign) != sign for key, sign in signs.items())


def _read(conn: Connection) -> dict[str, str]:
    return {key: value for key, value in _READ.read(conn, _KEYS)}  # noqa: C416


def _save(conn: Connection, key: str, value: str) -> None:
    conn.execute(dialects.upsert(conn, origin, ["value"]), {"key": key, "value": value})
