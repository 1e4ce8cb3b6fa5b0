"""The front desk's sums: guests that arrive, depart and stay, and the parties of a day by half
hour.
"""

from datetime import UTC, date, datetime

from rtdash.domain.movements import PartyRow, StayRow, count_covers, count_movements
from rtdash.domain.reservations import Status
from rtdash.domain.venues import Venue, business_day

TODAY = date(2026, 7, 10)
YESTERDAY, TOMORROW = date(2026, 7, 9), date(2026, 7, 11)


def test_arrivals_and_departures_include_those_that_have_happened() -> None:
    """Cancelled stays and no-shows are not expected; a stay that has left has arrived too."""
    stays = [
        StayRow(Status.CONFIRMED, 2, TODAY, TOMORROW),
        StayRow(Status.PENDING, 1, TODAY, TOMORROW),
        StayRow(Status.CHECKED_IN, 3, TODAY, TOMORROW),
        StayRow(Status.CANCELLED, 9, TODAY, TOMORROW),
        StayRow(Status.NO_SHOW, 9, TODAY, TOMORROW),
        StayRow(Status.CHECKED_OUT, 2, YESTERDAY, TODAY),
        StayRow(Status.CHECKED_IN, 4, YESTERDAY, TODAY),
    ]
    counted = count_movements(stays, TODAY, TODAY)
    assert (counted.expected_arrivals, counted.arrived) == (3, 1)
    assert (counted.expected_departures, counted.departed) == (2, 1)
    assert (counted.in_house, counted.guests_in_house) == (2, 7)


def test_a_guest_who_should_have_left_is_in_house_today() -> None:
    """Until the check-out is entered, the room is not free in fact."""
    stays = [StayRow(Status.CHECKED_IN, 2, date(2026, 7, 1), YESTERDAY)]
    assert count_movements(stays, TODAY, TODAY).in_house == 1
    assert count_movements(stays, YESTERDAY, TODAY).in_house == 0
    assert count_movements(stays, TOMORROW, TODAY).in_house == 0


def test_in_house_on_a_past_date_are_the_stays_of_that_night() -> None:
    """Also those that have left since."""
    stays = [
        StayRow(Status.CHECKED_OUT, 2, date(2026, 7, 8), TODAY),
        StayRow(Status.CHECKED_OUT, 2, date(2026, 7, 8), YESTERDAY),
        StayRow(Status.CHECKED_IN, 1, YESTERDAY, TOMORROW),
    ]
    counted = count_movements(stays, YESTERDAY, TODAY)
    assert (counted.in_house, counted.guests_in_house) == (2, 3)


def test_parties_are_summed_by_half_hour_of_the_wall_clock(restaurant: Venue) -> None:
    """Lisbon is an hour ahead of UTC in July; a table after midnight comes last."""
    parties = [
        PartyRow(Status.COMPLETED, 2, datetime(2026, 7, 10, 18, 0, tzinfo=UTC)),
        PartyRow(Status.SEATED, 4, datetime(2026, 7, 10, 18, 29, 59, tzinfo=UTC)),
        PartyRow(Status.CONFIRMED, 3, datetime(2026, 7, 10, 18, 30, tzinfo=UTC)),
        PartyRow(Status.CANCELLED, 8, datetime(2026, 7, 10, 18, 30, tzinfo=UTC)),
        PartyRow(Status.PENDING, 1, datetime(2026, 7, 10, 23, 15, tzinfo=UTC)),
    ]
    counted = count_covers(parties, restaurant)
    assert (counted.expected, counted.seated, counted.completed) == ((4, 10), (1, 4), (1, 2))
    assert [(slot.time.isoformat("minutes"), *slot.count) for slot in counted.slots] == [
        ("19:00", 2, 6),
        ("19:30", 1, 3),
        ("00:00", 1, 1),
    ]


def test_a_business_day_begins_and_ends_at_the_closeout_hour(restaurant: Venue) -> None:
    """Four in the morning of Lisbon's summer, twenty-three hours where the clocks go forward."""
    assert business_day(restaurant, TODAY) == (
        datetime(2026, 7, 10, 3, tzinfo=UTC),
        datetime(2026, 7, 11, 3, tzinfo=UTC),
    )
    begin, end = business_day(restaurant, date(2026, 3, 28))
    assert (end - begin).total_seconds() == 23 * 3600
