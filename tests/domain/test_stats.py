"""The dashboard's figures at an instant, and their trends."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdash.domain.availability import Rooms
from rtdash.domain.operations import decide
from rtdash.domain.refusals import Refusal
from rtdash.domain.reservations import NOT_COMING, Op, Operation, Reservation, Status
from rtdash.domain.stats import Totals, dashboard_stats, trend
from rtdash.domain.venues import Venue
from tests.figures import Version, counts, totals_at

Make = Callable[..., Any]
TODAY = date(2026, 7, 10)
NOON = datetime(2026, 7, 10, 12, tzinfo=UTC)


def version(**fields: Any) -> Version:
    """A Confirmed party of two that owes 50.00 of 80.00, valid since noon."""
    given: dict[str, Any] = {
        "reservation_id": "r",
        "business_date": TODAY,
        "status": Status.CONFIRMED,
        "guests": 2,
    }
    return Version(
        **given | {"amount_minor": 8000, "balance_minor": 5000, "valid_from": NOON} | fields
    )


@pytest.mark.parametrize("status", [status for status in Status if status not in NOT_COMING])
def test_who_comes_counts(status: Status) -> None:
    """Every status but two counts: one reservation, its guests, what it owes."""
    assert counts(version(status=status)) == Totals(1, 0, 2, 5000)


@pytest.mark.parametrize("status", sorted(NOT_COMING))
def test_who_does_not_come_does_not_count(status: Status) -> None:
    """Cancelled and NoShow count for nothing, whatever they owe."""
    assert counts(version(status=status)) == Totals()


@pytest.mark.parametrize(
    ("amount", "balance", "totals"),
    [
        (8000, 0, Totals(1, 1, 2, 0)),
        (8000, -100, Totals(1, 1, 2, 0)),
        (0, 0, Totals(1, 0, 2, 0)),
        (8000, 1, Totals(1, 0, 2, 1)),
    ],
)
def test_prepaid_means_that_there_was_something_to_pay(
    amount: int, balance: int, totals: Totals
) -> None:
    """Paid in full is prepaid, free of charge is not; an overpayment pays no other bill."""
    assert counts(version(amount_minor=amount, balance_minor=balance)) == totals


def test_a_reservation_and_its_version_count_alike(hotel: Venue, apply: Make) -> None:
    """The same function counts what is stored and what was."""
    stay: Reservation = apply(hotel, Op.BOOK, (Op.PAY, {"amount_minor": 24000}))
    assert counts(stay) == Totals(1, 1, 2, 0)


def test_a_version_is_valid_from_its_instant_until_the_next() -> None:
    """The instant of a change belongs to what it changed to."""
    until = NOON + timedelta(hours=1)
    versions = [version(valid_to=until), version(guests=5, valid_from=until)]
    assert totals_at(versions, TODAY, NOON - timedelta(milliseconds=1)) == Totals()
    assert totals_at(versions, TODAY, NOON).guests == 2
    assert totals_at(versions, TODAY, until - timedelta(milliseconds=1)).guests == 2
    assert totals_at(versions, TODAY, until).guests == 5
    assert totals_at(versions, TODAY - timedelta(days=1), until) == Totals()


@pytest.mark.parametrize(
    ("now", "before", "percent"),
    [
        (27, 24, 13),  # 12.5
        (21, 24, -13),
        (24, 24, 0),
        (0, 24, -100),
        (24, 0, None),
        (0, 0, None),
        (1, 3, -67),
        (3, 1, 200),
        (201, 200, 1),  # 0.5
        (199, 200, -1),
        (1004, 1000, 0),
        (2, 3, -33),
    ],
)
def test_a_trend_is_a_whole_percent(now: int, before: int, percent: int | None) -> None:
    """Halves are rounded away from zero; without a baseline there is no trend."""
    assert trend(now, before) == percent


def test_the_eight_figures_stand_in_the_order_of_the_requirements() -> None:
    """Names, order and units are the document's; money is in major units."""
    stats = dashboard_stats(Totals(24, 16, 78, 4500050), Totals(20, 20, 0, 4500050), "EUR")
    assert list(stats.items()) == [
        ("reservationsToday", 24),
        ("prepaidReservations", 16),
        ("expectedGuests", 78),
        ("pendingPayments", 45000.5),
        ("pendingPaymentsTrend", 0),
        ("reservationsTrend", 20),
        ("prepaidTrend", -20),
        ("guestsTrend", None),
    ]


