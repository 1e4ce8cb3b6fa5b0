"""Sessions that outlive connections, leases of processes."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partial
from threading import Event

import pytest

from rtdash.protocol.channels import Channel, Position, Stream
from rtdash.store import leases, sessions
from rtdash.store.database import Database
from rtdash.store.leases import Lease
from rtdash.store.sessions import Confirmation, StoredSession
from tests.store.writing import PATIENCE_S
from tests.stores import GRILL, HOTEL, NOW

pytestmark = pytest.mark.anyio

TTL = timedelta(minutes=10)
ROOMS, TABLES = (
    Stream(HOTEL.id, Channel.HOTEL_RESERVATIONS),
    Stream(GRILL.id, Channel.RESTAURANT_RESERVATIONS),
)
SESSION = StoredSession(
    id="s1",
    sub="anna",
    process="p1",
    asked_at=NOW,
    subscriptions={HOTEL.id: (Channel.HOTEL_STATS, Channel.HOTEL_RESERVATIONS)},
    positions={ROOMS: Position("e1", 3)},
)


def save(session, now=NOW):
    return lambda conn: sessions.save(conn, session, now=now)


def load(now=NOW, session_id="s1"):
    return lambda conn: sessions.load(conn, session_id, now=now, ttl=TTL)


def take_over(now=NOW, sub="anna", process="p2", asked_at=None):
    return lambda conn: sessions.take_over(
        conn, "s1", sub=sub, process=process, asked_at=asked_at or now, now=now, ttl=TTL
    )


def connections_by_user(now):
    def read(conn):
        counts = Counter()
        for lease in leases.read_leases(conn, now=now):
            counts[lease.sub] += lease.connections
        return counts

    return read


def waits_for_a_lock(conn):
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND"
        " wait_event_type = 'Lock'"
    )
    return conn.exec_driver_sql(waiting).scalar_one()


async def test_sessions_stored_together_have_an_outcome_each(database):
    """In their order; one that was taken over stays as it is, and the others are stored."""
    several = [replace(SESSION, id=f"s{number}") for number in range(1, 5)]
    save_all = partial(sessions.save_all, all_sessions=several, now=NOW)
    assert await database.write(save_all) == [True] * 4
    assert await database.write(take_over()) is not None
    assert await database.write(save_all) == [False, True, True, True]
    assert (await database.read(load())).process == "p2"
    assert await database.read(load(session_id="s4")) == several[3]


async def test_a_session_comes_back_as_it_was_saved(database):
    """And as it was saved last."""
    assert await database.write(save(SESSION))
    assert await database.read(load()) == SESSION
    changed = replace(
        SESSION,
        subscriptions={GRILL.id: (Channel.RESTAURANT_STATS,)},
        positions={TABLES: Position("e1", 9)},
    )
    assert await database.write(save(changed))
    assert await database.read(load()) == changed
    assert await database.read(load(session_id="unknown")) is None


async def test_taking_over_raises_the_generation(database):
    """The newer holder has it; the older one can't change it any more and finds out."""
    await database.write(save(SESSION))
    taken = await database.write(take_over())
    assert (taken.generation, taken.process, taken.subscriptions, taken.positions) == (
        2,
        "p2",
        SESSION.subscriptions,
        SESSION.positions,
    )
    assert not await database.write(save(replace(SESSION, subscriptions={})))
    assert (await database.read(load())).subscriptions == SESSION.subscriptions
    assert await database.read(lambda conn: sessions.read_stale(conn, {"s1": 1, "unknown": 1})) == (
        {"s1"},
        {"unknown"},
    )
    assert await database.read(lambda conn: sessions.read_stale(conn, {"s1": 2})) == (set(), set())
    assert await database.read(lambda conn: sessions.read_stale(conn, {})) == (set(), set())


async def test_one_of_many_takers_after_the_other(database):
    """Each take-over has its own generation, however many come at once."""
    await database.write(save(SESSION))
    taken = await asyncio.gather(
        *(database.write(take_over(process=f"p{number}")) for number in range(5))
    )
    assert sorted(one.generation for one in taken) == [2, 3, 4, 5, 6]


