"""How a reservation is shown."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rtdash.domain.reservations import local_time_text

Make = Callable[..., Any]


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
