"""Sessions that come back: taken over and stored by one statement, many at a time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from rtdash.protocol.channels import Channel, Position, Stream
from rtdash.store import sessions
from rtdash.store.database import Connection, Database
from rtdash.store.sessions import StoredSession
from tests.stores import GRILL, HOTEL, NOW

pytestmark = pytest.mark.anyio

TTL = timedelta(minutes=10)
TABLES = Stream(GRILL.id, Channel.RESTAURANT_RESERVATIONS)


def session(number: int, **changes: object) -> StoredSession:
    """As its connection left it."""
    made = StoredSession(
        f"s{number}",
        "anna",
        "p1",
        NOW,
        subscriptions={HOTEL.id: (Channel.HOTEL_STATS,)},
        positions={},
    )
    return replace(made, **changes)


async def end_all(database: Database, numbers: Sequence[int]) -> None:
    """Store sessions with connections that have ended."""
    several = [session(number) for number in numbers]

    def write(conn: Connection) -> None:
        sessions.save_all(conn, several, now=NOW)
        sessions.release(conn, [(one.id, 1) for one in several], process="p1", expires_at=NOW + TTL)

    await database.write(write)


async def retake(database: Database, several: Sequence[StoredSession]) -> list[bool]:
    """What becomes of sessions that come back together."""
    return await database.write(lambda conn: sessions.retake_all(conn, several, now=NOW))


async def found(database: Database, number: int) -> StoredSession | None:
    """A session as it is in the store."""
    return await database.read(
        lambda conn: sessions.load(conn, f"s{number}", now=NOW + timedelta(seconds=9), ttl=TTL)
    )


async def take_elsewhere(database: Database, number: int, asked_at: datetime) -> None:
    """Another process takes the session over."""
    taken = await database.write(
        lambda conn: sessions.take_over(
            conn, f"s{number}", sub="anna", process="p2", asked_at=asked_at, now=asked_at, ttl=TTL
        )
    )
    assert taken is not None


async def test_sessions_that_come_back_are_held_again(database: Database) -> None:
    """All that their rows say in one write, in whatever order they come."""
    await end_all(database, (1, 2, 3))
    again = [
        session(
            number,
            generation=2,
            asked_at=NOW + timedelta(seconds=3),
            subscriptions={GRILL.id: (Channel.RESTAURANT_RESERVATIONS,)},
            positions={TABLES: Position("e1", number)},
        )
        for number in (3, 1, 2)
    ]
    assert await retake(database, again) == [True] * 3
    assert [await found(database, number) for number in (3, 1, 2)] == again


async def test_what_has_changed_since_stays_as_it_is(database: Database) -> None:
    """A session that another process has taken, one that is gone, and one that came back already;
    the others are stored.
    """
    await end_all(database, (1, 2, 3))
    await take_elsewhere(database, 1, NOW + timedelta(seconds=1))
    again = [session(number, generation=2) for number in (1, 2, 4, 3)]
    assert await retake(database, again) == [False, True, False, True]
    taken = await found(database, 1)
    assert taken is not None
    assert taken.process == "p2"
    assert await found(database, 4) is None
    assert await retake(database, again) == [False] * 4


async def test_any_number_of_sessions_comes_back_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server is asked for some of the rows at a time."""
    monkeypatch.setattr("rtdash.store.session_saves.LOCKED_AT_ONCE", 4)
    await end_all(database, range(10))
    again = [session(number, generation=2) for number in range(10)]
    assert await retake(database, again) == [True] * 10
    assert [await found(database, number) for number in range(10)] == again