async def test_whoever_asked_last_holds_it(database):
    """A resume that was asked for earlier and is carried out later changes nothing. Of two that
    asked at once the one that is stored last has it.
    """
    first, second, third = (NOW + timedelta(seconds=number) for number in range(1, 4))
    await database.write(save(SESSION))
    holds = await database.write(take_over(second, process="p3"))
    assert (
        await database.write(take_over(third, asked_at=first))
        == holds
        == await database.read(load())
    )
    assert (holds.process, holds.generation, holds.asked_at) == ("p3", 2, second)
    assert (await database.write(take_over(third, asked_at=second))).process == "p2"


async def test_an_instant_that_is_still_to_come_holds_nothing(database):
    """The clock was set back, or another machine's goes ahead: a client that comes back is not
    turned away for that.
    """
    await database.write(save(SESSION))
    assert (
        await database.write(take_over(NOW + timedelta(minutes=5), process="p3"))
    ).process == "p3"
    assert (await database.write(take_over(NOW + timedelta(seconds=1)))).process == "p2"


async def test_whoever_came_back_in_time_finds_its_session(database):
    """However long the store takes for it."""
    await database.write(save(SESSION))
    await database.write(
        lambda conn: sessions.release(conn, [("s1", 1)], process="p1", expires_at=NOW + TTL)
    )
    late = NOW + TTL + timedelta(seconds=5)
    taken = await database.write(take_over(late, asked_at=NOW + TTL - timedelta(seconds=5)))
    assert taken.expires_at == late + TTL


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_resume_waits_for_one_of_another_process(database, database_url, tmp_path, clock):
    """The resume takes the session as that one leaves it; its client never gets `session_unknown`."""
    other = await Database.open(database_url, data_dir=tmp_path, clock=clock)
    await database.write(save(SESSION))
    has_taken, may_commit = Event(), Event()

    def take_slowly(conn):
        taken = take_over(process="p2")(conn)
        has_taken.set()
        may_commit.wait(PATIENCE_S)
        return taken

    slow = database.submit(take_slowly)
    await asyncio.to_thread(has_taken.wait, PATIENCE_S)
    quick = other.submit(take_over(process="p3"))
    # a state of the server, which gives no sign
    while not await database.read(waits_for_a_lock):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    may_commit.set()
    assert ((await slow).generation, (await quick).generation) == (2, 3)
    await other.close()


async def test_a_session_belongs_to_its_user(database):
    """Another user's attempt finds nothing and changes nothing."""
    await database.write(save(SESSION))
    assert await database.write(take_over(sub="eve")) is None
    assert (await database.read(load())).generation == 1


async def test_confirmations_add_up(database):
    """Confirmations move the positions that they name, for the current generation only."""
    await database.write(save(SESSION))
    confirmations = [
        Confirmation("s1", 1, {TABLES: Position("e1", 5)}),
        Confirmation("unknown", 1, {ROOMS: Position("e1", 1)}),
    ]
    await database.write(lambda conn: sessions.confirm(conn, confirmations))
    await database.write(
        lambda conn: sessions.confirm(conn, [Confirmation("s1", 7, {ROOMS: Position("e1", 99)})])
    )
    await database.write(lambda conn: sessions.confirm(conn, []))
    assert (await database.read(load())).positions == {
        ROOMS: Position("e1", 3),
        TABLES: Position("e1", 5),
    }


async def test_many_confirmations_are_written_each_to_its_session(database):
    """In one call, whatever their order; one of an older generation among them changes nothing."""
    for number in range(4):
        await database.write(save(replace(SESSION, id=f"s{number}")))
    confirmations = [
        Confirmation(f"s{number}", 7 if number == 1 else 1, {ROOMS: Position("e1", 10 + number)})
        for number in (3, 0, 1, 2)
    ]
    await database.write(lambda conn: sessions.confirm(conn, confirmations))
    found = [await database.read(load(session_id=f"s{number}")) for number in range(4)]
    assert [one.positions[ROOMS].seq for one in found] == [10, 3, 12, 13]


async def test_a_released_session_waits_for_its_client(database):
    """Until it expires; a late release of an older generation changes nothing."""
    await database.write(save(SESSION))
    await database.write(
        lambda conn: sessions.release(conn, [("s1", 1)], process="p1", expires_at=NOW + TTL)
    )
    assert await database.read(load(NOW + TTL - timedelta(milliseconds=1))) is not None
    assert await database.read(load(NOW + TTL)) is None
    assert await database.write(take_over(NOW + TTL)) is None
    await database.write(take_over())
    await database.write(
        lambda conn: sessions.release(conn, [("s1", 1)], process="p1", expires_at=NOW)
    )
    assert await database.read(load()) is not None


