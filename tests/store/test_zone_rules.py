"""Reservations whose zone gets other rules, and rows that an older version of rtdash writes."""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from rtdash.bookings import Bookings
from rtdash.domain.instants import to_ms
from rtdash.domain.local_starts import local_start
from rtdash.domain.reservations import Op
from rtdash.protocol.channels import Stream, reservations_channel
from rtdash.protocol.messages import decode
from rtdash.server.zone_rule_changes import follow_zone_rules
from rtdash.store import announcements, dialects, event_log, reservations, schema, zone_rules
from rtdash.store.pages import Selection, read_page
from tests.stores import GRILL, HOTEL, NOW, VENUES, room, table, then
from tests.zone_files import rules_of, write_zone

pytestmark = pytest.mark.anyio

ZONE = GRILL.timezone
TODAYS, AHEAD = "WET0WEST,M3.5.0/1,M10.5.0", "<+01>-1"
EVENING = datetime(2026, 3, 12, 19, tzinfo=UTC)
BY_OTHER_RULES = EVENING - timedelta(hours=1)


@pytest.fixture
def under(tmp_path, database, clock):
    """Go on under rules, as a server that is started anew does: it looks at them first."""

    @asynccontextmanager
    async def start(rules):
        directory = tmp_path / str(len(rules))
        write_zone(directory, ZONE, rules)
        with rules_of(directory):
            venues = {venue.id: replace(venue) for venue in VENUES}
            moved = await follow_zone_rules(database, venues, clock)
            bookings = Bookings(database, clock, lambda *_: None, venues=venues.values())
            yield moved, bookings
            await bookings.finish()

    return start


async def read(database, reservation_id, venue=GRILL):
    return await database.read(lambda conn: reservations.read_one(conn, venue.id, reservation_id))


async def test_the_guests_hour_stays(database, under) -> None:
    """19:00 stays 19:00: instant, order, event and version follow, date and figures don't."""
    async with under(TODAYS) as (moved, bookings):
        assert moved == 0
        outcomes = await bookings.apply(
            [
                table(start=EVENING, guests=3),
                table(start=EVENING + timedelta(minutes=30)),
                table(start=NOW - timedelta(days=3)),
                room(check_in=EVENING.date(), check_out=EVENING.date() + timedelta(days=2)),
            ]
        )
        ids = [outcome.reservation_id for outcome in outcomes]
        before = await database.read(
            lambda conn: reservations.read_totals(conn, GRILL.id, EVENING.date())
        )
        sold = await database.read(
            lambda conn: reservations.read_sold(
                conn, HOTEL.id, EVENING.date(), EVENING.date() + timedelta(days=3)
            )
        )
    async with under(AHEAD) as (moved, bookings):
        assert moved == 3
        after = await read(database, ids[0])
        assert (after.start, after.version) == (BY_OTHER_RULES, 2)
        assert after.business_date == EVENING.date()
        assert after.local_start.startswith("2026-03-12T19:00:00.000+01:00[")
        page, _ = await database.read(
            lambda conn: read_page(conn, GRILL.id, Selection(business_date=EVENING.date()))
        )
        assert [one.id for one in page] == ids[:2]
        # what has taken place keeps its instant; a stay begins at its hour, its nights are as sold
        assert (await read(database, ids[2])).start == NOW - timedelta(days=3)
        stay = await read(database, ids[3], HOTEL)
        assert local_start(replace(HOTEL), stay.start).startswith("2026-03-12T15:00")
        assert (stay.check_in, stay.check_out) == (EVENING.date(), EVENING.date() + timedelta(2))
        assert sold == await database.read(
            lambda conn: reservations.read_sold(
                conn, HOTEL.id, EVENING.date(), EVENING.date() + timedelta(days=3)
            )
        )
        assert before == await database.read(
            lambda conn: reservations.read_totals(conn, GRILL.id, EVENING.date())
        )
        stream = Stream(GRILL.id, reservations_channel(GRILL.kind))
        *_, told = await database.read(
            lambda conn: event_log.read_events(conn, stream, after=3, limit=10)
        )
        message = decode(told.body)
        assert (message["type"], message["change"]) == ("reservation_update", "amend")
        assert message["reservation"]["time"] == "7:30 PM"
        # its life goes on, from the version that moved
        (seated,) = await bookings.apply([then(Op.SEAT, ids[0])])
        assert (seated.body["version"], seated.body["time"]) == (3, "7:00 PM")
        assert seated.body["date"] == "2026-03-12T18:00:00.000Z"
    async with under(TODAYS) as (moved, _):
        assert moved == 3
        assert (await read(database, ids[0])).start == EVENING


