"""The replay: which operations a row of the booking data becomes, at which instants, and what can't
be taken.
"""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from rtdash.domain.venue_file import parse_venues
from rtdash.resources import data_path
from rtdash.simulate.dataset import Booking, Deposit, RowStatus, UnreadableRow
from rtdash.simulate.replay import chronological, operations_of
from rtdash.simulate.replayed_rows import HOTELS, ZONE, RowAccounting, select_rows

STAYED = Booking(
    line=2,
    hotel="Resort Hotel",
    booked_on=date(2016, 2, 24),
    arrival=date(2016, 3, 26),
    nights=2,
    guests=3,
    segment="Direct",
    reserved_room="A",
    assigned_room="A",
    changes=0,
    deposit=Deposit.NONE,
    waiting_days=0,
    rate=Decimal("99.55"),
    ending=RowStatus.CHECKED_OUT,
    ended_on=date(2016, 3, 28),
)
CANCELLED = replace(STAYED, ending=RowStatus.CANCELLED, ended_on=date(2016, 3, 1))
ABSENT = replace(STAYED, ending=RowStatus.NO_SHOW, ended_on=STAYED.arrival)


def replay(row: Booking) -> list[dict[str, Any]]:
    """The operations of one row."""
    (one,) = select_rows([row], RowAccounting())
    return [timed.operation for timed in operations_of(one)]


def ops(row: Booking) -> list[str]:
    return [operation["op"] for operation in replay(row)]


def local_day(operation: dict[str, Any]) -> date:
    return datetime.fromisoformat(operation["at"]).astimezone(ZONE).date()


def test_stay_is_booked_checked_in_paid_and_checked_out():
    """A Check-Out row without a deposit pays when it leaves; each operation is on the day that the
    row gives.
    """
    booked, arrived, paid, left = replay(STAYED)
    assert [operation["op"] for operation in (booked, arrived, paid, left)] == [
        "book",
        "check_in",
        "pay",
        "check_out",
    ]
    assert local_day(booked) == STAYED.booked_on
    assert local_day(arrived) == STAYED.arrival
    assert local_day(left) == STAYED.ended_on
    assert paid["amount"] == 199.1


def test_booking_tells_what_the_row_tells():
    """Party, source, room, dates and the exact price travel in the booking; no name is made up."""
    booked = replay(STAYED)[0]
    assert {
        name: booked[name]
        for name in (
            "kind",
            "venue",
            "guests",
            "source",
            "amount",
            "roomType",
            "checkIn",
            "checkOut",
        )
    } == {
        "kind": "hotel",
        "venue": "resort-hotel",
        "guests": 3,
        "source": "Direct",
        "amount": 199.1,
        "roomType": "A",
        "checkIn": "2016-03-26",
        "checkOut": "2016-03-28",
    }
    assert booked["customerName"] == f"Guest {booked['reservationId']}"
    assert "paid" not in booked
    assert "status" not in booked


def test_deposit_of_the_whole_price_is_paid_when_booked():
    """Non Refund means a deposit of the total cost: nothing is left for the check-out."""
    row = replace(STAYED, deposit=Deposit.NON_REFUND)
    assert replay(row)[0]["paid"] == 199.1
    assert ops(row) == ["book", "check_in", "check_out"]


def test_deposit_of_an_untold_part_is_not_made_up():
    """Refundable doesn't say how much: all is paid at the check-out."""
    row = replace(STAYED, deposit=Deposit.REFUNDABLE)
    assert "paid" not in replay(row)[0]
    assert "pay" in ops(row)


def test_free_stay_pays_nothing():
    """A rate of 0 is taken, and there is nothing to pay."""
    assert ops(replace(STAYED, rate=Decimal(0))) == ["book", "check_in", "check_out"]


def test_other_room_is_an_amendment_at_the_check_in():
    """The room that was given is amended just before the check-in."""
    amended = replay(replace(STAYED, assigned_room="D"))[1]
    assert (amended["op"], amended["roomType"]) == ("amend", "D")
    assert amended["amount"] == replay(STAYED)[0]["amount"]
    assert local_day(amended) == STAYED.arrival


def test_other_room_of_who_never_came_is_left_out():
    """A booking that was cancelled took no room."""
    assert ops(replace(CANCELLED, assigned_room="D")) == ["book", "cancel"]


def test_waiting_list_is_confirmed_after_its_days():
    """Days in the waiting list: booked as Pending, confirmed that many days later."""
    booked, confirmed, *_ = replay(replace(STAYED, waiting_days=4))
    assert booked["status"] == "Pending"
    assert confirmed["op"] == "confirm"
    assert local_day(confirmed) == STAYED.booked_on + timedelta(days=4)


def test_waiting_ends_with_the_booking_at_the_latest():
    """A guest who cancelled while still waiting is confirmed no later than that."""
    _, confirmed, cancelled = replay(replace(CANCELLED, waiting_days=400))
    assert local_day(confirmed) == local_day(cancelled) == CANCELLED.ended_on


