"""End of transactions of clients that stand still while others wait for their locks.

PostgreSQL's idle_in_transaction_session_timeout is not enough: it runs only from the answer to a
Sync to the next message. The driver sends a Flush behind the Sync of each executemany, and that
stops the timer (PostgresMain, step 4). In the middle of a pipeline, and while an answer is not
taken, it doesn't run at all.
"""

import logging
from typing import Any

import psycopg

from rtdash.store.response_timeout import connect

STUCK_S = 10
"""After so long in a transaction without a word a process is taken for frozen, and its locks are
taken from it."""

_LOOK_TIMEOUT_S = 2

# All that wait are looked at, and not just one: behind the backend of a client that has given up,
# the direct blocker is that backend and not the frozen one. A role may end its own sessions.
_END = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = %s AND usename = current_user AND datname = current_database()
    AND wait_event IN ('ClientRead', 'ClientWrite')
    AND greatest(query_start, state_change) < clock_timestamp() - make_interval(secs => %s)
    AND pid IN (
        SELECT unnest(pg_blocking_pids(waiting.pid)) FROM pg_stat_activity AS waiting
        WHERE waiting.datname = current_database() AND waiting.wait_event_type = 'Lock'
    )
"""

_log = logging.getLogger(__name__)


def end_all(*arguments: Any, **options: Any) -> None:
    """End the sessions of this role and application that others wait for, with a client that has
    said nothing for `STUCK_S`. Arguments and options are those of `connect`; a server that can't be
    asked is left alone.
    """
    options |= {"connect_timeout": _LOOK_TIMEOUT_S, "autocommit": True}
    try:
        connection = connect(*arguments, **options)
        connection.timeout_s = _LOOK_TIMEOUT_S
        try:
            ended = len(connection.execute(_END, (options["application_name"], STUCK_S)).fetchall())
        finally:
            connection.close()
    except psycopg.Error as error:
        _log.debug("can't look what others wait for: %s", error)
        return
    if ended:
        _log.warning(
            "ended %d transactions of a process that stood still for %g s and held what others"
            " wait for",
            ended,
            STUCK_S,
        )
