from datetime import UTC, date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import pytest

from rtdash.simulate.hotel import Ending
from rtdash.simulate.restaurant import RestaurantDemand
from rtdash.simulate.table_leads import LONGEST_LEAD_DAYS

LISBON = ZoneInfo("Europe/Lisbon")


@pytest.fixture(scope="module")
def days():
    """Two years of a restaurant with 100 covers a day."""
    return list(
        RestaurantDemand(LISBON, seed="restaurant", covers_per_day=100.0).visits(
            date(2024, 1, 1), 731
        )
    )


@pytest.fixture(scope="module")
def reserved(days):
    """Return the reservations that were made ahead."""
    return [visit for day in days for visit in day if not visit.walk_in]


def test_every_visit_starts_on_its_day(days):
    """Day by day, by the local date."""
    for number, visits in enumerate(days):
        assert {visit.start.astimezone(LISBON).date() for visit in visits} <= {
            date(2024, 1, 1) + timedelta(days=number)
        }


def test_covers_average_what_was_asked_for(days):
    """Reservations and walk-ins together, half of the covers each."""
    covers = {
        walk_in: (
            sum(visit.party for day in days for visit in day if visit.walk_in is walk_in)
            / len(days)
        )
        for walk_in in (True, False)
    }
    assert covers[True] == pytest.approx(50, rel=0.05)
    assert covers[False] == pytest.approx(50, rel=0.06)


def test_tables_are_booked_before_they_are_taken(reserved):
    """No reservation is made after its start, or longer ahead than guests make them."""
    leads = [visit.start - visit.booked_at for visit in reserved]
    assert min(leads) >= timedelta(0)
    assert max(leads) <= timedelta(days=LONGEST_LEAD_DAYS + 1)


def test_large_parties_book_earlier(reserved):
    """The median lead rises with the party, as published."""
    leads = [
        median(visit.start - visit.booked_at for visit in reserved if low <= visit.party <= high)
        for low, high in ((2, 2), (4, 6), (9, 20))
    ]
    assert leads == sorted(leads)
    assert leads[2] > 2 * leads[0]


def test_saturday_is_the_fullest_day(reserved):
    """Reservations on a Saturday are more than twice those on a Monday."""
    weekdays = [visit.start.astimezone(LISBON).weekday() for visit in reserved]
    assert weekdays.count(5) > 2 * weekdays.count(0)


def test_walk_ins_stay(days):
    """Guests who stand in the door can neither cancel nor stay away."""
    walked_in = [visit for day in days for visit in day if visit.walk_in]
    assert all(
        visit.booked_at == visit.start and visit.ending is Ending.STAYED for visit in walked_in
    )


def test_turn_time_grows_with_the_party(reserved):
    """Large tables sit longer; all last at least 20 minutes."""
    minutes = {
        large: median(visit.minutes for visit in reserved if (visit.party >= 7) is large)
        for large in (True, False)
    }
    assert minutes[True] > minutes[False] + 15
    assert min(visit.minutes for visit in reserved) >= 20


@pytest.mark.parametrize(
    ("today", "dates"), [(True, {0}), (False, set(range(1, LONGEST_LEAD_DAYS + 1)))]
)
def test_a_visit_can_be_asked_for_today_or_not(today, dates):
    """Booked now, for the same local day or a later one, never for the past."""
    demand = RestaurantDemand(LISBON, seed="now", covers_per_day=1.0)
    instant = datetime(2026, 11, 20, 17, 3, tzinfo=UTC)
    visits = [demand.visit_at(instant, today=today) for _ in range(300)]
    assert {
        (visit.start.astimezone(LISBON).date() - date(2026, 11, 20)).days for visit in visits
    } <= dates
    assert all(visit.start > instant for visit in visits)


def test_late_at_night_a_table_is_for_tomorrow():
    """After 22 h no guest gets a table for the same day."""
    demand = RestaurantDemand(LISBON, seed="late", covers_per_day=1.0)
    instant = datetime(2026, 11, 20, 23, 15, tzinfo=UTC)
    assert all(
        demand.visit_at(instant, today=True).start.astimezone(LISBON).date() == date(2026, 11, 21)
        for _ in range(50)
    )
