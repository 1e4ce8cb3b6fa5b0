"""Notices by PostgreSQL itself: LISTEN and NOTIFY, so that several processes need no other service.

NOTIFY never runs inside a booking's transaction: at commit it takes a lock that is global to the
server and would line up all writers (PostgreSQL, src/backend/commands/async.c). Notices have two
connections of their own, both in autocommit.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from rtdash.broker.base import BrokerUnavailable, Notice
from rtdash.broker.notices import NoticeCodec, topic_of

SILENCE_S = 3.0
"""After so long without a notice the server is asked for a sign of life, and given as long to
answer."""

PATIENCE_S = 10.0
"""For notices that were sent: a process that starts over sooner never catches up with a server, or
a machine, that is merely slow."""

CONNECT_TIMEOUT_S = 5.0

PAYLOAD_BYTES = 7_900
"""PostgreSQL takes less than 8,000 bytes a notification (manual, NOTIFY)."""

_LOST = (psycopg.Error, OSError, TimeoutError)
_Connection = psycopg.AsyncConnection[Any]
_Query = LiteralString | sql.Composed
# Managed servers may end sessions that are idle; one that listens always is. Older ones have no such
# setting.
_ENTER = (
    "SELECT pg_backend_pid(), (SELECT set_config(name, '0', false) FROM pg_settings"
    " WHERE name = 'idle_session_timeout')"
)
_NOTIFY = (
    "SELECT pg_notify(topic, payload) FROM"
    " unnest(%s::text[], %s::text[]) WITH ORDINALITY AS sent(topic, payload, place) ORDER BY place"
)


class PostgresBroker:
    """A PostgreSQL server, usually that of the store. Retries are the relay's."""

    def __init__(self, url: str, topics: tuple[str, ...], codec: NoticeCodec) -> None:
        try:
            given = conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            raise ValueError(str(error).strip()) from None
        if "@" in str(given.get("host", ""))[1:]:  # the first one names an abstract socket
            raise ValueError("more than one @: write an @ of the password as %40")
        # PGHOSTADDR, which a machine may have for another database, would go over the host
        is_host_alone = "host" in given and "hostaddr" not in given
        self._url = make_conninfo(url, hostaddr="") if is_host_alone else url
        self._topics = topics
        self._codec = codec
        self._publisher: _Connection | None = None
        self._endings: dict[_Connection, asyncio.Task[None]] = {}

    async def publish(self, notices: tuple[Notice, ...]) -> None:
        """Send all of them in one round trip, in their order. Raises BrokerUnavailable."""
        pairs = [
            (topic_of(notice, self._topics), self._codec.encode(part).decode())
            for notice in notices
            for part in _fitting(notice)
        ]
        try:
            if self._publisher is None:
                self._publisher = await self._connect()
            values = [topic for topic, _ in pairs], [payload for _, payload in pairs]
            await self._ask(self._publisher, PATIENCE_S, _NOTIFY, values)
        except _LOST as error:
            self._publisher = None
            raise BrokerUnavailable(f"PostgreSQL: {_reason_of(error)}") from error

    async def listen(self) -> AsyncIterator[Notice]:
        """Yield notices as they come. Raises BrokerUnavailable if the server answers nothing."""
        try:
            connection = await self._connect()
            try:
                for topic in self._topics:
                    listen = sql.SQL("LISTEN {}").format(sql.Identifier(topic))
                    await self._ask(connection, SILENCE_S, listen)
                while True:
                    is_silent = True
                    # Run to its timeout: what came in one packet is lost when it is left early.
                    async for sent in connection.notifies(timeout=SILENCE_S):
                        is_silent = False
                        for notice in self._codec.decode(sent.payload.encode()):
                            yield notice
                    if is_silent:
                        await self._ask(connection, SILENCE_S, "SELECT 1")
            finally:
                self._end(connection)
        except _LOST as error:
            raise BrokerUnavailable(f"PostgreSQL: {_reason_of(error)}") from error

    async def close(self) -> None:
        """End the publishing connection; the listening one ends with its iterator."""
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            await publisher.close()
        if self._endings:
            await asyncio.wait(self._endings.values(), timeout=SILENCE_S)

    async def _ask(
        self, connection: _Connection, patience_s: float, query: _Query, values: Any = None
    ) -> tuple[Any, ...] | None:
        """Run a query and return its first row; a connection that fails or has no answer in time is
        ended. Raises TimeoutError, and what the driver raises.
        """
        asked = asyncio.create_task(_execute(connection, query, values), name="notices")
        try:
            await asyncio.wait([asked], timeout=patience_s)
        finally:
            if not asked.done() or asked.cancelled() or asked.exception():
                self._end(connection, asked)
        if not asked.done():
            raise TimeoutError
        return asked.result()

    def _end(self, connection: _Connection, asked: asyncio.Task[Any] | None = None) -> None:
        """End a connection in the background: to cancel a query the driver waits for the server, up
        to ten seconds. Idempotent.
        """

        async def end() -> None:
            if asked is not None:
                asked.cancel()
                await asyncio.gather(asked, return_exceptions=True)
            await connection.close()

        if connection not in self._endings:
            ending = asyncio.create_task(end(), name="a connection for notices ends")
            self._endings[connection] = ending
            ending.add_done_callback(lambda _: self._endings.pop(connection))

    async def _connect(self) -> _Connection:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            connection = await psycopg.AsyncConnection.connect(
                self._url,
                autocommit=True,
                prepare_threshold=None,
                application_name="rtdash notices",
                client_encoding="utf8",
            )
        pid, _ = await self._ask(connection, CONNECT_TIMEOUT_S, _ENTER) or (0, None)
        if pid != connection.info.backend_pid:
            self._end(connection)
            raise BrokerUnavailable(
                "PostgreSQL: a pooler answers, and LISTEN needs the server itself: name its own"
                " address (--broker postgresql://HOST:5432/DB), or another broker"
            )
        return connection


async def _execute(connection: _Connection, query: _Query, values: Any) -> tuple[Any, ...] | None:
    cursor = await connection.execute(query, values)
    return await cursor.fetchone() if cursor.description else None


def _fitting(notice: Notice) -> Iterator[Notice]:
    """Yield the notice in parts that fit a notification each.

    An event that is too long goes without its body: a part without bodies that begins behind it
    says that the stream has grown so far, and the relay reads the event from the log.
    """
    room = PAYLOAD_BYTES - len(notice.stream.venue.encode()) - len(notice.epoch) - 100
    seq, part, size = notice.first_seq, list[bytes](), 0
    if not notice.bodies:
        yield notice
    for body in notice.bodies:
        if part and size + len(body) + 1 > room:
            yield _part(notice, seq, part)
            seq, part, size = seq + len(part), [], 0
        if len(body) + 1 > room:
            seq += 1
            yield _part(notice, seq, ())
        else:
            part.append(body)
            size += len(body) + 1
    if part:
        yield _part(notice, seq, part)


def _part(notice: Notice, first_seq: int, bodies: Iterable[bytes]) -> Notice:
    return Notice(notice.stream, notice.epoch, first_seq, tuple(bodies))


def _reason_of(error: Exception) -> str:
    """Return the server's reason in a line; it names user and host, never the password."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
