"""`put`: the state of another system is taken as it is, in any order of arrival."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from rtdash.domain.availability import Rooms
from rtdash.domain.mirroring import is_known_version
from rtdash.domain.money_refusals import AmountBelowCharges
from rtdash.domain.notifications import Level, notifications
from rtdash.domain.operations import decide
from rtdash.domain.refusals import BadValue, InstantInFuture, MissingField, Refusal
from rtdash.domain.reservations import Op, Reservation, Status
from rtdash.domain.stay_refusals import DatesReversed, UnknownRoomType
from rtdash.domain.venues import Venue

Make = Callable[..., Any]
STATE: dict[str, Any] = {
    "reservation_id": "pms-7",
    "source_version": 1,
    "customer_name": "Ana Reis",
    "guests": 2,
    "source": "pms",
    "room_type": "double",
    "check_in": date(2026, 7, 12),
    "check_out": date(2026, 7, 14),
}


def put(**changes: Any) -> tuple[Op, dict[str, Any]]:
    """A step that puts a state."""
    return Op.PUT, STATE | changes


def test_the_first_state_makes_the_reservation(hotel: Venue, apply: Make, now: datetime) -> None:
    """In whatever status it is; the price is the booking's default where none is given."""
    made = apply(hotel, put(status=Status.CHECKED_IN, paid_minor=100))
    assert (made.id, made.version, made.source_version) == ("pms-7", 1, 1)
    assert (made.status, made.amount_minor, made.paid_minor) == (Status.CHECKED_IN, 24_000, 100)
    assert (made.created_at, made.changed_at) == (now, now)


@pytest.mark.parametrize("before", [Status.CHECKED_OUT, Status.CANCELLED, Status.NO_SHOW])
@pytest.mark.parametrize("after", [Status.PENDING, Status.CHECKED_IN, Status.CANCELLED])
def test_no_transition_is_refused(before: Status, after: Status, hotel: Venue, apply: Make) -> None:
    """One version, whatever the way from the one to the other would be."""
    moved = apply(hotel, put(status=before), put(status=after, source_version=2))
    assert (moved.status, moved.version) == (after, 2)


def test_it_is_the_whole_state(hotel: Venue, apply: Make) -> None:
    """What the newer state leaves out is gone, and the money is what it says, credits too."""
    first = put(customer_email="ana@x.pt", status=Status.PENDING)
    second = put(source_version=2, amount_minor=100, paid_minor=300)
    after = apply(hotel, first, second)
    assert (after.customer_email, after.status) == (None, Status.CONFIRMED)
    assert after.balance_minor == -200


def test_older_and_equal_versions_are_known(hotel: Venue, apply: Make, operation: Make) -> None:
    """A reservation that was never mirrored knows none."""
    current = apply(hotel, put(source_version=5))
    known = [
        is_known_version(operation(Op.PUT, hotel, **STATE | {"source_version": version}), current)
        for version in (4, 5, 6)
    ]
    assert known == [True, True, False]
    for other in (None, replace(current, source_version=None)):
        assert not is_known_version(operation(Op.PUT, hotel, **STATE), other)


