"""Guests of reservations that lie far back: anonymised in bounded transactions, by one process, and
nothing else changes.
"""

from datetime import timedelta

import pytest
from sqlalchemy import event, insert, select

from rtdash.bookings.outcomes import OutcomeKind
from rtdash.domain.customers import ERASED
from rtdash.domain.instants import to_ms
from rtdash.domain.reservations import Op, Status
from rtdash.protocol.messages import decode
from rtdash.server import guest_retention as retention
from rtdash.server.guest_retention import GuestRetention
from rtdash.store import dialects, expired_guests, reports, reservations, schema
from tests.stores import GRILL, HOTEL, NOW, TODAY, room, table, then

pytestmark = pytest.mark.anyio

EMAIL, PHONE, NAME = "zoe@maddox.example", "+351 91 234 56 78", "Zoë Maddox"
GUEST = {"customer_name": NAME, "customer_email": EMAIL, "customer_phone": PHONE}
TRACES = ("Maddox", "maddox", "91 234", "Zo\u00eb", "ZM")


@pytest.fixture
def retain(database, clock, monkeypatch):
    """Make the task of a process that keeps names for 30 days; `announced` has its events."""
    monkeypatch.setattr(retention, "PAUSE_S", 0)
    monkeypatch.setattr(retention, "LEASE", timedelta(0))

    def make(days=30, announced=None):
        return GuestRetention(
            database, clock, lambda: days, ([] if announced is None else announced).extend
        )

    return make


async def dump(database) -> str:
    """Every value of every table."""

    def read(conn):
        tables = schema.metadata.sorted_tables
        return "\n".join(repr(tuple(row)) for one in tables for row in conn.execute(select(one)))

    return await database.read(read)


async def names(database, outcomes, venue=GRILL):
    ids = [outcome.reservation_id for outcome in outcomes]
    return [
        (
            await database.read(lambda conn, one=one: reservations.read_one(conn, venue.id, one))
        ).customer_name
        for one in ids
    ]


async def test_what_lies_back_for_longer_names_no_guest(database, bookings, clock, retain) -> None:
    """In no table: versions under other dates, events, notifications and refused webhooks too."""
    outcomes = await bookings.apply(
        [
            table(**GUEST, guests=12),
            table(**GUEST, start=NOW + timedelta(days=300)),
            table(**GUEST | {"customer_name": "Zoë Maddox Jr"}),
            table(customer_name="Somebody Else", start=NOW + timedelta(days=20)),
        ]
    )
    moved = outcomes[1].reservation_id
    await bookings.apply(
        [
            then(Op.AMEND, moved, start=NOW + timedelta(hours=3)),
            then(Op.CANCEL, outcomes[0].reservation_id),
        ]
    )
    hook = {"source": "pms", "id": "1", "received_at": to_ms(NOW), "problem": "x", "body": NAME}
    await database.write(lambda conn: conn.execute(insert(schema.hooks), hook))
    totals = await database.read(lambda conn: reservations.read_totals(conn, GRILL.id, TODAY))
    clock.advance(days=30, hours=11)
    assert await retain().anonymise_due() == 0, "the last date is 30 days back, not more"
    clock.advance(days=1)
    announced = []
    assert await retain(announced=announced).anonymise_due() == 3
    text = await dump(database)
    assert [trace for trace in TRACES if trace in text] == []
    assert "Somebody Else" in text
    assert await names(database, outcomes) == [ERASED] * 3 + ["Somebody Else"]
    assert totals == await database.read(
        lambda conn: reservations.read_totals(conn, GRILL.id, TODAY)
    )
    messages = [decode(event.body) for event in announced]
    assert {(one["type"], one["change"]) for one in messages} == {("reservation_update", "amend")}
    assert await retain().anonymise_due() == 0


async def test_a_stay_names_its_guest_until_it_is_over_for_long(
    database, bookings, clock, retain
) -> None:
    """Days count from the departure, whatever the arrival."""
    outcomes = await bookings.apply(
        [room(**GUEST, check_in=TODAY, check_out=TODAY + timedelta(days=20))]
    )
    clock.advance(days=45)
    assert await retain().anonymise_due() == 0
    clock.advance(days=6)
    assert await retain().anonymise_due() == 1
    assert await names(database, outcomes, HOTEL) == [ERASED]


async def test_visits_of_one_guest_stay_one_guests(database, bookings, clock, retain) -> None:
    """Over several transactions, so that the number of customers and their visits stay."""
    guests = [table(**GUEST) for _ in range(4)]
    guests += [table(customer_name=f"Guest {n}") for n in range(3)]
    outcomes = await bookings.apply(guests)
    for op in (Op.SEAT, Op.COMPLETE):
        await bookings.apply([then(op, one.reservation_id) for one in outcomes])
    read = lambda conn: reports.read_visits(conn, GRILL.id, TODAY, TODAY)  # noqa: E731
    before = sorted((one.before, one.within) for one in await database.read(read))
    clock.advance(days=60)
    retention_of_two = retain()
    with pytest.MonkeyPatch.context() as steered:
        steered.setattr(retention, "ROWS", 2)
        assert await retention_of_two.anonymise_due() == 7
    assert sorted((one.before, one.within) for one in await database.read(read)) == before
    # a fee on one of them makes no customer of all that were erased
    fees = [
        then(Op.CHARGE, one.reservation_id, category=GRILL.menu[0].id, amount_minor=100)
        for one in outcomes[4:]
    ]
    assert {one.result for one in await bookings.apply(fees)} == {OutcomeKind.APPLIED}
    assert len(await database.read(read)) == len(before)


