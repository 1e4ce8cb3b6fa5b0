from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest

from rtdash.domain.instants import parse_instant
from rtdash.domain.reservations import Status
from rtdash.simulate.calibration import TrafficProfile
from rtdash.simulate.past import Past
from tests.simulate.conftest import generate_past

CASES = [("hotel", "resort"), ("hotel", "city"), ("restaurant", "restaurant")]


@pytest.fixture(scope="module", params=CASES, ids=["resort", "city", "restaurant"])
def venue_and_profile(request):
    """Each profile with the venue that it fits."""
    kind, profile = request.param
    return request.getfixturevalue(kind), profile


@pytest.fixture(scope="module")
def past(venue_and_profile, start):
    """Thirty days."""
    venue, profile = venue_and_profile
    return list(generate_past(venue, profile, seed=7, start=start, days=30))


def test_nothing_of_a_past_is_refused(venue_and_profile, past, start, open_house):
    """By the domain's own rules every operation is applied: statuses follow, rooms suffice,
    instants never go back.
    """
    house = open_house(venue_and_profile[0])
    for timed in past:
        house.apply(timed.operation, start)
    assert not house.refusals
    assert len({timed.operation["operationId"] for timed in past}) == len(past)


def test_a_past_is_told_in_order(past, start):
    """By instant, all before the start, each with its instant."""
    assert [timed.due for timed in past] == sorted(timed.due for timed in past)
    assert past[-1].due < start
    assert all(parse_instant(timed.operation["at"]) == timed.due for timed in past)


def test_a_hotel_is_well_filled_from_the_first_day_to_the_next_weeks(hotel, start, open_house):
    """Guests are in house when the days begin, and the nights to come are partly sold."""
    house = open_house(hotel)
    for timed in generate_past(hotel, "resort", seed=7, start=start, days=30):
        house.apply(timed.operation, start)
    nights = [house.occupancy(start.date() + timedelta(days=offset)) for offset in range(-29, 8)]
    assert min(nights[:7]) > 0.3
    assert sum(nights) / len(nights) > 0.5
    assert max(nights) <= 1.0


def test_a_past_leaves_today_to_go_on(venue_and_profile, past, start, open_house):
    """Some reservations still stand, and what lies behind has come to its end."""
    house = open_house(venue_and_profile[0])
    for timed in past:
        house.apply(timed.operation, start)
    statuses = Counter(reservation.status for reservation in house.reservations.values())
    assert statuses[Status.CONFIRMED] > 0
    over = [one for one in house.reservations.values() if one.start < start - timedelta(days=31)]
    assert all(one.status not in {Status.CONFIRMED, Status.PENDING} for one in over)


def test_cancelled_rooms_are_sold_again(hotel, start):
    """For some nights more rooms are booked than there are, since many of them were cancelled in
    between.
    """
    nights = Counter()
    for timed in generate_past(hotel, "city", seed=7, start=start, days=30):
        if timed.operation["op"] == "book":
            first, last = (
                date.fromisoformat(timed.operation[name]) for name in ("checkIn", "checkOut")
            )
            nights.update(first + timedelta(days=offset) for offset in range((last - first).days))
    assert max(nights.values()) > 1.2 * hotel.total_rooms


def test_a_longer_past_has_more(hotel, start):
    """Zero days give no past, more days give more of it. Several hotels are looked at, since large
    blocks make a single one vary by chance.
    """
    counts = [
        sum(
            1
            for seed in range(4)
            for _ in generate_past(hotel, "city", seed=seed, start=start, days=days)
        )
        for days in (1, 8, 40)
    ]
    assert counts == sorted(set(counts))


def test_an_overbooking_hotel_turns_nobody_away(hotel, start):
    """Without the limit of its rooms it takes more bookings."""
    limited, free = (
        sum(
            timed.operation["op"] == "book"
            for seed in range(4)
            for timed in generate_past(venue, "city", seed=seed, start=start, days=20)
        )
        for venue in (hotel, replace(hotel, allow_overbooking=True))
    )
    assert free > limited


def test_what_is_left_comes_within_minutes(venue_and_profile, past, start, open_house):
    """Guests of today arrive on fast forward, and nothing of it is refused either."""
    venue, profile = venue_and_profile
    house = open_house(venue)
    for timed in past:
        house.apply(timed.operation, start)
    left, _ = Past(venue, TrafficProfile(profile), 7, start, 30).leave(start)
    assert left
    for timed in sorted(left, key=lambda timed: timed.due):
        assert start <= timed.due <= start + timedelta(minutes=10)
        assert "at" not in timed.operation
        house.apply(timed.operation, timed.due)
    assert not house.refusals


@pytest.mark.parametrize(
    ("kind", "profile"), [("hotel", "restaurant"), ("restaurant", "city"), ("hotel", "motel")]
)
def test_profiles_must_fit(request, start, kind, profile):
    """A hotel can't have a restaurant's habits, nor any that don't exist."""
    with pytest.raises(ValueError, match=profile):
        generate_past(request.getfixturevalue(kind), profile, seed=1, start=start, days=1)
