"""States of another system: in whatever order they come, each reservation ends as its newest."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from rtdash.bookings import OutcomeKind
from rtdash.domain.reservations import Op, Operation, Reservation, Status
from rtdash.store import reservations
from rtdash.store.pages import Selection, read_page
from tests.bookings.test_deciding import ROOM_NOTES, TABLES, kinds, log, one
from tests.stores import GRILL, HOTEL, NOW, TODAY, table, then

pytestmark = pytest.mark.anyio

SHOWN = (
    "customer_name",
    "guests",
    "status",
    "source",
    "amount_minor",
    "paid_minor",
    "room_type",
    "check_in",
    "check_out",
    "start",
    "source_version",
)
HOTEL_ENDS = [Status.CHECKED_IN, Status.CHECKED_OUT, Status.CANCELLED, Status.NO_SHOW]
TABLE_ENDS = [Status.SEATED, Status.COMPLETED, Status.CANCELLED, Status.NO_SHOW]


def at_day(days: int) -> datetime:
    """The present time of day, so many days from now."""
    return NOW + timedelta(days=days)


def state(name: str, version: int, **fields: Any) -> Operation:
    """A table as another system has it."""
    values = {"customer_name": "Ann", "guests": 2, "source": "covers", "start": at_day(1)}
    return then(Op.PUT, name, source_version=version, **values | fields)


def lives(rng: Random, count: int) -> Iterator[list[Operation]]:
    """The snapshots of random lives, oldest first, of stays and of tables."""
    for number in range(count):
        is_stay = number % 2 == 0
        fields: dict[str, Any] = {
            "customer_name": f"Guest {number}",
            "guests": rng.randint(1, 9),
            "source": "pms",
            "amount_minor": rng.randint(0, 90_000),
            "paid_minor": rng.randint(0, 90_000),
            "status": Status.CONFIRMED,
        }
        if is_stay:
            first = TODAY + timedelta(days=rng.randint(-3, 9))
            fields |= {"room_type": HOTEL.room_types[0].id, "check_in": first}
            fields["check_out"] = first + timedelta(days=rng.randint(1, 5))
        else:
            fields["start"] = at_day(rng.randint(-3, 9))
        snapshots = []
        for version in range(1, rng.randint(2, 7)):
            snapshots.append(
                then(
                    Op.PUT,
                    f"r{number}",
                    venue_id=HOTEL.id if is_stay else GRILL.id,
                    operation_id=f"r{number}-{version}",
                    source_version=version,
                    **fields,
                )
            )
            fields["status"] = rng.choice(HOTEL_ENDS if is_stay else TABLE_ENDS)
            fields["paid_minor"] = rng.randint(0, 90_000)
        yield snapshots


async def test_shuffled_duplicated_and_lost_snapshots_converge(bookings, database, committed):
    """Of 500 lives a tenth of the snapshots is lost, a fifth comes twice, none in order; nothing is
    refused, and a second run changes nothing.
    """
    rng = Random(17)
    arrived = [one for life in lives(rng, 500) for one in life if rng.random() > 0.1]
    arrived += rng.sample(arrived, len(arrived) // 5)
    rng.shuffle(arrived)
    newest: dict[tuple[str, str], Operation] = {}
    for operation in arrived:
        key = operation.venue_id, operation.reservation_id
        known = newest.get(key)
        if known is None or known.source_version < operation.source_version:
            newest[key] = operation
    for start in range(0, len(arrived), 97):
        outcomes = await bookings.apply(arrived[start : start + 97])
        assert OutcomeKind.REFUSED not in kinds(outcomes)
    events = sum(len(events) for events, _ in committed)
    for (venue_id, name), operation in newest.items():
        stored = await one(database, venue_id, name)
        wanted = {field: getattr(operation, field, None) for field in SHOWN}
        found = {field: getattr(stored, field) for field in SHOWN}
        if operation.start is None:
            del wanted["start"], found["start"]
        assert found == wanted
    await check_rooms(database)
    again = [replace(one, operation_id=f"again-{one.operation_id}") for one in newest.values()]
    assert set(kinds(await bookings.apply(again))) == {OutcomeKind.REPEATED}
    assert sum(len(events) for events, _ in committed) == events


async def check_rooms(database):
    """The counts of rooms are what the reservations hold, however often they were overwritten."""

    def read(conn):
        page, cursor = read_page(conn, HOTEL.id, Selection(limit=10_000))
        assert cursor is None
        first = TODAY - timedelta(days=30)
        return page, reservations.read_sold(conn, HOTEL.id, first, TODAY + timedelta(days=60))

    found, sold = await database.read(read)
    counted: dict[Any, int] = {}
    for stay in found:
        if stay.status not in {Status.CANCELLED, Status.NO_SHOW}:
            for night in range((stay.check_out - stay.check_in).days):
                key = stay.room_type, stay.check_in + timedelta(days=night)
                counted[key] = counted.get(key, 0) + 1
    assert sold == counted


async def test_a_newer_state_is_one_version_and_one_event(bookings, database):
    """The first is `new_reservation`; a later one says that it was put."""
    await bookings.apply([state("t", 1), state("t", 2, status=Status.COMPLETED)])
    messages = await log(database, TABLES)
    assert [(one["type"], one.get("change")) for one in messages] == [
        ("new_reservation", None),
        ("reservation_update", "put"),
    ]
    stored: Reservation = await one(database, GRILL.id, "t")
    assert (stored.version, stored.status) == (2, Status.COMPLETED)


async def test_a_known_version_is_repeated_with_the_reservation_as_it_is(bookings):
    """Whatever its operation's id, within a batch and after it; without an event's number."""
    first, older = await bookings.apply([state("t", 5), state("t", 4, guests=9)])
    (equal,) = await bookings.apply([state("t", 5, guests=7)])
    for outcome in (older, equal):
        assert (outcome.result, outcome.seq) == (OutcomeKind.REPEATED, None)
        assert outcome.body == first.body


async def test_a_state_lands_on_a_reservation_of_our_own(bookings, database):
    """What was booked here and is mirrored later is the mirror's from then on."""
    await bookings.apply([table(reservation_id="t"), then(Op.CANCEL, "t")])
    (outcome,) = await bookings.apply([state("t", 1)])
    assert (outcome.result, outcome.body["version"]) == (OutcomeKind.APPLIED, 3)


async def test_an_overbooked_night_makes_a_critical_notification(bookings, database):
    """In the log, beside the reservation that brought it about."""
    room_type = HOTEL.room_types[0]
    stay = {
        "customer_name": "Ann",
        "guests": 1,
        "source": "pms",
        "room_type": room_type.id,
        "check_in": TODAY,
        "check_out": TODAY + timedelta(days=1),
    }
    await bookings.apply(
        [
            then(Op.PUT, f"r{number}", venue_id=HOTEL.id, source_version=1, **stay)
            for number in range(room_type.total_rooms + 1)
        ]
    )
    notes = [note for note in await log(database, ROOM_NOTES) if note["type"] == "notification"]
    assert (notes[-1]["level"], notes[-1]["reservationId"]) == (
        "critical",
        f"r{room_type.total_rooms}",
    )
