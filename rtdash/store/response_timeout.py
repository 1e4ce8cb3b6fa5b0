"""A connection to PostgreSQL that gives up a server which says nothing: frozen, or behind a network
that swallows everything.

The system notices such a server only while it owes an acknowledgement (tcp_user_timeout,
keepalives). One that is frozen, and a proxy
that is cut off from it, acknowledge for ever and never answer.
"""

from collections.abc import Callable, Generator
from time import monotonic
from typing import Any, TypeVar

import psycopg
from psycopg.rows import TupleRow

TIMEOUT_S = 12.0
"""Longer than a lock can be held by a process that stands still (stuck_transactions.STUCK_S)."""

LOOK_EVERY_S = 2.0
"""How often a connection that waits looks for what may hold it up."""

Result = TypeVar("Result")


class ServerSilent(psycopg.OperationalError):
    """Error after a silence for which the server is given up. It has a code of our own, since it is
    not a lost connection.
    """

    sqlstate = "RT000"


class ResponseTimeoutConnection(psycopg.Connection[TupleRow]):
    """`wait` is what every call of the driver waits in. A connection that was given up can't be
    used again: its answer may still come. `on_silence` is called every `LOOK_EVERY_S` without an
    answer.
    """

    timeout_s = TIMEOUT_S
    on_silence: Callable[[], None] | None = None

    def wait(self, gen: Generator[Any, Any, Result], *arguments: Any, **named: Any) -> Result:
        """Wait as the driver does. Raises ServerSilent."""
        try:
            bounded = _with_deadline(gen, self.timeout_s, self.on_silence)
            return super().wait(bounded, *arguments, **named)
        except ServerSilent:
            self.pgconn.finish()
            raise


def connect(*arguments: Any, **options: Any) -> ResponseTimeoutConnection:
    """Connect as the driver does, bounded by its `connect_timeout`. Raises ServerSilent."""
    try:
        return ResponseTimeoutConnection.connect(*arguments, **options)
    except psycopg.errors.ConnectionTimeout as late:
        raise ServerSilent(str(late)) from late


def _with_deadline(
    gen: Generator[Any, Any, Result], timeout_s: float, on_silence: Callable[[], None] | None
) -> Generator[Any, Any, Result]:
    """The driver asks ten times a second whether it has got what it waits for, with nothing in its
    hands when it hasn't.
    """
    heard = looked = monotonic()
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready:
                heard = looked = monotonic()
            elif monotonic() > heard + timeout_s:
                raise ServerSilent(f"no answer for {timeout_s:g} s")
            elif on_silence is not None and monotonic() > looked + LOOK_EVERY_S:
                on_silence()
                looked = monotonic()
            wanted = gen.send(ready)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
