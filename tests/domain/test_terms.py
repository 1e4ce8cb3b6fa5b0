"""The terms of a reservation when it is booked and when it is amended."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from rtdash.domain.money_refusals import Overpaid
from rtdash.domain.refusals import BadValue, MissingField, Refusal
from rtdash.domain.reservations import Op, Status
from rtdash.domain.stay_refusals import DatesReversed, StayTooLong, UnknownRoomType
from rtdash.domain.venues import Venue

Make = Callable[..., Any]


def test_a_stay_costs_its_nights(hotel: Venue, apply: Make) -> None:
    """Without an amount a stay costs the base rate of each night, and is Confirmed and unpaid."""
    stay = apply(hotel, Op.BOOK)
    assert (stay.amount_minor, stay.paid_minor, stay.status, stay.version) == (
        24000,
        0,
        Status.CONFIRMED,
        1,
    )


def test_a_stay_starts_at_the_check_in_time(hotel: Venue, apply: Make) -> None:
    """The start is the first day at 15:00 local, the business date that day."""
    stay = apply(hotel, Op.BOOK)
    assert stay.start == datetime(2026, 7, 12, 14, tzinfo=UTC)
    assert stay.business_date == date(2026, 7, 12)


def test_a_table_costs_nothing_yet(restaurant: Venue, apply: Make) -> None:
    """Without an amount a table is free, so it is not prepaid."""
    table = apply(restaurant, (Op.BOOK, {"duration_minutes": 105}))
    assert (table.amount_minor, table.balance_minor, table.prepaid, table.duration_minutes) == (
        0,
        0,
        False,
        105,
    )


def test_a_table_after_midnight_belongs_to_the_evening(restaurant: Venue, apply: Make) -> None:
    """A start before the closeout hour lies on the business date that is ending."""
    late = datetime(2026, 7, 11, 0, 30, tzinfo=UTC)  # 01:30 in Lisbon
    assert apply(restaurant, (Op.BOOK, {"start": late})).business_date == date(2026, 7, 10)


def test_what_is_given_is_kept(hotel: Venue, apply: Make) -> None:
    """An agreed amount, a deposit and Pending stay as they are given."""
    stay = apply(
        hotel,
        (
            Op.BOOK,
            {
                "amount_minor": 19999,
                "paid_minor": 19999,
                "status": Status.PENDING,
                "customer_email": "Ana@X.pt",
            },
        ),
    )
    assert (stay.amount_minor, stay.prepaid, stay.status, stay.customer_email) == (
        19999,
        True,
        Status.PENDING,
        "Ana@X.pt",
    )


@pytest.mark.parametrize(
    "field", ["customer_name", "guests", "source", "room_type", "check_in", "check_out"]
)
def test_a_stay_needs_its_terms(field: str, hotel: Venue, apply: Make) -> None:
    """A booking without one of them is refused, and names it."""
    with pytest.raises(MissingField):
        apply(hotel, (Op.BOOK, {field: None}))


def test_a_table_needs_its_time(restaurant: Venue, apply: Make) -> None:
    """A table without a date is refused by the wire's name of it."""
    with pytest.raises(MissingField, match="book needs date"):
        apply(restaurant, (Op.BOOK, {"start": None}))


WRONG: list[tuple[dict[str, Any], type[Refusal]]] = [
    ({"room_type": "cellar"}, UnknownRoomType),
    ({"check_out": date(2026, 7, 12)}, DatesReversed),
    ({"check_out": date(2026, 7, 11)}, DatesReversed),
    ({"check_out": date(2027, 7, 14)}, StayTooLong),
    ({"check_in": date(1, 1, 1)}, BadValue),
    ({"check_out": date(9999, 12, 31)}, BadValue),
    ({"status": Status.CHECKED_IN}, BadValue),
    ({"status": Status.CANCELLED}, BadValue),
    ({"guests": 0}, BadValue),
    ({"amount_minor": -1}, BadValue),
    ({"paid_minor": -1}, BadValue),
    ({"start": datetime(2026, 7, 12, tzinfo=UTC)}, BadValue),
    ({"duration_minutes": 90}, BadValue),
]