def test_yen_have_no_minor_unit() -> None:
    """45000 minor units of a currency without any are 45000."""
    assert dashboard_stats(Totals(pending_minor=45000), Totals(), "JPY")["pendingPayments"] == 45000
    assert dashboard_stats(Totals(pending_minor=45000), Totals(), "KWD")["pendingPayments"] == 45


OPS = [
    Op.BOOK,
    Op.AMEND,
    Op.CANCEL,
    Op.REINSTATE,
    Op.NO_SHOW,
    Op.UNDO_NO_SHOW,
    Op.SEAT,
    Op.UNDO_SEAT,
    Op.PAY,
    Op.CHARGE,
    Op.COMPLETE,
]
STEPS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(OPS), st.integers(1, 9), st.integers(0, 2)),
    max_size=40,
)
STARTS = [
    datetime(2026, 7, 10, 19, tzinfo=UTC),
    datetime(2026, 7, 11, 1, tzinfo=UTC),
    datetime(2026, 7, 11, 19, tzinfo=UTC),
]


def as_operation(number: int, step: tuple[str, Op, int, int]) -> Operation:
    """A step of a random history; it happens `number` minutes after noon, two at a time."""
    name, op, size, day = step
    told = Operation(
        f"{number}",
        op,
        "grill",
        name,
        at=NOON + timedelta(minutes=number // 2),
        category="drinks",
        amount_minor=size,
    )
    if op is Op.BOOK:
        return replace(told, customer_name="Ana", source="web", guests=size, start=STARTS[day])
    return (
        replace(told, guests=size, start=STARTS[day], amount_minor=None) if op is Op.AMEND else told
    )


@given(STEPS)
def test_the_figures_at_an_instant_are_those_of_the_reservations_then(
    restaurant: Venue, steps: list[tuple[str, Op, int, int]]
) -> None:
    """Summing versions at T equals replaying the operations up to T and counting the reservations,
    for every T and date.
    """
    operations = [as_operation(number, step) for number, step in enumerate(steps)]
    versions = history(operations, restaurant)
    for minute in range(-1, len(steps) // 2 + 2):
        instant = NOON + timedelta(minutes=minute)
        then = replayed(
            [told for told in operations if told.at is not None and told.at <= instant], restaurant
        )
        for business_date in (TODAY, TODAY + timedelta(days=1)):
            due = [counts(kept) for kept in then.values() if kept.business_date == business_date]
            assert totals_at(versions, business_date, instant) == sum(due, Totals())


def replayed(operations: list[Operation], venue: Venue) -> dict[str, Reservation]:
    """The reservations after these operations."""
    kept: dict[str, Reservation] = {}
    for told in operations:
        try:
            after = decide(
                told,
                kept.get(told.reservation_id or ""),
                venue=venue,
                now=NOON + timedelta(days=1),
                rooms=Rooms(),
            ).reservation
        except Refusal:
            continue
        kept[after.id] = after
    return kept


def history(operations: list[Operation], venue: Venue) -> list[Version]:
    """One version for each applied operation, closed by the next of its reservation."""
    kept: dict[str, list[Version]] = {}
    current: dict[str, Reservation] = {}
    for told in operations:
        name = told.reservation_id or ""
        try:
            after = decide(
                told, current.get(name), venue=venue, now=NOON + timedelta(days=1), rooms=Rooms()
            ).reservation
        except Refusal:
            continue
        line = kept.setdefault(name, [])
        if line:
            line[-1] = replace(line[-1], valid_to=after.changed_at)
        fields = (
            after.business_date,
            after.status,
            after.guests,
            after.amount_minor,
            after.balance_minor,
        )
        line.append(Version(name, *fields, valid_from=after.changed_at))
        current[name] = after
    return [kept_version for line in kept.values() for kept_version in line]