def test_a_full_night_is_taken_and_makes_a_critical_notification(
    hotel: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """Mirrors don't decide: the third double of two is sold, and staff hear of it."""
    rooms = Rooms()
    for number in range(2):
        apply(hotel, put(reservation_id=f"r{number}"), rooms=rooms)
    third = operation(Op.PUT, hotel, **STATE)
    after = decide(third, None, venue=hotel, now=now, rooms=rooms).reservation
    assert rooms.sold("double", date(2026, 7, 12)) == 3
    [news] = notifications(None, after, third, venue=hotel, now=now, rooms=rooms)
    assert (news.level, news.reservation_id) == (Level.CRITICAL, "pms-7")
    assert news.body == "More Double rooms are sold than there are for 2026-07-12, 2026-07-13"


def test_states_of_the_past_are_no_news(
    hotel: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """A first import of years of stays rings no bell."""
    dates = {"check_in": date(2025, 7, 12), "check_out": date(2025, 7, 14)}
    gone = operation(Op.PUT, hotel, **STATE | dates | {"guests": 30, "status": Status.NO_SHOW})
    after = decide(gone, None, venue=hotel, now=now, rooms=Rooms()).reservation
    assert notifications(None, after, gone, venue=hotel, now=now, rooms=Rooms()) == []


def test_the_status_that_changed_is_news(
    hotel: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """A no-show that comes from a mirror is announced to staff as one of our own."""
    dates = {"check_in": date(2026, 7, 10), "check_out": date(2026, 7, 12)}
    before = apply(hotel, put(**dates))
    absent = STATE | dates | {"status": Status.NO_SHOW, "source_version": 2}
    step = operation(Op.PUT, hotel, **absent)
    after = decide(step, before, venue=hotel, now=now, rooms=Rooms()).reservation
    told = notifications(before, after, step, venue=hotel, now=now, rooms=Rooms())
    assert [news.title for news in told] == ["No-show"]


def test_an_early_instant_is_taken_as_the_last_one(
    hotel: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """Snapshots come late and out of order; instants never go back all the same."""
    current = apply(hotel, put())
    early = now - timedelta(days=1)
    later = operation(Op.PUT, hotel, **STATE | {"source_version": 2, "at": early})
    after = decide(later, current, venue=hotel, now=now, rooms=Rooms()).reservation
    assert (after.changed_at, after.version) == (now, 2)


def test_a_deleted_reservation_needs_only_its_status(hotel: Venue, apply: Make) -> None:
    """The source can't describe it any more; its terms stay."""
    gone = {"reservation_id": "pms-7", "source_version": 2, "status": Status.CANCELLED}
    after = apply(hotel, put(guests=1), (Op.PUT, gone))
    assert (after.status, after.guests, after.source_version) == (Status.CANCELLED, 1, 2)
    with pytest.raises(MissingField, match="customerName"):
        apply(hotel, (Op.PUT, gone))


def test_our_own_changes_hold_until_the_next_state(hotel: Venue, apply: Make) -> None:
    """A state on top of a payment of ours is the source's, and charges of ours stay in it."""
    charge = (Op.CHARGE, {"category": "Bar", "amount_minor": 500})
    after = apply(hotel, put(), charge, put(source_version=2, amount_minor=30_000))
    assert (after.amount_minor, after.charged_minor, after.version) == (30_000, 500, 3)
    with pytest.raises(AmountBelowCharges):
        apply(hotel, put(), charge, put(source_version=2, amount_minor=499))


WRONG: list[tuple[dict[str, Any], type[Refusal]]] = [
    ({"room_type": "cellar"}, UnknownRoomType),
    ({"check_out": date(2026, 7, 12)}, DatesReversed),
    ({"status": Status.SEATED}, BadValue),
    ({"amount_minor": -1}, BadValue),
    ({"paid_minor": -1}, BadValue),
    ({"guests": 0}, BadValue),
    ({"customer_name": "\u200b"}, BadValue),
    ({"reservation_id": "a b"}, BadValue),
    ({"reservation_id": None}, MissingField),
    ({"source_version": None}, MissingField),
    ({"guests": None}, MissingField),
    ({"at": datetime(2026, 7, 10, 12, 0, 1, tzinfo=UTC)}, InstantInFuture),
    ({"duration_minutes": 90}, BadValue),
]


@pytest.mark.parametrize(("fields", "refusal"), WRONG)
def test_money_nights_and_status_are_checked_as_everywhere(
    fields: dict[str, Any], refusal: type[Refusal], hotel: Venue, apply: Make
) -> None:
    """A mirror decides on transitions and rooms, not on what a reservation is."""
    with pytest.raises(refusal):
        apply(hotel, put(**fields))


def test_a_table_is_mirrored_too(restaurant: Venue, apply: Make) -> None:
    """With the statuses of a restaurant."""
    state = {
        "reservation_id": "t1",
        "source_version": 1,
        "customer_name": "Ana",
        "guests": 4,
        "source": "covers",
        "start": datetime(2026, 7, 10, 19, tzinfo=UTC),
    }
    done: Reservation = apply(restaurant, (Op.PUT, state | {"status": Status.COMPLETED}))
    assert (done.status, done.amount_minor) == (Status.COMPLETED, 0)
    with pytest.raises(BadValue, match="at a restaurant"):
        apply(restaurant, (Op.PUT, state | {"status": Status.CHECKED_IN}))