@pytest.mark.parametrize(("row", "op"), [(CANCELLED, "cancel"), (ABSENT, "no_show")])
def test_other_endings_are_on_the_status_date(row, op):
    """Canceled and No-Show end the reservation's life on the day of the status."""
    last = replay(row)[-1]
    assert last["op"] == op
    assert local_day(last) == row.ended_on


@pytest.mark.parametrize("ending", list(RowStatus))
def test_instants_of_a_reservation_go_forward(ending):
    """Even when all happens on one day, each operation is later than the one before, and on that
    day.
    """
    day = date(2016, 3, 27)
    for line in range(50):
        row = replace(
            STAYED,
            booked_on=day,
            arrival=day,
            ended_on=day,
            ending=ending,
            nights=line + 1,
            assigned_room="D",
            waiting_days=3,
        )
        instants = [datetime.fromisoformat(operation["at"]) for operation in replay(row)]
        assert instants == sorted(set(instants))
        assert {instant.astimezone(ZONE).date() for instant in instants} == {day}


def test_ids_come_from_the_content():
    """The same row has the same ids wherever it stands in a file; equal rows are distinguished by
    their number.
    """
    first = select_rows([STAYED, CANCELLED, STAYED], RowAccounting())
    second = select_rows([CANCELLED, replace(STAYED, line=99)], RowAccounting())
    assert len({one.reservation_id for one in first}) == 3
    assert {one.reservation_id for one in second} < {one.reservation_id for one in first}


def test_ids_tell_every_difference_apart():
    """A row that was mended is another reservation."""
    changed = [
        replace(STAYED, guests=2),
        replace(STAYED, rate=Decimal(100)),
        replace(STAYED, segment="Groups"),
    ]
    assert (
        len({one.reservation_id for one in select_rows([STAYED, *changed], RowAccounting())}) == 4
    )


def test_operation_ids_are_unique():
    """No two operations share an id."""
    ids = [
        timed.operation["operationId"]
        for timed in chronological(
            select_rows([STAYED, STAYED, CANCELLED, ABSENT], RowAccounting())
        )
    ]
    assert len(ids) == len(set(ids)) == 12


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (replace(STAYED, guests=0), "no guest"),
        (replace(STAYED, nights=0), "no night"),
        (replace(STAYED, rate=Decimal("-6.38")), "negative rate"),
        (replace(STAYED, hotel="Grand Budapest"), "unknown hotel"),
        (replace(CANCELLED, ended_on=date(2016, 2, 23)), "ended before it was booked"),
        (replace(STAYED, ended_on=date(2016, 3, 25)), "left before it arrived"),
        (UnreadableRow(7, "adr", "cheap"), "unreadable"),
    ],
)
def test_what_cannot_be_taken_is_counted_by_reason(row, reason):
    """A row without a guest, a night, a price or an order of dates is left out, and the accounting
    says why.
    """
    accounting = RowAccounting()
    assert len(select_rows([row, STAYED], accounting)) == 1
    assert accounting.left_out == Counter({reason: 1})
    assert accounting.taken == Counter({"resort-hotel": 1})
    assert accounting.rows == 2
    assert f"  left out, {reason}: 1" in accounting.lines()


def test_unreadable_rows_are_named():
    """The accounting names line and column of what can't be read."""
    accounting = RowAccounting()
    select_rows([UnreadableRow(7, "adr", "cheap")], accounting)
    assert "    line 7, column adr: 'cheap' can't be read" in accounting.lines()


def test_untold_changes_are_counted():
    """The rows give the number of amendments, not what they changed: they are counted and not
    invented.
    """
    accounting = RowAccounting()
    select_rows([replace(STAYED, changes=2), replace(CANCELLED, changes=1)], accounting)
    assert accounting.unspecified_changes == 3
    assert "amend" not in ops(replace(STAYED, changes=2))


def test_all_operations_come_in_the_order_of_time():
    """Over many bookings that overlap, instants never go back, and every operation comes."""
    rows = [
        replace(STAYED, booked_on=STAYED.booked_on - timedelta(days=3 * n), guests=n + 1)
        for n in range(30)
    ]
    timed = list(chronological(select_rows(rows, RowAccounting())))
    assert [one.due for one in timed] == sorted(one.due for one in timed)
    assert Counter(one.operation["op"] for one in timed) == {
        "book": 30,
        "check_in": 30,
        "pay": 30,
        "check_out": 30,
    }


def test_due_is_the_instant_in_utc():
    """`due` and `at` are the same instant, in UTC."""
    for timed in chronological(select_rows([STAYED], RowAccounting())):
        assert timed.due.tzinfo is UTC
        assert timed.due == datetime.fromisoformat(timed.operation["at"])


def test_venue_file_has_the_two_hotels():
    """The packaged venue file describes both hotels, with overbooking allowed."""
    path = data_path("fixtures", "venues", "antonio-hotels.toml")
    venues = parse_venues(path.read_text(encoding="utf-8"), source=str(path))
    assert [venue.id for venue in venues] == list(HOTELS.values())
    assert all(
        venue.allow_overbooking and venue.timezone == ZONE.key and venue.currency == "EUR"
        for venue in venues
    )
