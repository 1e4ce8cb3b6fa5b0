"""The demo's bookings: a week like the one before, and extra ones in balance."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from random import Random

import pytest

from rtdash.domain.venues import business_date
from rtdash.simulate.demo_plan import live_operations, plan_demo
from rtdash.simulate.population_balance import MOST_LATER, PopulationBalance
from rtdash.simulate.repeated_week import first_day, repeat_week
from rtdash.simulate.script import TimedOperation
from rtdash.simulate.venue_reader import packaged_venues

NOW = datetime(2026, 11, 30, 12, 40, tzinfo=UTC)
HOTEL, GRILL = packaged_venues()


@pytest.fixture(scope="module")
def plan():
    return plan_demo((HOTEL, GRILL), seed=1, now=NOW, days=20)


def known_for(plan, venue, day, at):
    """Reservations for a day that were made by an instant, and not called off by then."""
    known = set()
    for timed in sorted((*plan.recent, *plan.older), key=lambda timed: timed.due):
        operation = timed.operation
        if timed.due > at or operation["venue"] != venue.id:
            continue
        if operation["op"] == "book":
            begins = operation.get("checkIn") or operation["date"][:10]
            if begins == day.isoformat():
                known.add(operation["reservationId"])
        elif operation["op"] in {"cancel", "no_show"}:
            known.discard(operation["reservationId"])
    return len(known)


@pytest.mark.parametrize("venue", [HOTEL, GRILL], ids=lambda venue: venue.id)
def test_today_is_like_a_week_ago(plan, venue):
    """So that no trend is one that a reader would take for a fault."""
    today = business_date(venue, NOW)
    now = known_for(plan, venue, today, NOW)
    before = known_for(plan, venue, today - timedelta(days=7), NOW - timedelta(days=7))
    assert before > 0
    assert abs(now - before) <= max(2, before // 2)


def test_what_is_over_has_its_instant_and_what_comes_has_none(plan):
    """`at` is for the past; the day goes on at its own time, with whole lives."""
    for part in (plan.recent, plan.older):
        assert all("at" in timed.operation and timed.due < NOW for timed in part)
        assert [timed.due for timed in part] == sorted(timed.due for timed in part)
    assert all("at" not in timed.operation and timed.due >= NOW for timed in plan.coming)
    ids = [timed.operation["operationId"] for timed in (*plan.recent, *plan.older, *plan.coming)]
    assert len(ids) == len(set(ids))


def test_the_first_screen_waits_for_little(plan):
    """What today's figures don't need is loaded behind them."""
    assert 0 < len(plan.recent) < len(plan.older)


def test_without_a_past_nothing_refers_to_one():
    """A store that was kept has its past: only what is booked from now on comes."""
    plan = plan_demo((HOTEL, GRILL), seed=1, now=NOW, days=0)
    booked = set()
    assert (plan.recent, plan.older) == ((), ())
    for timed in plan.coming:
        if timed.operation["op"] == "book":
            booked.add(timed.operation["reservationId"])
        assert timed.operation["reservationId"] in booked


def test_live_bookings_stay_in_balance(plan):
    """For hours: bookings by the hour of the day, and never many more for today than it had."""
    until = NOW + timedelta(hours=2)
    open_today = Counter()
    for timed in takewhile(
        lambda timed: timed.due < until,
        live_operations((HOTEL, GRILL), plan, seed=1, now=NOW, rate_per_s=None),
    ):
        operation = timed.operation
        venue = HOTEL if operation["venue"] == HOTEL.id else GRILL
        if (
            operation["op"] == "book"
            and (operation.get("checkIn") or operation["date"][:10])
            == business_date(venue, timed.due).isoformat()
        ):
            open_today[operation["reservationId"]] += 1
        elif operation["op"] == "cancel":
            open_today.pop(operation["reservationId"], None)
    usual = sum(known_for(plan, venue, date(2026, 11, 30), NOW) for venue in (HOTEL, GRILL))
    assert len(open_today) <= usual


def test_the_night_is_quieter_than_the_evening(plan):
    """Rates follow the hour, and never stop."""

    def bookings(hour):
        now = NOW.replace(hour=hour)
        taken = takewhile(
            lambda timed: timed.due < now + timedelta(minutes=10),
            live_operations((HOTEL, GRILL), plan, seed=1, now=now, rate_per_s=None),
        )
        return sum(timed.operation["op"] == "book" for timed in taken)

    assert 0 < bookings(4) < bookings(19) / 2


def booking(number, day, due=NOW):
    content = {"op": "book", "reservationId": f"r{number}", "venue": GRILL.id, "date": day}
    return TimedOperation(due, content)


def step(number, op):
    return TimedOperation(NOW, {"op": op, "reservationId": f"r{number}", "venue": GRILL.id})


def test_balance_cancels_the_oldest():
    """One more for a later day than it keeps, and the first is cancelled."""
    later = "2026-12-20T19:00:00Z"
    balance = PopulationBalance(GRILL, 0, Random(1))
    kept = list(balance.keep(booking(number, later) for number in range(MOST_LATER + 1)))
    assert (kept[-1].operation["op"], kept[-1].operation["reservationId"]) == ("cancel", "r0")
    assert list(balance.keep([step(0, "confirm")])) == []
    assert len(list(balance.keep([step(1, "confirm")]))) == 1


def test_balance_makes_none_for_tomorrow():
    """Nor anything that would follow it."""
    balance = PopulationBalance(GRILL, 8, Random(1))
    assert list(balance.keep([booking(1, "2026-12-01T19:00:00Z"), step(1, "confirm")])) == []


def test_what_does_not_arrive_ends_before_its_arrival():
    """Without `seat` there is no `charge`."""
    balance = PopulationBalance(GRILL, 0, Random(3))
    later = "2026-12-20T19:00:00Z"
    operations = [booking(1, later), step(1, "pay"), step(1, "seat"), step(1, "charge")]
    kept = list(balance.keep(operations))
    assert [timed.operation["op"] for timed in kept] == ["book", "pay"]


def test_a_repeated_week_has_other_guests():
    """Same tables, a week later, for the guests that the week would have had."""
    lives = [
        [
            TimedOperation(
                NOW,
                {
                    "op": "book",
                    "operationId": f"r{day}.1",
                    "reservationId": f"r{day}",
                    "customerName": f"Guest {day}",
                    "date": f"2026-11-{day:02}T19:00:00.000Z",
                },
            )
        ]
        for day in range(9, 31)
    ]
    week = [
        life
        for life in repeat_week(lives, date(2026, 11, 23), Random(1))
        if date(2026, 11, 23) <= first_day(life) < date(2026, 11, 30)
    ]
    assert 5 <= len(week) <= 14
    assert all("w" in life[0].operation["reservationId"] for life in week)
    assert week[0][0].operation["customerName"] == "Guest 23"
