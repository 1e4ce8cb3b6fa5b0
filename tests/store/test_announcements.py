"""Upcoming reservations are claimed once."""

import asyncio
from datetime import timedelta

import pytest

from rtdash.domain.reservations import Op, Status
from rtdash.store import announcements
from rtdash.store.announcements import Announcement
from rtdash.store.database import Database
from tests.stores import GRILL, NOW, table, then

pytestmark = pytest.mark.anyio

LEAD = timedelta(hours=3)


def due(now=NOW, limit=100):
    return lambda conn: [
        one.id
        for one in announcements.read_due(conn, GRILL.id, now=now, until=now + LEAD, limit=limit)
    ]


async def test_an_announcement_is_claimed_once(database):
    """By the process that comes first; another start of the same reservation is another
    announcement.
    """
    first, moved = (
        Announcement(GRILL.id, "r", NOW),
        Announcement(GRILL.id, "r", NOW + timedelta(hours=1)),
    )
    assert await database.write(
        lambda conn: announcements.claim(conn, [first, first], now=NOW)
    ) == {first}
    assert await database.write(
        lambda conn: announcements.claim(conn, [first, moved], now=NOW)
    ) == {moved}
    assert await database.write(lambda conn: announcements.claim(conn, [], now=NOW)) == set()


async def test_a_claim_that_is_rolled_back_can_be_made_again(database):
    """Claim and event are one transaction."""
    wanted = Announcement(GRILL.id, "r", NOW)
    with pytest.raises(ZeroDivisionError):
        await database.write(lambda conn: (announcements.claim(conn, [wanted], now=NOW), 1 / 0))
    assert await database.write(lambda conn: announcements.claim(conn, [wanted], now=NOW)) == {
        wanted
    }


async def test_many_processes_claim_disjoint_parts(database, database_url, tmp_path, clock):
    """Each announcement goes to exactly one of the processes that ask at once."""
    stores = [database]
    if database._engines.file is None:
        stores.append(await Database.open(database_url, data_dir=tmp_path, clock=clock))
    wanted = [Announcement(GRILL.id, f"r{number}", NOW) for number in range(20)]
    claims = await asyncio.gather(
        *(
            stores[number % len(stores)].write(
                lambda conn: announcements.claim(conn, wanted, now=NOW)
            )
            for number in range(6)
        )
    )
    assert sorted(one for claimed in claims for one in claimed) == sorted(wanted)
    await asyncio.gather(*(store.close() for store in stores[1:]))


async def test_what_is_due_lies_ahead_within_the_lead_and_was_not_announced(bookings, database):
    """Pending and Confirmed only, soonest first, now < start ≤ until."""
    starts = {"edge": 180, "soon": 70, "now": 0, "late": 181, "pending": 90, "gone": 80, "told": 75}
    await bookings.apply(
        [
            table(
                reservation_id=name,
                at=NOW - timedelta(days=1),
                start=NOW + timedelta(minutes=minutes),
                status=Status.PENDING if name == "pending" else None,
            )
            for name, minutes in starts.items()
        ]
    )
    await bookings.apply([then(Op.CANCEL, "gone")])
    told = Announcement(GRILL.id, "told", NOW + timedelta(minutes=75))
    await database.write(lambda conn: announcements.claim(conn, [told], now=NOW))
    assert await database.read(due()) == ["soon", "pending", "edge"]
    assert await database.read(due(limit=1)) == ["soon"]


async def test_announcements_of_what_is_over_are_removed(database):
    """At most so many at a time; those of starts ahead stay, or they would be announced twice."""
    wanted = [Announcement(GRILL.id, f"r{day}", NOW + timedelta(days=day)) for day in range(6)]
    await database.write(lambda conn: announcements.claim(conn, wanted, now=NOW))
    later = NOW + timedelta(days=5)
    assert await database.write(lambda conn: announcements.prune(conn, now=later, limit=2)) == 2
    assert await database.write(lambda conn: announcements.prune(conn, now=later)) == 1
    assert (
        await database.write(lambda conn: announcements.claim(conn, wanted[3:], now=NOW)) == set()
    )