@pytest.mark.parametrize(("fields", "refusal"), WRONG)
def test_wrong_terms_are_refused_when_booking(
    fields: dict[str, Any], refusal: type[Refusal], hotel: Venue, apply: Make
) -> None:
    """What can't be is refused as wrong, not as a conflict."""
    with pytest.raises(refusal) as refused:
        apply(hotel, (Op.BOOK, fields))
    assert refused.value.code not in {"no_availability", "over_capacity"}


@pytest.mark.parametrize(("fields", "refusal"), WRONG)
def test_wrong_terms_are_refused_when_amending(
    fields: dict[str, Any], refusal: type[Refusal], hotel: Venue, apply: Make
) -> None:
    """The same rules hold for an amendment together with the terms that stay."""
    with pytest.raises(refusal):
        apply(hotel, Op.BOOK, (Op.AMEND, fields))


@pytest.mark.parametrize("field", ["room_type", "check_in", "check_out"])
def test_a_table_has_no_room(field: str, restaurant: Venue, apply: Make) -> None:
    """A hotel's field in a restaurant is refused, not dropped."""
    value = "double" if field == "room_type" else date(2026, 7, 12)
    with pytest.raises(BadValue, match="is not for a restaurant"):
        apply(restaurant, (Op.BOOK, {field: value}))


def test_a_booking_is_not_overpaid(hotel: Venue, apply: Make) -> None:
    """A deposit above the amount is refused, when booking and when amending."""
    with pytest.raises(Overpaid):
        apply(hotel, (Op.BOOK, {"paid_minor": 24001}))
    with pytest.raises(Overpaid):
        apply(hotel, Op.BOOK, (Op.AMEND, {"paid_minor": 24001}))


def test_the_longest_stay_is_a_leap_year(hotel: Venue, apply: Make) -> None:
    """366 nights can be booked."""
    assert apply(hotel, (Op.BOOK, {"check_out": date(2027, 7, 13)})).amount_minor == 366 * 12000


def test_an_amendment_changes_what_it_names(restaurant: Venue, apply: Make) -> None:
    """Each field can be amended; what is not named stays."""
    later = datetime(2026, 7, 11, 20, tzinfo=UTC)
    given = {
        "customer_name": "Rui",
        "customer_phone": "1",
        "guests": 5,
        "source": "phone",
        "start": later,
        "duration_minutes": 60,
    }
    before, after = apply(restaurant, Op.BOOK), apply(restaurant, Op.BOOK, (Op.AMEND, given))
    assert {name: getattr(after, name) for name in given} == given
    assert (after.business_date, after.version, after.customer_email) == (
        date(2026, 7, 11),
        2,
        before.customer_email,
    )


def test_new_dates_move_the_start(hotel: Venue, apply: Make) -> None:
    """Another first day moves start and business date; another last day does not."""
    moved = apply(hotel, Op.BOOK, (Op.AMEND, {"check_in": date(2026, 7, 13)}))
    assert (moved.start, moved.business_date) == (
        datetime(2026, 7, 13, 14, tzinfo=UTC),
        date(2026, 7, 13),
    )
    assert apply(hotel, Op.BOOK, (Op.AMEND, {"check_out": date(2026, 7, 15)})).start == datetime(
        2026, 7, 12, 14, tzinfo=UTC
    )


def test_the_standard_price_follows_the_stay(hotel: Venue, apply: Make) -> None:
    """A stay at the standard price stays at it, its charges beside it, when nights or room type
    change.
    """
    longer = apply(
        hotel,
        Op.BOOK,
        (Op.CHARGE, {"category": "Bar", "amount_minor": 500}),
        (Op.AMEND, {"check_out": date(2026, 7, 15)}),
    )
    assert (longer.amount_minor, longer.price_minor) == (36500, 36000)
    assert apply(hotel, Op.BOOK, (Op.AMEND, {"room_type": "suite"})).amount_minor == 60002


def test_an_agreed_price_stays(hotel: Venue, apply: Make) -> None:
    """An agreed amount changes only when another is given."""
    agreed = (Op.BOOK, {"amount_minor": 20000})
    assert apply(hotel, agreed, (Op.AMEND, {"check_out": date(2026, 7, 15)})).amount_minor == 20000
    assert (
        apply(
            hotel, agreed, (Op.AMEND, {"check_out": date(2026, 7, 15), "amount_minor": 29000})
        ).amount_minor
        == 29000
    )
