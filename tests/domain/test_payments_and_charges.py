"""What is paid and what is charged: how a reservation's amounts move, and which money is
refused.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from rtdash.domain.availability import Rooms
from rtdash.domain.money import MAX_MINOR
from rtdash.domain.money_refusals import Overpaid, RefundTooLarge
from rtdash.domain.operations import decide
from rtdash.domain.refusals import BadValue, MissingField, Refusal, UnknownCategory
from rtdash.domain.reservations import Op
from rtdash.domain.venues import Venue

Make = Callable[..., Any]


def test_a_payment_up_to_the_balance_is_taken(hotel: Venue, apply: Make) -> None:
    """Paying lowers the balance; all of it makes the reservation prepaid."""
    part = apply(hotel, Op.BOOK, (Op.PAY, {"amount_minor": 10000}))
    assert (part.amount_minor, part.paid_minor, part.balance_minor, part.prepaid) == (
        24000,
        10000,
        14000,
        False,
    )
    assert apply(hotel, Op.BOOK, (Op.PAY, {"amount_minor": 24000})).prepaid


def test_paying_more_than_the_balance_is_refused(hotel: Venue, apply: Make) -> None:
    """A cent more than what is due is refused, with both figures."""
    with pytest.raises(
        Overpaid, match=r"140\.01 EUR is more than the 140 EUR that are due"
    ) as refused:
        apply(hotel, Op.BOOK, (Op.PAY, {"amount_minor": 10000}), (Op.PAY, {"amount_minor": 14001}))
    assert refused.value.code == "overpaid"


def test_a_charge_raises_the_amount(
    hotel: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """A charge is due beside the stay, and has its category and business date."""
    decision = decide(
        operation(Op.CHARGE, hotel, category=" Minibar ", amount_minor=850),
        apply(hotel, Op.BOOK),
        venue=hotel,
        now=now,
        rooms=Rooms(),
    )
    after, charge = decision.reservation, decision.charge
    assert (after.amount_minor, after.charged_minor, after.price_minor) == (24850, 850, 24000)
    assert charge is not None
    assert (charge.category, charge.amount_minor, charge.business_date) == (
        "Minibar",
        850,
        date(2026, 7, 10),
    )


def test_a_charge_after_midnight_belongs_to_the_evening(
    restaurant: Venue, apply: Make, operation: Make
) -> None:
    """Before the closeout hour a charge falls on the business date that is ending."""
    past_midnight = datetime(2026, 7, 11, 1, 30, tzinfo=UTC)
    charge = operation(Op.CHARGE, restaurant, category="Drinks", amount_minor=450)
    decided = decide(
        charge, apply(restaurant, Op.BOOK), venue=restaurant, now=past_midnight, rooms=Rooms()
    )
    assert decided.charge is not None
    assert decided.charge.business_date == date(2026, 7, 10)


def test_a_charge_of_the_past_belongs_to_its_day(
    hotel: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """A charge that is sent later falls on the business date of its own instant."""
    then = now - timedelta(days=3)
    charge = operation(Op.CHARGE, hotel, category="Bar", amount_minor=450, at=then)
    decided = decide(
        charge, apply(hotel, (Op.BOOK, {"at": then})), venue=hotel, now=now, rooms=Rooms()
    )
    assert decided.charge is not None
    assert decided.charge.business_date == date(2026, 7, 7)


@pytest.mark.parametrize("category", ["mains", "From the grill"])
def test_a_restaurant_charge_is_kept_by_the_name_of_its_category(
    category: str, restaurant: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """Id or name say the category; its name is what is kept."""
    charge = operation(Op.CHARGE, restaurant, category=category, amount_minor=2200)
    decided = decide(charge, apply(restaurant, Op.BOOK), venue=restaurant, now=now, rooms=Rooms())
    assert decided.charge is not None
    assert decided.charge.category == "From the grill"


def test_what_is_not_on_the_menu_is_not_charged(restaurant: Venue, apply: Make) -> None:
    """A category that the menu doesn't have is refused, and the refusal names those that it has."""
    with pytest.raises(UnknownCategory, match="choose one of mains, drinks"):
        apply(restaurant, Op.BOOK, (Op.CHARGE, {"category": "Spa", "amount_minor": 1}))


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"category": "Bar"}, MissingField),
        ({"amount_minor": 100}, MissingField),
        ({"amount_minor": 100, "category": "  "}, MissingField),
        ({"amount_minor": 0, "category": "Bar"}, BadValue),
        ({"amount_minor": -1, "category": "Bar"}, BadValue),
        ({"amount_minor": MAX_MINOR + 1, "category": "Bar"}, BadValue),
        ({"amount_minor": MAX_MINOR, "category": "Bar"}, BadValue),
        ({"amount_minor": 100, "category": "x" * 61}, BadValue),
    ],
)
def test_a_wrong_charge_is_refused(
    fields: dict[str, Any], refusal: type[Refusal], hotel: Venue, apply: Make
) -> None:
    """A charge needs a category of at most 60 characters and an amount that can be."""
    with pytest.raises(refusal) as refused:
        apply(hotel, Op.BOOK, (Op.CHARGE, fields))
    assert refused.value.code in {"missing_field", "bad_value"}


def test_what_was_paid_is_given_back(hotel: Venue, apply: Make) -> None:
    """A refund lowers what is paid, also after a cancellation, down to nothing."""
    road = (Op.BOOK, (Op.PAY, {"amount_minor": 10_000}), Op.CANCEL)
    part = apply(hotel, *road, (Op.REFUND, {"amount_minor": 4_000}))
    assert (part.paid_minor, part.amount_minor) == (6_000, 24_000)
    assert apply(hotel, *road, (Op.REFUND, {"amount_minor": 10_000})).paid_minor == 0
    with pytest.raises(RefundTooLarge, match=r"100\.01 EUR is more than the 100 EUR that are paid"):
        apply(hotel, *road, (Op.REFUND, {"amount_minor": 10_001}))


@pytest.mark.parametrize("fields", [{}, {"amount_minor": 0}, {"amount_minor": -1}])
def test_a_refund_is_of_something(fields: dict[str, Any], hotel: Venue, apply: Make) -> None:
    """The amount of a refund is there, and more than nothing."""
    with pytest.raises((MissingField, BadValue)):
        apply(hotel, (Op.BOOK, {"paid_minor": 100}), (Op.REFUND, fields))


@pytest.mark.parametrize("end", [Op.CANCEL, Op.NO_SHOW])
def test_a_fee_is_charged_and_paid_after_the_end(end: Op, hotel: Venue, apply: Make) -> None:
    """A no-show fee, or one for cancelling late."""
    fee = (Op.CHARGE, {"category": "Fee", "amount_minor": 8_000})
    road = ((Op.BOOK, {"amount_minor": 0}), end, fee, (Op.PAY, {"amount_minor": 8_000}))
    after = apply(hotel, *road)
    assert (after.charged_minor, after.balance_minor) == (8_000, 0)
