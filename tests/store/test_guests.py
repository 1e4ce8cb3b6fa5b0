"""A guest's data: exported whole, and gone from every table after an erasure."""

import json
import sqlite3

import pytest
from sqlalchemy import select

from rtdash.domain.reservations import Op
from rtdash.store import reservations
from rtdash.store.event_log import read_events, read_heads
from rtdash.store.guests import ERASED, Guest, erase_guest, export_guest
from rtdash.store.schema import metadata
from tests.stores import GRILL, NOW, TODAY, room, table, then

pytestmark = pytest.mark.anyio

EMAIL, PHONE, NAME = "zoe@maddox.example", "+351 91 234 56 78", "Zoë Maddox"


@pytest.fixture
async def booked(bookings):
    """A guest with three reservations, among others."""
    outcomes = await bookings.apply(
        [
            table(customer_name=NAME, customer_email=EMAIL, guests=12),
            table(customer_name="Zoe\u0308  Maddox", customer_email=EMAIL.upper()),
            room(customer_name=NAME, customer_email=EMAIL, customer_phone=PHONE),
            table(customer_name="Somebody Else", customer_email="other@example.com"),
        ]
    )
    await bookings.apply([then(Op.CANCEL, outcomes[0].reservation_id)])
    return outcomes


async def dump(database) -> str:
    """Every value of every table."""

    def read(conn):
        return "\n".join(
            repr(tuple(row)) for one in metadata.sorted_tables for row in conn.execute(select(one))
        )

    return await database.read(read)


async def erase(database, guest: Guest):
    return await database.write(lambda conn: erase_guest(conn, guest, now=NOW))


@pytest.mark.usefixtures("booked")
async def test_an_export_has_all_that_is_known(database) -> None:
    """Reservations with address and telephone, versions, events, and nothing of others."""
    found = await database.read(
        lambda conn: export_guest(conn, Guest(email=" Zoe@Maddox.example "))
    )
    assert len(found["reservations"]) == 3
    assert {one["customerEmail"] for one in found["reservations"]} == {EMAIL, EMAIL.upper()}
    assert len(found["versions"]) == 4
    assert len(found["events"]) >= 5
    text = json.dumps(found, ensure_ascii=False)
    assert PHONE in text
    assert "Somebody Else" not in text


@pytest.mark.usefixtures("booked")
@pytest.mark.parametrize(
    ("guest", "count"),
    [
        (Guest(email=EMAIL), 3),
        (Guest(phone="351912345678"), 1),
        (Guest(name=" zoë maddox"), 3),
        (Guest(email="nobody@example.com"), 0),
        (Guest(phone="---"), 0),
    ],
)
async def test_a_guest_is_found_as_people_write(database, guest: Guest, count: int) -> None:
    """Case, blanks, composed letters and punctuation don't matter; nothing matches nothing."""
    found = await database.read(lambda conn: export_guest(conn, guest))
    assert len(found["reservations"]) == count


@pytest.mark.usefixtures("booked")
async def test_after_an_erasure_the_store_has_neither_name_nor_address(database) -> None:
    """In no table, whichever text it stood in; others' data is untouched."""
    events, venue_ids = await erase(database, Guest(email=EMAIL))
    assert len(events) == 3
    assert GRILL.id in venue_ids
    text = await dump(database)
    for trace in ("Maddox", "zoe@", "ZOE@", "91 234", "Zo\u00eb", "Zoe\u0308", "ZM"):
        assert trace not in text, trace
    assert "Somebody Else" in text
    assert "other@example.com" in text


@pytest.mark.usefixtures("booked")
async def test_clients_get_an_update_without_the_name(database) -> None:
    """Of a newer version, so that it overwrites what they show."""
    events, _ = await erase(database, Guest(email=EMAIL))
    for event in events:
        message = json.loads(event.body)
        assert (message["type"], message["change"]) == ("reservation_update", "amend")
        assert message["reservation"]["customerName"] == ERASED
        assert message["reservation"]["version"] >= 2
        log = await database.read(
            lambda conn, event=event: read_events(conn, event.stream, event.seq - 1, 1)
        )
        assert log == [event]


async def test_statistics_do_not_change(database, booked) -> None:
    """Nor does the number of customers: it was one guest, and stays one."""
    del booked
    before = await database.read(lambda conn: reservations.read_totals(conn, GRILL.id, TODAY))
    heads = await database.read(read_heads)
    await erase(database, Guest(email=EMAIL))
    assert (
        await database.read(lambda conn: reservations.read_totals(conn, GRILL.id, TODAY)) == before
    )
    grown = await database.read(read_heads)
    assert sum(grown.values()) == sum(heads.values()) + 3
    assert (await erase(database, Guest(name=ERASED)))[0] == []


@pytest.mark.usefixtures("booked")
async def test_a_changed_reservation_goes_on(database, bookings, booked) -> None:
    """Operations after the erasure count on from its version."""
    await erase(database, Guest(email=EMAIL))
    (outcome,) = await bookings.apply([then(Op.CANCEL, booked[1].reservation_id)])
    assert outcome.body["version"] == 3
    assert outcome.body["customerName"] == ERASED


@pytest.mark.usefixtures("booked")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_file_has_no_trace_either(database, tmp_path) -> None:
    """Freed pages are overwritten, and the log is written back."""
    await erase(database, Guest(email=EMAIL))
    await database.close()
    with sqlite3.connect(tmp_path / "rtdash.db") as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    conn.close()
    data = b"".join(one.read_bytes() for one in tmp_path.glob("rtdash.db*"))
    assert b"maddox.example" not in data
    assert NAME.encode() not in data
