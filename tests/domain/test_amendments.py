"""What an amendment changes, and what it leaves."""

from datetime import date

import pytest

from rtdash.domain.money_refusals import AmountBelowCharges
from rtdash.domain.refusals import MissingField, NotAmendable
from rtdash.domain.reservations import Op, Status
from rtdash.domain.venues import Venue
from tests.domain.test_terms import Make


def test_a_shorter_stay_may_leave_a_credit(hotel: Venue, apply: Make) -> None:
    """An amount that falls below what was paid is no refusal: the balance is negative until a
    refund.
    """
    stay = apply(
        hotel, (Op.BOOK, {"paid_minor": 24000}), (Op.AMEND, {"check_out": date(2026, 7, 13)})
    )
    assert (stay.amount_minor, stay.balance_minor, stay.prepaid) == (12000, -12000, True)
    refunded = apply(
        hotel,
        (Op.BOOK, {"paid_minor": 24000}),
        (Op.AMEND, {"check_out": date(2026, 7, 13), "paid_minor": 12000}),
    )
    assert refunded.balance_minor == 0


def test_an_amount_covers_its_charges(hotel: Venue, apply: Make) -> None:
    """The amount includes the charges, so it can't be below them."""
    with pytest.raises(AmountBelowCharges, match="charges of 5 EUR, so it can't be 4"):
        apply(
            hotel,
            Op.BOOK,
            (Op.CHARGE, {"category": "Bar", "amount_minor": 500}),
            (Op.AMEND, {"amount_minor": 400}),
        )


def test_an_amendment_amends_something(hotel: Venue, apply: Make) -> None:
    """One that names nothing is refused."""
    with pytest.raises(MissingField, match="at least one field"):
        apply(hotel, Op.BOOK, (Op.AMEND, {}))


def test_a_booking_is_made_pending_again(hotel: Venue, apply: Make) -> None:
    """Before the guests come, an amendment may say Pending or Confirmed; afterwards only what is so
    already.
    """
    assert apply(hotel, Op.BOOK, (Op.AMEND, {"status": Status.PENDING})).status is Status.PENDING
    with pytest.raises(NotAmendable, match="amend to Pending is not possible"):
        apply(hotel, Op.BOOK, Op.CHECK_IN, (Op.AMEND, {"status": Status.PENDING}))
