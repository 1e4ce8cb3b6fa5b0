from collections import Counter
from datetime import timedelta
from itertools import takewhile

import pytest

from rtdash.domain.venues import business_date
from rtdash.simulate.calibration import TrafficProfile
from rtdash.simulate.live_traffic import generate_live
from rtdash.simulate.past import Past
from rtdash.simulate.scenarios import SCENARIOS, find_scenario

CASES = [("hotel", "resort"), ("restaurant", "restaurant")]


@pytest.fixture(params=CASES, ids=["hotel", "restaurant"])
def live(request, start):
    """Live traffic of a venue: the operations of so many minutes."""
    kind, profile = request.param
    venue = request.getfixturevalue(kind)

    def run(scenario="steady", *, rate=5.0, minutes=5, **options):
        operations = generate_live(
            venue,
            profile,
            seed=3,
            start=start,
            scenario=find_scenario(scenario),
            rate_per_s=rate,
            **options,
        )
        return list(
            takewhile(lambda timed: timed.due < start + timedelta(minutes=minutes), operations)
        )

    run.venue, run.profile = venue, TrafficProfile(profile)
    return run


def test_live_traffic_is_due_in_order(live, start):
    """By instant, from the start on, and never with `at`."""
    operations = live()
    assert [timed.due for timed in operations] == sorted(timed.due for timed in operations)
    assert operations[0].due >= start
    assert not any("at" in timed.operation for timed in operations)


def test_the_rate_is_kept_in_every_minute(live, start):
    """So many new reservations in each minute, but in bursts within it."""
    booked = [timed.due for timed in live(rate=3.0, minutes=6) if timed.operation["op"] == "book"]
    minutes = Counter((due - start) // timedelta(minutes=1) for due in booked)
    assert [minutes[minute] for minute in range(6)] == pytest.approx([180] * 6, abs=1)
    seconds = Counter((due - start) // timedelta(seconds=1) for due in booked)
    counts = [seconds[second] for second in range(360)]
    assert sum((count - 3) ** 2 for count in counts) / 360 > 1.5 * 3


def test_slow_traffic_keeps_its_rate_too(live):
    """Three or four reservations a minute, over an hour."""
    assert sum(
        timed.operation["op"] == "book" for timed in live(rate=0.06, minutes=60)
    ) == pytest.approx(216, abs=1)


def test_a_scenario_has_its_shape(live, start):
    """A flash sale peaks in its second half minute."""
    booked = [
        (timed.due - start).total_seconds()
        for timed in live("flash-sale", minutes=5)
        if timed.operation["op"] == "book"
    ]
    steps = Counter(int(second // 30) for second in booked)
    assert max(steps, key=steps.__getitem__) == 1
    assert steps[1] > 4 * steps[8]


@pytest.mark.parametrize("scenario", list(SCENARIOS))
def test_nothing_is_refused_after_a_past(live, scenario, start, open_house):
    """What follows a past knows its rooms and its guests."""
    past = Past(live.venue, live.profile, 3, start, 7)
    house = open_house(live.venue)
    for timed in past.operations():
        house.apply(timed.operation, start)
    for timed in live(scenario, past=past, rate=3.0, minutes=4):
        house.apply(timed.operation, timed.due)
    assert not house.refusals


def test_nothing_is_refused_by_an_empty_house(live, open_house):
    """A venue without a past takes everything as well."""
    house = open_house(live.venue)
    for timed in live(share_of_rooms=1.0, minutes=4):
        house.apply(timed.operation, timed.due)
    assert not house.refusals


def test_only_guests_of_today_arrive(live, open_house):
    """In an ordinary day's traffic no guest checks in or sits down before the business date of the
    reservation.
    """
    house = open_house(live.venue)
    for timed in live(minutes=4):
        house.apply(timed.operation, timed.due)
        if timed.operation["op"] in {"check_in", "seat", "no_show"}:
            reservation = house.reservations[timed.operation["reservationId"]]
            assert reservation.business_date == business_date(live.venue, timed.due)


def test_a_life_is_seen_within_minutes(live):
    """Most of what will happen to a reservation happens within three minutes of its booking."""
    booked, waits = {}, []
    for timed in live(minutes=8):
        name = timed.operation["reservationId"]
        if timed.operation["op"] == "book":
            booked[name] = timed.due
        elif timed.operation["op"] != "cancel":
            waits.append(timed.due - booked[name])
    assert sorted(waits)[len(waits) * 9 // 10] < timedelta(minutes=3)


def test_a_restaurant_has_walk_ins(restaurant, start):
    """Walk-ins are for now, and seated at once."""
    operations = generate_live(
        restaurant,
        "restaurant",
        seed=1,
        start=start,
        scenario=find_scenario("friday-dinner"),
        rate_per_s=5,
    )
    first = [timed.operation for timed, _ in zip(operations, range(2000), strict=False)]
    assert {operation["source"] for operation in first if operation["op"] == "book"} >= {
        "Walk-in",
        "Website",
        "Phone",
    }


def test_a_rate_of_zero_is_refused(hotel, start):
    """Traffic without operations would wait for ever."""
    with pytest.raises(ValueError, match="rate"):
        generate_live(
            hotel, "city", seed=1, start=start, scenario=find_scenario("steady"), rate_per_s=0
        )
