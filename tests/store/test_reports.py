"""Rows of the reports: whose they are, and from when to when."""

from datetime import date, datetime, timedelta

import pytest

from rtdash.domain.reports import CustomerVisits
from rtdash.domain.reservations import Charge, Op
from rtdash.store import reports
from tests.stores import GRILL, HOTEL, NOW, TODAY, room, table, then

pytestmark = pytest.mark.anyio


def at_day(day: int) -> datetime:
    return NOW + timedelta(days=day, hours=2)


def day(number: int) -> date:
    return TODAY + timedelta(days=number)


async def ask(database, reader, venue, first, last):
    return await database.read(lambda conn: reader(conn, venue.id, day(first), day(last)))


async def test_stays_start_or_have_a_night_in_the_period(bookings, database):
    """Stays that only touch it with their departure, and other venues', are not in it."""
    spans = {
        "over": (-3, 9),
        "before": (-5, 1),
        "into": (-1, 2),
        "within": (2, 3),
        "out": (4, 8),
        "after": (5, 7),
    }
    await bookings.apply(
        [
            room(reservation_id=name, check_in=day(first), check_out=day(last))
            for name, (first, last) in spans.items()
        ]
    )
    await bookings.apply(
        [
            room(venue_id="small-hotel", room_type="attic", check_in=day(2), check_out=day(3)),
            table(start=at_day(2)),
        ]
    )
    await bookings.apply([then(Op.CANCEL, "within", venue_id=HOTEL.id)])
    stays = await ask(database, reports.read_stays, HOTEL, 1, 4)
    assert sorted(
        ((stay.check_in - TODAY).days, (stay.check_out - TODAY).days) for stay in stays
    ) == [(-3, 9), (-1, 2), (2, 3), (4, 8)]
    assert [stay.status.value for stay in stays if stay.check_in == day(2)] == ["Cancelled"]


async def test_stays_cost_their_price_without_charges(bookings, database):
    """What was charged is in the charges."""
    await bookings.apply(
        [
            room(reservation_id="r", amount_minor=20_000),
            then(Op.CHARGE, "r", venue_id=HOTEL.id, amount_minor=500, category="Spa"),
        ]
    )
    (stay,) = await ask(database, reports.read_stays, HOTEL, 0, 5)
    assert stay.price_minor == 20_000


async def test_charges_fall_on_their_date_whatever_becomes_of_the_reservation(
    bookings, database, clock
):
    """Summed by date and category; on a cancelled reservation they are fees."""
    category = GRILL.menu[0]
    await bookings.apply([table(reservation_id=name) for name in "abc"])
    for amount, name in ((100, "a"), (200, "a"), (400, "b"), (800, "c")):
        await bookings.apply([then(Op.CHARGE, name, amount_minor=amount, category=category.id)])
    await bookings.apply([then(Op.CANCEL, "c")])
    clock.advance(days=1)
    await bookings.apply([then(Op.CHARGE, "b", amount_minor=7, category=category.id)])
    assert await ask(database, reports.read_charges, GRILL, 0, 0) == [
        Charge(category.name, 1_500, TODAY)
    ]
    assert sorted(
        charge.amount_minor for charge in await ask(database, reports.read_charges, GRILL, 0, 1)
    ) == [7, 1_500]


async def test_sources_count_who_is_coming(bookings, database):
    """By the business date of the start; Cancelled and NoShow count nowhere."""
    await bookings.apply(
        [
            table(reservation_id="a", source="Phone"),
            table(source="Website"),
            table(source="Phone", start=at_day(1)),
        ]
    )
    await bookings.apply([table(source="Phone", start=at_day(2)), then(Op.NO_SHOW, "a")])
    assert await ask(database, reports.read_sources, GRILL, 0, 1) == {"Phone": 1, "Website": 1}


async def test_visits_are_counted_by_customer(bookings, database):
    """Before and within the period; the customer is the email in lower case, else the phone, else
    the name; only guests who were there count.
    """

    async def visit(name, days, *, ends=Op.COMPLETE, **who):
        await bookings.apply(
            [table(reservation_id=name, start=at_day(days), **who), then(Op.SEAT, name)]
        )
        await bookings.apply([then(ends, name)])

    for number, days in enumerate((-9, -8, 1)):
        await visit(f"e{number}", days, customer_email="Ann@x.org" if number else "ann@X.org")
    await visit("p", 1, customer_phone="123")
    await visit("n", 2)
    await visit("old", -9, customer_phone="404")
    await visit("later", 9, customer_phone="123")
    await visit("undone", 1, customer_phone="77", ends=Op.UNDO_SEAT)
    found = await ask(database, reports.read_visits, GRILL, 0, 3)
    assert sorted(found, key=lambda one: one.before) == [
        CustomerVisits(0, 1),
        CustomerVisits(0, 1),
        CustomerVisits(2, 1),
    ]


async def test_reports_use_their_indexes(database):
    """No report reads a whole table; stays and sources are read in the order of the table."""
    if database._engines.file is None:
        return
    for read in (reports.read_stays, reports.read_sources):
        (plan,) = await plans(database, read)
        finds = [line for line in plan if "INDEX" in line]
        assert finds
        assert all("COVERING INDEX" in line for line in finds), plan
        assert any("INTEGER PRIMARY KEY (rowid=?)" in line for line in plan), plan
    for read in (reports.read_charges, reports.read_visits):
        (plan,) = await plans(database, read)
        assert not [line for line in plan if line.startswith("SCAN")], plan


async def plans(database, read):
    """The plan of each statement that the report runs."""

    def explain(conn):
        driver, statements = conn.connection.driver_connection, []
        driver.set_trace_callback(statements.append)
        read(conn, GRILL.id, day(0), day(30))
        driver.set_trace_callback(None)
        return [
            [row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
            for sql in statements
        ]

    return await database.read(explain)
