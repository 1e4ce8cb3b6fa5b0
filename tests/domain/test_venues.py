"""The clock of a venue: business dates, starts of stays, the same time a week ago."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdash.domain.instants import from_ms
from rtdash.domain.venues import (
    Venue,
    VenueKind,
    business_date,
    next_turn,
    same_time_last_week,
    stay_start,
)

LISBON = ZoneInfo("Europe/Lisbon")
SPRING = date(2026, 3, 29)  # 01:00 becomes 02:00 in Lisbon
AUTUMN = date(2026, 10, 25)  # 02:00 becomes 01:00
INSTANTS = st.integers(1_577_836_800_000, 1_893_456_000_000).map(from_ms)  # 2020 to 2030


def local(
    day: date, hour: int, minute: int = 0, *, zone: ZoneInfo = LISBON, fold: int = 0
) -> datetime:
    """A wall clock as a UTC instant."""
    return datetime.combine(day, time(hour, minute, fold=fold), tzinfo=zone).astimezone(UTC)


def venue(zone: str = "Europe/Lisbon", closeout: int = 3) -> Venue:
    """A hotel of that clock."""
    return Venue("v", "V", VenueKind.HOTEL, zone, "EUR", closeout)


def test_the_business_date_turns_at_the_closeout_hour() -> None:
    """Until the closeout hour it is still yesterday."""
    day = date(2026, 7, 10)
    assert business_date(venue(), local(day, 2, 59)) == date(2026, 7, 9)
    assert business_date(venue(), local(day, 3)) == day


def test_a_closeout_at_midnight_is_the_calendar_date() -> None:
    """With closeout hour 0 the business date is the local date."""
    assert business_date(venue(closeout=0), local(date(2026, 7, 10), 0)) == date(2026, 7, 10)


def test_the_business_date_turns_over_the_month_and_the_year() -> None:
    """In the night after the last day the month before goes on."""
    assert business_date(venue(), local(date(2026, 3, 1), 1)) == date(2026, 2, 28)
    assert business_date(venue(), local(date(2024, 3, 1), 1)) == date(2024, 2, 29)
    assert business_date(venue(), local(date(2027, 1, 1), 2)) == date(2026, 12, 31)


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25), (date(2026, 7, 10), 24)])
def test_a_business_date_is_as_long_as_its_clock_says(day: date, hours: int) -> None:
    """The business date in whose night the clocks change is an hour shorter or longer."""
    start = local(day - timedelta(days=1), 3)
    assert next_turn(venue(), start) - start == timedelta(hours=hours)


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
def test_the_business_date_follows_the_wall_clock_through_a_change(day: date) -> None:
    """The date turns at 03:00 of the wall clock also on the day of the change."""
    turn = local(day, 3)
    assert business_date(venue(), turn - timedelta(milliseconds=1)) == day - timedelta(days=1)
    assert business_date(venue(), turn) == day


def test_a_closeout_hour_that_is_skipped_turns_at_the_skip() -> None:
    """Where the clock skips the closeout hour, the date turns at the first instant behind the
    skip.
    """
    skipped = venue(closeout=1)
    turn = next_turn(skipped, local(SPRING, 0, 30))
    assert turn == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert business_date(skipped, turn) == SPRING


def test_a_closeout_hour_that_comes_twice_turns_at_the_first() -> None:
    """Where the clock shows the closeout hour twice, the date turns once, at the first."""
    twice = venue(closeout=1)
    turn = next_turn(twice, local(AUTUMN, 0, 30))
    assert turn == local(AUTUMN, 1, fold=0)
    assert business_date(twice, local(AUTUMN, 1, fold=1)) == AUTUMN


def test_the_next_turn_lies_ahead_where_the_clock_goes_back_over_the_closeout_hour() -> None:
    """The clock of Troll is set back by two hours, from 3 to 1: at 2 the date turns, back at 1, and
    again at 2.
    """
    instant = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert next_turn(venue("Antarctica/Troll", closeout=2), instant) == datetime(
        2026, 10, 25, 2, tzinfo=UTC
    )


@given(
    INSTANTS,
    st.sampled_from(
        [
            "Europe/Lisbon",
            "America/New_York",
            "Asia/Tokyo",
            "Australia/Lord_Howe",
            "America/Asuncion",
            "Asia/Beirut",
        ]
    ),
    st.integers(0, 23),
)
def test_the_next_turn_is_the_next_turn(instant: datetime, zone: str, closeout: int) -> None:
    """Just before it the business date is that of now, at it another one, in any zone with any
    closeout hour.
    """
    here = venue(zone, closeout)
    turn = next_turn(here, instant)
    assert turn > instant
    assert business_date(here, turn - timedelta(milliseconds=1)) == business_date(here, instant)
    assert business_date(here, turn) == business_date(here, instant) + timedelta(days=1)


def test_a_stay_starts_at_the_check_in_time_by_the_wall_clock() -> None:
    """A stay starts at 15:00 local, which is another hour of UTC in summer than in winter."""
    assert stay_start(venue(), date(2026, 1, 10)) == datetime(2026, 1, 10, 15, tzinfo=UTC)
    assert stay_start(venue(), date(2026, 7, 10)) == datetime(2026, 7, 10, 14, tzinfo=UTC)
    assert stay_start(venue(), SPRING) == datetime(2026, 3, 29, 14, tzinfo=UTC)
    assert stay_start(venue(), AUTUMN) == datetime(2026, 10, 25, 15, tzinfo=UTC)


def test_a_stay_at_a_skipped_time_starts_behind_the_skip() -> None:
    """A check-in time that the clock skips is as much later as the skip is long."""
    early = replace(venue(closeout=0), check_in_time=time(1, 30))
    assert stay_start(early, SPRING) == local(SPRING, 2, 30)


def test_a_week_ago_is_the_same_local_time() -> None:
    """Seven days before is the same wall clock, though a change of clocks lies in between."""
    assert same_time_last_week(venue(), local(date(2026, 4, 2), 20)) == local(date(2026, 3, 26), 20)
    assert same_time_last_week(venue(), local(date(2026, 10, 28), 20)) == local(
        date(2026, 10, 21), 20
    )
    assert same_time_last_week(venue(), local(date(2026, 7, 10), 20)) == local(date(2026, 7, 3), 20)


def test_a_week_after_a_skipped_time_compares_with_just_behind_the_skip() -> None:
    """A local time that last week's clock skipped is taken as long after the skip."""
    assert same_time_last_week(venue(), local(SPRING + timedelta(days=7), 1, 30)) == local(
        SPRING, 2, 30
    )


def test_a_week_after_a_doubled_time_compares_with_the_first() -> None:
    """Of a local time that last week's clock showed twice, the first counts."""
    assert same_time_last_week(venue(), local(AUTUMN + timedelta(days=7), 1, 30)) == local(
        AUTUMN, 1, 30, fold=0
    )


@given(INSTANTS)
def test_a_week_ago_is_seven_business_dates_ago(instant: datetime) -> None:
    """What is compared lies on the business date seven days before."""
    here = venue()
    assert business_date(here, same_time_last_week(here, instant)) == business_date(
        here, instant
    ) - timedelta(days=7)


def test_a_menu_category_is_found_by_id_and_by_name(restaurant: Venue) -> None:
    """Either says which part of the menu is meant."""
    assert restaurant.menu_category("mains") is restaurant.menu_category("From the grill")
    assert restaurant.menu_category("none") is None
