"""Reports over business dates, exact to the minor unit."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdash.domain.reports import (
    Period,
    ReportStay,
    nightly_split,
    period_range,
    revenue_by_category,
    share,
    trend_points,
)
from rtdash.domain.reservations import Charge, Status
from rtdash.domain.venues import Venue

FIRST = date(2026, 2, 23)
LAST = date(2026, 3, 1)


def stay(check_in: date, nights: int, price_minor: int, **fields: Any) -> ReportStay:
    """A Confirmed stay of two in a double room."""
    given: dict[str, Any] = {
        "business_date": check_in,
        "status": Status.CONFIRMED,
        "guests": 2,
        "price_minor": price_minor,
    }
    return ReportStay(
        **given
        | {
            "room_type": "double",
            "check_in": check_in,
            "check_out": check_in + timedelta(days=nights),
        }
        | fields
    )


def test_a_week_has_seven_business_dates() -> None:
    """A period ends with `until` and goes over the ends of months."""
    assert period_range(Period.WEEKLY, LAST) == (FIRST, LAST)
    assert period_range(Period.MONTHLY, date(2024, 3, 1)) == (date(2024, 2, 1), date(2024, 3, 1))


@pytest.mark.parametrize(
    ("amount", "nights", "split"),
    [(100, 3, [34, 33, 33]), (2, 3, [1, 1, 0]), (0, 2, [0, 0]), (9, 1, [9]), (-1, 2, [0, -1])],
)
def test_the_first_nights_take_what_does_not_divide(
    amount: int, nights: int, split: list[int]
) -> None:
    """A hundred over three nights is 34, 33, 33."""
    assert nightly_split([amount], nights) == split


@given(st.integers(-(10**13), 10**13), st.integers(1, 366))
def test_the_nights_add_up_to_the_stay(amount: int, nights: int) -> None:
    """The sum is exact, and no two nights differ by more than one unit."""
    split = nightly_split([amount], nights)
    assert (sum(split), len(split)) == (amount, nights)
    assert max(split) - min(split) <= 1


@given(st.lists(st.integers(-(10**6), 10**6), max_size=9), st.integers(1, 12))
def test_stays_are_split_each_by_itself(amounts: list[int], nights: int) -> None:
    """The total of each night is the sum of the parts of all stays."""
    apart = [nightly_split([amount], nights) for amount in amounts]
    assert nightly_split(amounts, nights) == [
        sum(split[night] for split in apart) for night in range(nights)
    ]


@pytest.mark.parametrize(
    ("part", "total", "percent"),
    [(1, 3, 33.3), (2, 3, 66.7), (1, 8, 12.5), (1, 2000, 0.1), (0, 5, 0), (0, 0, 0), (5, 5, 100)],
)
def test_a_share_is_percent_with_a_decimal(part: int, total: int, percent: float) -> None:
    """Halves are rounded up; a share of nothing is 0."""
    assert share(part, total) == percent


def test_a_trend_has_a_point_a_date(hotel: Venue) -> None:
    """Reservations and guests on the date of the start, room revenue on each night, charges on
    theirs.
    """
    stays = [
        stay(date(2026, 2, 27), 3, 30001),
        stay(date(2026, 2, 27), 1, 500, status=Status.CANCELLED, guests=9),
    ]
    charges = [Charge("Bar", 850, date(2026, 3, 1))]
    points = trend_points(stays, charges, first=FIRST, last=LAST)
    assert [point.date for point in points] == [FIRST + timedelta(days=day) for day in range(7)]
    assert points[4] == (date(2026, 2, 27), 1, 2, 1, 10_001)
    assert points[5] == (date(2026, 2, 28), 0, 0, 0, 10_000)
    assert points[6].revenue_minor == 10_850


def test_a_stay_from_before_counts_only_its_nights(hotel: Venue) -> None:
    """A stay that began before the period earns within it, and is no reservation of it."""
    points = trend_points([stay(FIRST - timedelta(days=1), 2, 20000)], [], first=FIRST, last=LAST)
    assert (points[0].reservations, points[0].revenue_minor, points[1].revenue_minor) == (
        0,
        10_000,
        0,
    )


def test_a_hotel_earns_by_room_type_and_charge(hotel: Venue) -> None:
    """Room types by name, the categories of charges beside them, dearest first; nights outside
    don't count.
    """
    stays = [
        stay(LAST, 2, 20000),
        stay(LAST, 1, 5000, room_type="suite"),
        stay(LAST, 1, 700, room_type="attic"),
        stay(LAST, 1, 900, status=Status.NO_SHOW),
    ]
    charges = [Charge("Bar", 4300, LAST), Charge("Bar", 99, LAST + timedelta(days=1))]
    assert revenue_by_category(hotel, stays, charges, first=FIRST, last=LAST) == [
        ("Double", 10_000, 50.0),
        ("Suite", 5_000, 25.0),
        ("Bar", 4_300, 21.5),
        ("attic", 700, 3.5),
    ]


def test_a_restaurant_earns_by_menu_category(restaurant: Venue) -> None:
    """What a table costs without a category is reported as Other."""
    table = ReportStay(LAST, Status.COMPLETED, 4, 1000)
    charges = [Charge("From the grill", 3000, LAST)]
    assert revenue_by_category(restaurant, [table], charges, first=FIRST, last=LAST) == [
        ("From the grill", 3_000, 75.0),
        ("Other", 1_000, 25.0),
    ]


def test_nothing_earned_has_no_categories(hotel: Venue) -> None:
    """An empty period is an empty report."""
    assert revenue_by_category(hotel, [], [], first=FIRST, last=LAST) == []


STAYS = st.lists(
    st.builds(
        lambda first, nights, price, room_type, status: stay(
            FIRST + timedelta(days=first), nights, price, room_type=room_type, status=status
        ),
        st.integers(-9, 6),
        st.integers(1, 12),
        st.integers(0, 10**6),
        st.sampled_from(["double", "suite"]),
        st.sampled_from([Status.CONFIRMED, Status.CHECKED_OUT, Status.CANCELLED]),
    ),
    max_size=12,
)
CHARGES = st.lists(
    st.builds(
        Charge,
        st.sampled_from(["Bar", "Spa"]),
        st.integers(1, 10**5),
        st.integers(0, 6).map(lambda day: FIRST + timedelta(day)),
    )
)


@given(STAYS, CHARGES)
def test_trends_and_categories_tell_of_the_same_money(
    hotel: Venue, stays: list[ReportStay], charges: list[Charge]
) -> None:
    """The revenue of the points adds up to that of the categories."""
    points = trend_points(stays, charges, first=FIRST, last=LAST)
    report = revenue_by_category(hotel, stays, charges, first=FIRST, last=LAST)
    assert sum(point.revenue_minor for point in points) == sum(
        entry.revenue_minor for entry in report
    )


@given(STAYS)
def test_all_dates_together_earn_every_stay(hotel: Venue, stays: list[ReportStay]) -> None:
    """Over a period that holds every night, the revenue is the sum of the prices, to the unit."""
    report = revenue_by_category(
        hotel, stays, [], first=FIRST - timedelta(days=30), last=LAST + timedelta(days=30)
    )
    assert sum(entry.revenue_minor for entry in report) == sum(
        entry.price_minor for entry in stays if entry.status is not Status.CANCELLED
    )
