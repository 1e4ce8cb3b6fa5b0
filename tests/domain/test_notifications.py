"""Notifications to staff, and what is upcoming."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from rtdash.domain.availability import Rooms
from rtdash.domain.notifications import Level, Notification, is_upcoming, notifications
from rtdash.domain.operations import decide
from rtdash.domain.reservations import Op, Reservation, Status
from rtdash.domain.venues import Venue

Make = Callable[..., Any]


@pytest.fixture
def told(operation: Make, now: datetime) -> Make:
    """Decides one operation and gives its notifications."""

    def run(
        venue: Venue,
        op: Op,
        current: Reservation | None = None,
        *,
        rooms: Rooms | None = None,
        **fields: Any,
    ) -> list[Notification]:
        kept = rooms if rooms is not None else Rooms()
        asked = operation(op, venue, **fields)
        after = decide(asked, current, venue=venue, now=now, rooms=kept).reservation
        return notifications(current, after, asked, venue=venue, now=now, rooms=kept)

    return run


def test_a_no_show_is_told(restaurant: Venue, apply: Make, told: Make) -> None:
    """The guest who did not come, with party and local time."""
    booked = apply(restaurant, Op.BOOK)
    [notice] = told(restaurant, Op.NO_SHOW, booked)
    assert (notice.level, notice.title, notice.reservation_id) == (
        Level.WARNING,
        "No-show",
        booked.id,
    )
    assert notice.body == "Ana Reis, party of 2, 8:00 PM: did not come"


def test_a_cancellation_on_the_day_is_told(restaurant: Venue, apply: Make, told: Make) -> None:
    """Cancelling today's reservation is news, tomorrow's is not."""
    [notice] = told(restaurant, Op.CANCEL, apply(restaurant, Op.BOOK))
    assert notice.title == "Cancelled on the day"
    tomorrow = apply(restaurant, (Op.BOOK, {"start": datetime(2026, 7, 11, 19, tzinfo=UTC)}))
    assert told(restaurant, Op.CANCEL, tomorrow) == []


def test_a_table_after_midnight_is_cancelled_on_its_evening(
    restaurant: Venue, apply: Make, told: Make
) -> None:
    """The day is the business date, not the calendar's."""
    late = apply(restaurant, (Op.BOOK, {"start": datetime(2026, 7, 11, 0, 30, tzinfo=UTC)}))
    assert len(told(restaurant, Op.CANCEL, late)) == 1


@pytest.mark.parametrize(
    ("guests", "titles"), [(7, []), (8, ["Large party"]), (20, ["Large party"])]
)
def test_a_large_party_is_told(
    guests: int, titles: list[str], restaurant: Venue, told: Make
) -> None:
    """From the venue's size on."""
    assert [notice.title for notice in told(restaurant, Op.BOOK, guests=guests)] == titles


def test_a_party_becomes_large_once(restaurant: Venue, apply: Make, told: Make) -> None:
    """Growing to the size makes a notification, growing further does not."""
    small = apply(restaurant, Op.BOOK)
    large = apply(restaurant, (Op.BOOK, {"guests": 8}))
    assert [notice.level for notice in told(restaurant, Op.AMEND, small, guests=9)] == [Level.INFO]
    assert told(restaurant, Op.AMEND, large, guests=9) == []
    assert told(restaurant, Op.SEAT, large) == []


def test_the_last_room_is_told(hotel: Venue, told: Make) -> None:
    """Selling the last room of a type makes a notification with its nights; the room before does
    not.
    """
    rooms = Rooms({("double", date(2026, 7, 13)): 1})
    [notice] = told(hotel, Op.BOOK, rooms=rooms)
    assert (notice.level, notice.title, notice.body) == (
        Level.WARNING,
        "Last Double sold",
        "No Double is left for 2026-07-13",
    )
    assert told(hotel, Op.BOOK, rooms=Rooms()) == []


def test_the_last_room_of_tonight_is_told_as_tonight(hotel: Venue, told: Make) -> None:
    """The present business date is tonight."""
    stay = {"room_type": "suite", "check_in": date(2026, 7, 10), "check_out": date(2026, 7, 11)}
    assert [notice.body for notice in told(hotel, Op.BOOK, **stay)] == [
        "No Suite is left for tonight"
    ]


@pytest.mark.parametrize(
    ("first", "count"), [(date(2026, 7, 9), 0), (date(2026, 7, 16), 1), (date(2026, 7, 17), 0)]
)
def test_only_the_coming_week_is_news(first: date, count: int, hotel: Venue, told: Make) -> None:
    """Tonight and the six nights after it; not last night, not the seventh."""
    stay = {"room_type": "suite", "check_in": first, "check_out": first + timedelta(days=1)}
    assert len(told(hotel, Op.BOOK, **stay)) == count


def test_only_the_operation_that_takes_the_room_is_told(
    hotel: Venue, apply: Make, told: Make
) -> None:
    """Checking in to the last room, or amending the guest's name, takes nothing."""
    rooms = Rooms()
    suite = apply(hotel, (Op.BOOK, {"room_type": "suite"}), rooms=rooms)
    assert told(hotel, Op.CHECK_IN, suite, rooms=rooms) == []
    assert told(hotel, Op.AMEND, suite, rooms=rooms, customer_name="Rui Reis") == []
    cancelled = apply(hotel, (Op.BOOK, {"room_type": "suite"}), Op.CANCEL)
    assert [notice.title for notice in told(hotel, Op.REINSTATE, cancelled)] == ["Last Suite sold"]


def test_an_overbooked_night_is_told_when_it_fills(hotel: Venue, told: Make) -> None:
    """The room beyond the last is not the last."""
    overbooking = replace(hotel, allow_overbooking=True)
    assert (
        told(
            overbooking,
            Op.BOOK,
            rooms=Rooms({("double", date(2026, 7, 12)): 2, ("double", date(2026, 7, 13)): 2}),
        )
        == []
    )


def test_the_past_is_not_news(restaurant: Venue, apply: Make, told: Make, now: datetime) -> None:
    """An operation of the past makes no notification."""
    booked = apply(restaurant, (Op.BOOK, {"at": now - timedelta(days=2)}))
    assert told(restaurant, Op.NO_SHOW, booked, at=now - timedelta(days=1)) == []


@pytest.mark.parametrize(
    ("minutes", "upcoming"), [(-1, False), (0, False), (1, True), (60, True), (61, False)]
)
def test_upcoming_is_within_the_lead(
    minutes: int, upcoming: bool, restaurant: Venue, now: datetime
) -> None:
    """After now, and at most the lead ahead."""
    assert is_upcoming(restaurant, now + timedelta(minutes=minutes), now) is upcoming


@pytest.mark.parametrize("status", list(Status))
def test_upcoming_is_who_has_yet_to_come(status: Status, restaurant: Venue, now: datetime) -> None:
    """Only Pending and Confirmed can be upcoming."""
    expected = status in {Status.PENDING, Status.CONFIRMED}
    assert is_upcoming(restaurant, now + timedelta(minutes=5), now, status=status) is expected