async def test_it_is_off_by_default_and_one_process_at_a_time(
    database, bookings, clock, retain
) -> None:
    """0 days keep everything; the process that holds the place keeps others from it until it runs
    out.
    """
    await bookings.apply([table(**GUEST)])
    clock.advance(days=4000)
    assert await retain(days=0).anonymise_due() == 0
    lasts = timedelta(minutes=5)
    assert await database.write(lambda conn: expired_guests.claim(conn, "other", lasts=lasts))
    assert await retain().anonymise_due() == 0
    assert await database.write(lambda conn: expired_guests.claim(conn, "other", lasts=-lasts))
    assert await retain().anonymise_due() == 1


async def test_what_is_due_is_looked_for_in_bounded_reads(
    database, bookings, clock, retain, monkeypatch
) -> None:
    """However many reservations there are: page after page of an index that is there for lists, so
    that no booking pays for one of its own.
    """
    monkeypatch.setattr(expired_guests, "PAGE_ROWS", 2)
    await bookings.apply(
        [table(**GUEST, start=NOW + timedelta(hours=n)) for n in range(5)]
        + [room(**GUEST) for _ in range(3)]
        + [table(customer_name="Somebody Else", start=NOW + timedelta(days=70))]
    )
    clock.advance(days=60)
    found = []
    read_due = expired_guests.read_due

    def noted(conn, before, after):
        due, following = read_due(conn, before, after)
        found.append(len(due))
        return due, following

    monkeypatch.setattr(expired_guests, "read_due", noted)
    assert await retain().anonymise_due() == 8
    assert sum(found) == 8
    assert max(found) == 2
    assert "Maddox" not in await dump(database)
    assert "Somebody Else" in await dump(database)
    assert await retain().anonymise_due() == 0


async def test_the_reads_follow_an_index(database, bookings) -> None:
    """In its order, from where the page before has ended: nothing is sorted or read twice."""
    await bookings.apply([table(**GUEST)])
    steps = await database.read(plan_of_read_due)
    assert "reservations_by_date" in steps, steps
    assert not any(one in steps for one in ("TEMP B-TREE", "Sort", "Seq Scan")), steps


def plan_of_read_due(conn) -> str:
    """How the database reads a page behind another one."""
    statements = []
    event.listen(
        conn,
        "before_execute",
        lambda _conn, statement, *_: statements.append(statement),
    )
    if dialects.has_row_locks(conn):
        for other in ("seqscan", "sort", "bitmapscan"):  # a few rows are read anyhow
            conn.exec_driver_sql(f"SET LOCAL enable_{other} = off")
    expired_guests.read_due(conn, TODAY, ("a", "2020-01-01", 0, "b"))
    compiled = statements[-1].compile(conn, compile_kwargs={"literal_binds": True})
    explain = "EXPLAIN" if dialects.has_row_locks(conn) else "EXPLAIN QUERY PLAN"
    return str(conn.exec_driver_sql(f"{explain} {compiled}").all())


async def test_only_for_what_had_other_dates_all_versions_are_gone_through(
    database, bookings, clock, retain, monkeypatch
) -> None:
    """The others' stand under the date of the reservation."""
    looked_for: list[set[str]] = []
    read_versions = expired_guests.read_versions

    def noted(conn, due, places, after):
        looked_for.append({key.id for key in due})
        return read_versions(conn, due, places, after)

    monkeypatch.setattr(expired_guests, "read_versions", noted)
    outcomes = await bookings.apply([table(**GUEST) for _ in range(3)])
    ids = [one.reservation_id for one in outcomes]
    await bookings.apply([then(Op.SEAT, ids[0]), then(Op.COMPLETE, ids[0])])
    await bookings.apply([then(Op.AMEND, ids[1], start=NOW + timedelta(days=2))])
    await bookings.apply([then(Op.AMEND, ids[1], start=NOW + timedelta(hours=5))])
    clock.advance(days=60)
    assert await retain().anonymise_due() == 3
    assert looked_for == [{ids[1]}]
    assert "Maddox" not in await dump(database)


async def test_what_changes_meanwhile_is_left_for_the_next_time(
    database, bookings, clock, retain
) -> None:
    """The reservation's newest version and event were not looked for yet."""
    (outcome,) = await bookings.apply([table(**GUEST)])
    clock.advance(days=60)
    before = clock().date() - timedelta(days=30)
    due, _ = await database.read(lambda conn: expired_guests.read_due(conn, before, None))
    fee = then(Op.CHARGE, outcome.reservation_id, category=GRILL.menu[0].id, amount_minor=100)
    assert [one.result for one in await bookings.apply([fee])] == [OutcomeKind.APPLIED]
    events = await database.write(
        lambda conn: expired_guests.anonymise_due(
            conn, due, expired_guests.Places(), now=clock(), alias=str
        )
    )
    assert events == []
    assert await names(database, [outcome]) == [NAME]
    assert await retain().anonymise_due() == 1
    assert "Maddox" not in await dump(database)


async def test_a_name_that_comes_back_goes_again(database, bookings, clock, retain) -> None:
    """Another system may mirror its old state once more."""
    terms = {"status": Status.COMPLETED, "source": "PMS", "guests": 2, "start": NOW}
    for version in (1, 2):
        (outcome,) = await bookings.apply(
            [then(Op.PUT, "r-1", source_version=version, **terms, **GUEST)]
        )
        assert outcome.result is OutcomeKind.APPLIED
        clock.now = NOW + timedelta(days=60)
        assert await retain().anonymise_due() == 1
    assert "Maddox" not in await dump(database)