async def test_a_session_taken_over_waits_until_it_is_saved(database):
    """The process that took it may have gone before it could hold it."""
    await database.write(save(SESSION))
    taken = await database.write(take_over())
    assert taken.expires_at == (await database.read(load())).expires_at == NOW + TTL
    assert await database.write(save(replace(taken, expires_at=None)))
    assert (await database.read(load())).expires_at is None


async def test_a_session_that_is_gone_is_made_again(database):
    """The session expired while its process stood still: no other process has it, whatever its
    generation.
    """
    assert await database.write(save(replace(SESSION, generation=3)))
    assert (await database.read(load())).generation == 3


async def test_a_connected_session_lives_as_long_as_its_process(database):
    """A connected session's expiry counts from the process's last beat, or from its own last change
    when that is later.
    """
    await database.write(save(SESSION))
    assert await database.read(load(NOW + TTL)) is None
    await database.write(lambda conn: leases.beat(conn, "p1", {}, now=NOW + timedelta(minutes=5)))
    assert await database.read(load(NOW + TTL)) is not None
    assert await database.read(load(NOW + timedelta(minutes=15))) is None
    await database.write(save(SESSION, NOW + timedelta(minutes=8)))
    assert await database.read(load(NOW + timedelta(minutes=15))) is not None


async def test_expired_sessions_are_removed(database):
    """A bounded number at a time; what is alive stays, and so do processes that may hold
    something.
    """
    for number in range(3):
        await database.write(save(replace(SESSION, id=f"s{number}", process="dead")))
    await database.write(save(replace(SESSION, id="alive", process="p1")))
    later = NOW + TTL + timedelta(minutes=1)
    await database.write(lambda conn: leases.beat(conn, "p1", {"anna": 1}, now=later))
    assert (
        await database.write(lambda conn: sessions.expire(conn, now=later, ttl=TTL, limit=2)) == 2
    )
    assert await database.write(lambda conn: sessions.expire(conn, now=later, ttl=TTL)) == 1
    assert await database.write(lambda conn: sessions.expire(conn, now=later, ttl=TTL)) == 0
    assert await database.read(load(later, "alive")) is not None
    assert await database.read(connections_by_user(later)) == {"anna": 1}


async def test_counts_are_summed_over_live_processes(database):
    """Each beat writes what changed; a process that is silent for 15 s no longer counts."""
    await database.write(lambda conn: leases.beat(conn, "p1", {"anna": 2, "ben": 1}, now=NOW))
    await database.write(
        lambda conn: leases.beat(conn, "p2", {"anna": 3}, now=NOW + timedelta(seconds=10))
    )
    assert await database.read(connections_by_user(NOW + timedelta(seconds=15))) == {
        "anna": 5,
        "ben": 1,
    }
    assert await database.read(connections_by_user(NOW + timedelta(seconds=16))) == {"anna": 3}
    await database.write(
        lambda conn: leases.beat(conn, "p1", {"anna": 0}, now=NOW + timedelta(seconds=16))
    )
    assert await database.read(connections_by_user(NOW + timedelta(seconds=16))) == {
        "anna": 3,
        "ben": 1,
    }


async def test_leases_tell_where_the_newest_connections_are(database):
    """A number that falls or stays keeps the instant at which it last rose."""
    instants = [NOW + timedelta(seconds=5 * number) for number in range(3)]
    for now, connections in zip(instants, (1, 2, 1), strict=True):
        await database.write(
            lambda conn, now=now, connections=connections: leases.beat(
                conn, "p1", {"anna": connections}, now=now
            )
        )
    assert await database.read(lambda conn: leases.read_leases(conn, now=instants[2])) == [
        Lease("p1", "anna", 1, instants[1])
    ]


@pytest.mark.parametrize("session_id", ["\x00", "a\x00b"])
async def test_an_id_that_no_store_can_hold_is_unknown(database, session_id):
    """PostgreSQL has no NUL in texts: it was a fault of the server."""
    assert (
        await database.read(lambda conn: sessions.load(conn, session_id, now=NOW, ttl=TTL)) is None
    )
    assert (
        await database.write(
            lambda conn: sessions.take_over(
                conn, session_id, sub="anna", process="p", asked_at=NOW, now=NOW, ttl=TTL
            )
        )
        is None
    )
