"""What a run would send: repeatable to the byte, for the venues that the profile suits."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest

from rtdash.simulate.calibration import TrafficProfile
from rtdash.simulate.scenarios import SCENARIOS
from rtdash.simulate.script import TimedOperation
from rtdash.simulate.traffic_plan import Traffic, in_order
from rtdash.simulate.venue_reader import packaged_venues

HOTEL, GRILL = packaged_venues()
START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 10, 42, 7, tzinfo=UTC)


def text(operations: Iterable[TimedOperation]) -> str:
    return "\n".join(json.dumps(timed.operation) for timed in operations)


@pytest.mark.parametrize("profile", list(TrafficProfile))
def test_sample_has_so_many_whole_lives(profile):
    """A dry run prints the number of reservations asked for, each from its booking to its end, by
    instant and with it.
    """
    venue = GRILL if profile is TrafficProfile.RESTAURANT else HOTEL
    operations = list(
        Traffic(profile=profile, start=START).dry_run([venue], NOW, count=150, live=False)
    )
    lives = Counter(timed.operation["reservationId"] for timed in operations)
    last = {timed.operation["reservationId"]: timed.operation["op"] for timed in operations}
    assert len(lives) == 150
    assert sum(timed.operation["op"] == "book" for timed in operations) == 150
    assert all(op not in {"book", "confirm", "check_in", "seat"} for op in last.values())
    assert [timed.due for timed in operations] == sorted(timed.due for timed in operations)
    assert all(datetime.fromisoformat(timed.operation["at"]) == timed.due for timed in operations)


def test_sample_starts_at_its_start():
    """Bookings of a hotel begin on the date asked for."""
    operations = Traffic(profile=TrafficProfile.CITY, start=START).dry_run(
        [HOTEL], NOW, count=20, live=False
    )
    booked = [timed.due for timed in operations if timed.operation["op"] == "book"]
    assert START <= min(booked) < START + timedelta(days=2)


def test_sample_of_a_year_or_more_fills_whole_years():
    """Many reservations are spread over whole years, so that every season is in it alike."""
    operations = Traffic(profile=TrafficProfile.CITY, start=START).dry_run(
        [HOTEL], NOW, count=8_300, live=False
    )
    booked = [timed.due for timed in operations if timed.operation["op"] == "book"]
    years = (max(booked) - START) / timedelta(days=365.25)
    assert abs(years - round(years)) < 0.08
    assert round(years) >= 1


@pytest.mark.parametrize("live", [False, True], ids=["sample", "live"])
def test_operations_depend_on_seed_start_and_options_alone(live):
    """The same options give the same bytes whenever it is asked; another seed or start gives
    others.
    """

    def dry_run_text(now: datetime = NOW, **changes) -> str:
        traffic = Traffic(
            **{
                "seed": 3,
                "start": START,
                "duration_s": 60,
                "scenario": SCENARIOS["check-in-wave"],
                **changes,
            }
        )
        return text(traffic.dry_run([HOTEL, GRILL], now, count=40, live=live))

    assert dry_run_text() == dry_run_text(NOW + timedelta(days=9))
    assert (
        len({dry_run_text(), dry_run_text(seed=4), dry_run_text(start=START + timedelta(days=1))})
        == 3
    )


def test_past_begun_within_one_hour_is_the_same():
    """A past that is loaded again a little later has the same ids, so that the server takes it for
    a repeat.
    """
    traffic = Traffic(backfill_days=2)
    early, late, later = (
        text(in_order(traffic.pasts([GRILL], now)))
        for now in (NOW, NOW + timedelta(minutes=5), NOW + timedelta(hours=1))
    )
    assert early == late != later


def test_past_of_all_venues_is_in_the_order_of_time():
    """Pasts of several venues are one sequence, all of it before the start."""
    instants = [
        timed.due
        for timed in Traffic(backfill_days=1, start=START).dry_run(
            [HOTEL, GRILL], NOW, count=None, live=False
        )
    ]
    assert instants == sorted(instants)
    assert instants[-1] < START


def test_count_ends_a_past_after_so_many_reservations():
    """With a count, a past ends before the reservation after it."""
    operations = list(
        Traffic(backfill_days=2, start=START).dry_run([GRILL], NOW, count=7, live=False)
    )
    assert sum(timed.operation["op"] == "book" for timed in operations) == 7


def test_rate_is_shared_by_the_venues():
    """Live traffic has the rate asked for over all venues together."""
    operations = list(
        Traffic(rate_per_s=4, duration_s=600, start=START).dry_run(
            [HOTEL, GRILL], NOW, count=None, live=True
        )
    )
    booked = Counter(
        timed.operation["venue"] for timed in operations if timed.operation["op"] == "book"
    )
    assert booked.total() == pytest.approx(2400, rel=0.01)
    assert booked[HOTEL.id] == pytest.approx(1200, rel=0.01)
    assert all("at" not in timed.operation for timed in operations)


@pytest.mark.parametrize(
    ("profile", "suits"),
    [
        (None, (True, True)),
        (TrafficProfile.RESORT, (True, False)),
        (TrafficProfile.CITY, (True, False)),
        (TrafficProfile.RESTAURANT, (False, True)),
    ],
)
def test_profile_chooses_the_venues(profile, suits):
    """Hotels follow a hotel's profile and restaurants theirs; without one, both get traffic."""
    traffic = Traffic(profile=profile)
    assert (traffic.suits(HOTEL), traffic.suits(GRILL)) == suits


def test_short_run_uses_few_of_many_venues():
    """Venues without a booking before the end need not be read; the others' operations are the
    same.
    """
    grills = [replace(GRILL, id=f"grill-{number}") for number in range(60)]
    traffic = Traffic(rate_per_s=5, duration_s=2)
    used = traffic.used(grills, NOW)
    assert 3 < len(used) < 30
    until = NOW + timedelta(seconds=2)
    whole, part = (
        [timed.operation["operationId"] for timed in takewhile(lambda t: t.due < until, live)]
        for live in (traffic.live(grills, NOW, {}), traffic.live(used, NOW, {}, among=60))
    )
    assert whole == part != []


def test_long_run_uses_all_venues():
    """As does one that begins with a past."""
    for traffic in (Traffic(), Traffic(duration_s=2, backfill_days=1)):
        assert traffic.used([HOTEL, GRILL], NOW) == [HOTEL, GRILL]