async def test_upcoming_follows(database, under) -> None:
    """What starts an hour earlier is due an hour earlier, once more where it was announced."""
    async with under(TODAYS) as (_, bookings):
        await bookings.apply([table(start=EVENING)])
    async with under(AHEAD):
        due = await database.read(
            lambda conn: announcements.read_due(
                conn,
                GRILL.id,
                now=BY_OTHER_RULES - timedelta(minutes=30),
                until=BY_OTHER_RULES,
            )
        )
        assert [one.start for one in due] == [BY_OTHER_RULES]


async def test_rules_that_stay_cost_no_look_at_reservations(database, under) -> None:
    """A second start under the same rules moves nothing, not even what differs from them."""
    async with under(AHEAD) as (_, bookings):
        (outcome,) = await bookings.apply([table(start=EVENING)])
    await database.write(
        lambda conn: conn.execute(
            update(schema.reservations).values(local_start=f"2026-03-12T23:00:00.000+04:00[{ZONE}]")
        )
    )
    async with under(AHEAD) as (moved, _):
        assert moved == 0
        assert (await read(database, outcome.reservation_id)).start == EVENING


async def test_an_interrupted_move_is_finished_at_the_next_start(
    database, under, monkeypatch
) -> None:
    """The new rules are noted only once every reservation follows them."""
    async with under(TODAYS) as (_, bookings):
        await bookings.apply([table(start=EVENING + timedelta(minutes=n)) for n in range(5)])
    monkeypatch.setattr("rtdash.server.zone_rule_changes.ROWS", 2)
    moves = []

    def stop_later(*arguments, **named):
        if len(moves) == 2:
            raise LookupError("stopped here")
        moves.append(1)
        return move(*arguments, **named)

    move = zone_rules.move_starts
    with monkeypatch.context() as steered:
        steered.setattr(zone_rules, "move_starts", stop_later)
        with pytest.raises(LookupError):
            async with under(AHEAD):
                pass
    async with under(AHEAD) as (moved, _):
        assert moved == 3, "of the two transactions one was the hotel's"
    async with under(AHEAD) as (moved, _):
        assert moved == 0


async def test_rows_of_an_older_version_are_filled_in(database, bookings) -> None:
    """Without the hour, or with that of another instant; in bounded portions."""
    outcomes = await bookings.apply([table(start=EVENING) for _ in range(5)])
    ids = [outcome.reservation_id for outcome in outcomes]

    def write_as_before(conn):
        rows = schema.reservations
        none = {"local_start": None, "local_of": None}
        conn.execute(update(rows).where(rows.c.id.in_(ids[:3])).values(none))
        later = to_ms(EVENING + timedelta(hours=2))
        conn.execute(update(rows).where(rows.c.id == ids[3]).values(start=later))

    await database.write(write_as_before)
    assert (await read(database, ids[0])).local_start is None
    assert (await read(database, ids[3])).local_start is None, "it is that of another instant"
    # a change by this version leaves what is missing to be filled in
    await bookings.apply([then(Op.PAY, ids[0], amount_minor=0), then(Op.SEAT, ids[3])])
    fill = [
        await database.write(lambda conn: zone_rules.fill_local_starts(conn, limit=3))
        for _ in range(3)
    ]
    assert fill == [3, 1, 0]
    found = [(await read(database, one)).local_start for one in ids]
    seven, nine = "2026-03-12T19:00:00.000+00:00", "2026-03-12T21:00:00.000+00:00"
    assert found == [f"{one}[{ZONE}]" for one in (seven, seven, seven, nine, seven)]


async def test_what_is_to_be_filled_in_is_found_by_its_index(database) -> None:
    """The look for it, once a minute, costs nothing where nothing is missing."""

    def plan(conn):
        text = zone_rules._READ_WITHOUT.compile(dialect=conn.dialect)
        if not dialects.has_row_locks(conn):
            return conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", (1000, 0)).all()
        conn.exec_driver_sql("SET LOCAL enable_seqscan = off")  # a few rows are read anyhow
        return conn.exec_driver_sql(f"EXPLAIN {text}", {"limit": 1000}).all()

    assert "reservations_without_local" in str(await database.write(plan))
