"""Money by the digits of its currency."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdash.domain.money import CURRENCIES, MAX_MINOR, minor_digits, to_major, to_minor


@pytest.mark.parametrize(
    ("major", "currency", "minor"),
    [
        (12.5, "EUR", 1250),
        ("0.1", "EUR", 10),
        (Decimal("19.99"), "EUR", 1999),
        (1.1, "EUR", 110),
        (45000, "JPY", 45000),
        (45000.0, "JPY", 45000),
        (1.234, "KWD", 1234),
        (-3, "EUR", -300),
        ("1.500", "EUR", 150),
    ],
)
def test_major_units_become_minor_ones(
    major: float | Decimal | str, currency: str, minor: int
) -> None:
    """An amount in major units is the exact number of minor ones."""
    assert to_minor(major, currency) == minor


@pytest.mark.parametrize(
    ("major", "currency"), [(0.5, "JPY"), (12.345, "EUR"), (1.2345, "KWD"), ("1e-999999", "EUR")]
)
def test_more_digits_than_the_currency_are_refused(major: float | str, currency: str) -> None:
    """An amount with more digits than its currency is refused, not rounded."""
    with pytest.raises(ValueError, match="more digits"):
        to_minor(major, currency)


@pytest.mark.parametrize("major", [float("nan"), float("inf"), "1e999999", MAX_MINOR, -MAX_MINOR])
def test_what_money_cannot_be_is_refused(major: float | str) -> None:
    """Not a number, infinity, and amounts beyond the bound are refused."""
    with pytest.raises(ValueError, match="beyond"):
        to_minor(major, "EUR")


def test_no_number_is_refused() -> None:
    """A text that is no number is refused with an example of one."""
    with pytest.raises(ValueError, match=r"not an amount of money: write a number such as 120\.00"):
        to_minor("twelve", "EUR")


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [(1250, "EUR", "12.5"), (1200, "EUR", "12"), (5, "JPY", "5"), (1, "KWD", "0.001")],
)
def test_major_units_are_whole_numbers_where_they_can_be(
    minor: int, currency: str, shown: str
) -> None:
    """A whole amount is an int and prints without a point."""
    assert str(to_major(minor, currency)) == shown


@given(st.integers(-MAX_MINOR, MAX_MINOR), st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))
def test_minor_units_survive_the_way_out_and_back(minor: int, currency: str) -> None:
    """What is shown in major units reads back as the same minor units."""
    assert to_minor(to_major(minor, currency), currency) == minor


def test_currencies_have_their_digits() -> None:
    """Yen have no minor unit, dinars of Kuwait three digits, all others two unless the venue says
    otherwise.
    """
    assert [minor_digits(currency) for currency in ("EUR", "JPY", "KWD", "CLF")] == [2, 0, 3, 4]
    assert {"EUR", "USD", "JPY", "KWD"} <= CURRENCIES
