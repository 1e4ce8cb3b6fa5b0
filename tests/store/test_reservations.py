"""Reservations as they are read: pages, counts, figures of a day as they were at any instant."""

from dataclasses import dataclass, replace
from datetime import timedelta
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtdash.bookings.deciding import apply_batch
from rtdash.domain.availability import Rooms
from rtdash.domain.operations import decide
from rtdash.domain.refusals import Refusal
from rtdash.domain.reservations import Op, Status
from rtdash.store import pages, reservations, schema_upgrade, store_url
from rtdash.store.pages import Selection
from rtdash.store.venues import save_venues
from tests.figures import Version, totals_at
from tests.stores import GRILL, NOW, TODAY, VENUES, ManualClock, table, then

pytestmark = pytest.mark.anyio


async def ids_by_page(database, limit, **filters):
    """All pages of the restaurant's reservations."""
    found, cursor = [], None
    while True:
        page, cursor = await database.read(
            lambda conn, cursor=cursor: pages.read_page(
                conn, GRILL.id, Selection(limit=limit, cursor=cursor, **filters)
            )
        )
        found.append([one.id for one in page])
        if cursor is None:
            return found


async def test_pages_go_by_start_then_id_and_join_without_gap(bookings, database):
    """Whatever the size of a page, also where several start at the same time and across days; the
    last page has no next.
    """
    starts = [30, 2, 50, 2, 2, 75]
    await bookings.apply(
        [
            table(reservation_id=f"r{number}", start=NOW + timedelta(hours=hours))
            for number, hours in enumerate(starts)
        ]
    )
    order = ["r1", "r3", "r4", "r0", "r2", "r5"]
    assert await ids_by_page(database, 10) == [order]
    assert await ids_by_page(database, 6) == [order]
    assert await ids_by_page(database, 2) == [order[:2], order[2:4], order[4:]]
    assert await ids_by_page(database, 5) == [order[:5], order[5:]]


async def test_filters(bookings, database):
    """Status, business date and window of starts, alone and together; counts agree."""
    at = {"r0": 1, "r1": 2, "r2": 26, "r3": 50}
    await bookings.apply(
        [
            table(reservation_id=name, start=NOW + timedelta(hours=hours))
            for name, hours in at.items()
        ]
    )
    await bookings.apply([then(Op.CANCEL, "r1"), then(Op.CANCEL, "r3")])
    assert await ids_by_page(database, 9, statuses=[Status.CANCELLED]) == [["r1", "r3"]]
    assert await ids_by_page(database, 9, business_date=TODAY) == [["r0", "r1"]]
    assert await ids_by_page(database, 9, statuses=[Status.CONFIRMED], business_date=TODAY) == [
        ["r0"]
    ]
    window = {"start_from": NOW + timedelta(hours=2), "start_until": NOW + timedelta(hours=26)}
    assert await ids_by_page(database, 9, **window) == [["r1", "r2"]]
    assert (
        await database.read(
            lambda conn: pages.count(conn, GRILL.id, Selection(statuses=[Status.CANCELLED]))
        )
        == 2
    )
    assert (
        await database.read(
            lambda conn: pages.count(conn, GRILL.id, Selection(business_date=TODAY))
        )
        == 2
    )


@pytest.mark.parametrize("cursor", ["", "x", "e30", "WzEsMl0", "☃", "W251bGwsIDEsIDJd"])
async def test_foreign_cursors_are_refused(database, cursor):
    """Whatever they hold."""
    with pytest.raises(pages.BadCursor):
        await database.read(lambda conn: pages.read_page(conn, GRILL.id, Selection(cursor=cursor)))


async def test_an_unknown_reservation_is_none(database):
    """And so is one of another venue."""
    assert await database.read(lambda conn: reservations.read_one(conn, GRILL.id, "nobody")) is None


@dataclass(frozen=True)
class Step:
    """An operation on one of three reservations, some time after the one before it."""

    op: Op
    reservation: str
    minutes: int
    number: int
    is_next_day: bool

    def operation(self):
        """Return the operation with what its kind needs."""
        start = NOW + timedelta(hours=2 + 24 * self.is_next_day)
        match self.op:
            case Op.BOOK:
                return table(
                    reservation_id=self.reservation,
                    guests=self.number,
                    amount_minor=self.number * 100,
                    start=start,
                )
            case Op.AMEND:
                return then(Op.AMEND, self.reservation, guests=self.number, start=start)
            case Op.PAY | Op.CHARGE:
                return then(
                    self.op,
                    self.reservation,
                    amount_minor=self.number * 50,
                    category=GRILL.menu[0].id,
                )
            case _:
                return then(self.op, self.reservation)


_OPS = (
    Op.BOOK,
    Op.BOOK,
    Op.AMEND,
    Op.PAY,
    Op.CHARGE,
    Op.CANCEL,
    Op.REINSTATE,
    Op.NO_SHOW,
    Op.UNDO_NO_SHOW,
    Op.SEAT,
)
_steps = st.builds(
    Step,
    op=st.sampled_from(_OPS),
    reservation=st.sampled_from(["a", "b", "c"]),
    minutes=st.integers(0, 3),
    number=st.integers(1, 9),
    is_next_day=st.booleans(),
)


def expected_versions(timed):
    """The versions that the domain's rules give, one operation after the other."""
    current, versions = {}, []
    for now, operation in timed:
        before = current.get(operation.reservation_id)
        try:
            after = decide(operation, before, venue=GRILL, now=now, rooms=Rooms()).reservation
        except Refusal:
            continue
        current[after.id] = after
        versions = [
            (
                replace(one, valid_to=now)
                if one.valid_to is None and one.reservation_id == after.id
                else one
            )
            for one in versions
        ]
        versions.append(
            Version(
                after.id,
                after.business_date,
                after.status,
                after.guests,
                after.amount_minor,
                after.balance_minor,
                now,
            )
        )
    return versions


@settings(max_examples=40)
@given(steps=st.lists(_steps, min_size=1, max_size=14), size=st.integers(1, 4))
def test_totals_are_those_of_the_definition_at_every_instant(steps, size):
    """One indexed query gives what `totals_at` defines, before, at and after each operation,
    however they were batched.
    """
    clock = ManualClock()
    batches = [steps[first : first + size] for first in range(0, len(steps), size)]
    timed = []
    with TemporaryDirectory() as directory:
        engines = store_url.open_engines(f"sqlite:///{directory}/x.db", busy_timeout_s=1)
        schema_upgrade.prepare(engines, NOW)
        with engines.writer.begin() as conn:
            save_venues(conn, VENUES)
        for batch in batches:
            now = clock.advance(minutes=batch[0].minutes)
            operations = [step.operation() for step in batch]
            with engines.writer.begin() as conn:
                apply_batch(conn, operations, {GRILL.id: GRILL}, clock)
            timed += [(now, operation) for operation in operations]
        versions = expected_versions(timed)
        instants = {
            now + timedelta(milliseconds=offset) for now, _ in timed for offset in (-1, 0, 1)
        }
        with engines.reader.begin() as conn:
            for instant in instants:
                for day in (TODAY, TODAY + timedelta(days=1)):
                    assert reservations.read_totals(conn, GRILL.id, day, instant) == totals_at(
                        versions, day, instant
                    )
        engines.dispose()
