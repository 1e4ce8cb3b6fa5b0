"""How a reservation is shown, and who its customer is."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rtdash.domain.reservations import Op, customer_initials, local_time_text
from rtdash.domain.venues import Venue

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("name", "initials"),
    [
        ("John Smith", "JS"),
        ("Ana Maria dos Reis", "AR"),
        ("Madonna", "M"),
        ("  ana   reis ", "AR"),
        ("Émile Ångström", "ÉÅ"),
        ("Ana Reis (VIP)", "AV"),
        ("Ana -", "A"),
        ("王 小明", "王小"),
        ("***", ""),
        ("", ""),
    ],
)
def test_initials_are_of_the_first_and_the_last_word(name: str, initials: str) -> None:
    """First letters in capitals, of words that have one."""
    assert customer_initials(name) == initials


@pytest.mark.parametrize(
    ("hour", "minute", "text"),
    [
        (19, 0, "7:00 PM"),
        (0, 5, "12:05 AM"),
        (12, 0, "12:00 PM"),
        (11, 59, "11:59 AM"),
        (9, 30, "9:30 AM"),
        (23, 0, "11:00 PM"),
    ],
)
def test_time_is_told_on_a_twelve_hour_clock(hour: int, minute: int, text: str) -> None:
    """Midnight and noon are twelve, hours have no leading zero."""
    assert (
        local_time_text(datetime(2026, 1, 10, hour, minute, tzinfo=UTC), ZoneInfo("Europe/Lisbon"))
        == text
    )


def test_time_is_told_where_the_venue_is() -> None:
    """The same instant is another time in another zone."""
    start = datetime(2026, 7, 24, 18, 30, tzinfo=UTC)
    assert local_time_text(start, ZoneInfo("Europe/Lisbon")) == "7:30 PM"
    assert local_time_text(start, ZoneInfo("Asia/Kolkata")) == "12:00 AM"


@pytest.mark.parametrize(
    ("email", "phone", "key"),
    [
        ("Ana@X.PT", "1", "ana@x.pt"),
        (None, "1", "1"),
        ("", "1", "1"),
        (None, None, "Ana Reis"),
        (None, "", "Ana Reis"),
    ],
)
def test_a_customer_is_the_email_else_the_phone_else_the_name(
    email: str | None, phone: str | None, key: str, restaurant: Venue, apply: Make
) -> None:
    """The first of the three that is there."""
    assert (
        apply(
            restaurant, (Op.BOOK, {"customer_email": email, "customer_phone": phone})
        ).customer_key
        == key
    )
