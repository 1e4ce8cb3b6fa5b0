"""Numbers as other systems write them."""

import time
from decimal import Decimal

import pytest

from rtdash.imports.values import Unreadable, parse_number

READ = [
    ("1240.5", ".", "1240.5"), ("1,240.50", ".", "1240.50"), ("1.240,50", ",", "1240.50"),
    ("€ 40,00", ",", "40"), ("40,00 €", ",", "40"), ("EUR40", ".", "40"), ("40EUR", ".", "40"),
    ("-5", ".", "-5"), ("€-5", ".", "-5"), ("- 5", ".", "-5"), ("+7", ".", "7"), (".5", ".", "0.5"),
    ("1 240,50", ",", "1240.5"), ("1\u202f240,50", ",", "1240.5"), ("1'240.50", ".", "1240.5"),
    ("Rs. 100", ".", "100"), ("Rs.100", ".", "100"), ("1,00,000", ".", "100000"),
    ("1,24E+03", ",", "1240"), ("1e3", ".", "1000"), ("1e-05", ".", "0.00001"), ("007", ".", "7"),
    ("100 (EUR)", ".", "100"), ("1\u00a0240,50", ",", "1240.5"), ("1\u2009240,50 €", ",", "1240.5"),
    ("1\u2019240.50", ".", "1240.5"), ("\u22125", ".", "-5"), ("€ \uff0d5,00", ",", "-5"),
    ("1 234 567,8", ",", "1234567.8"), ("\uff15", ".", "5"), ("12 CRC", ".", "12"),
]  # fmt: skip
REFUSED = [
    ("1e400", "."), ("0x10", "."), ("1,5", "."), ("2.5", ","), ("1.2.3", "."), ("1,2,3", "."),
    ("1.240.50", "."), ("12,34,5", "."), ("2 x 3", "."), ("12 EUR 50", "."), ("(5)", "."),
    ("5-", "."), ("--5", "."), ("", "."), ("EUR", "."), ("a lot", "."), ("1.5.", ","),
    ("\u20135", "."), ("5\u2212", "."), ("(12.50)", "."), ("12.50 CR", "."), ("1.5k", "."),
    ("50 %", "."), ("2 Mio.", ","), ("12 34", "."), ("1 2", "."), ("1 2345", ","), ("12.50-", "."),
    ("9" * 20, "."), ("2026-01-31", "."), ("1,.5", "."), (",", "."), ("1..5", "."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "decimal", "number"), READ)
def test_numbers_are_read(text: str, decimal: str, number: str) -> None:
    """With currencies around them, marks between thousands, and exponents as spreadsheets export."""
    assert parse_number(text, decimal) == Decimal(number)


@pytest.mark.parametrize(("text", "decimal"), REFUSED)
def test_what_could_be_read_otherwise_is_refused(text: str, decimal: str) -> None:
    """A wrong decimal mark would be ten times the amount, and a letter dropped another number."""
    with pytest.raises(Unreadable, match="number"):
        parse_number(text, decimal)


@pytest.mark.parametrize(
    "junk", ["1 " * 50_000 + "x1", "€" * 100_000, "1" * 100_000 + "-", "." * 100_000]
)
def test_long_texts_take_no_time(junk: str) -> None:
    """A cell can have 131,072 characters: the pattern doesn't go back over them again and again."""
    began = time.thread_time()
    with pytest.raises(Unreadable):
        parse_number(junk, ".")
    assert time.thread_time() - began < 5
