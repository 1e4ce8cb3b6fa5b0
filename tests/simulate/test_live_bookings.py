"""Live bookings keep the proportions of the data at any pace, and the venue's own clock."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile

import pytest

from rtdash.domain.instants import parse_instant
from rtdash.simulate.calibration import SERVING_HOURS, TrafficProfile
from rtdash.simulate.hotel import Ending, HotelDemand
from rtdash.simulate.live_bookings import HotelBookingGenerator, Pace, RestaurantBookingGenerator
from rtdash.simulate.live_traffic import SLOW, generate_live, natural_rate
from rtdash.simulate.past import fitting_profile
from rtdash.simulate.room_inventory import RoomInventory
from rtdash.simulate.scenarios import find_scenario
from rtdash.simulate.stay_script import CHECK_IN_HOURS

NIGHT = datetime(2026, 11, 24, 4, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 20, 18, tzinfo=UTC)
ARRIVALS = {"check_in", "seat", "no_show"}


def traffic(venue, profile, start, scenario="steady", *, rate=5.0, minutes=4, **options):
    """The operations of so many minutes."""
    until = start + timedelta(minutes=minutes)
    operations = generate_live(
        venue, profile, seed=5, start=start, scenario=find_scenario(scenario),
        rate_per_s=rate, **options,
    )  # fmt: skip
    return list(takewhile(lambda timed: timed.due < until, operations))


def count(operations):
    return Counter(timed.operation["op"] for timed in operations)


def lives(operations):
    """The operations of each reservation, in order."""
    found = {}
    for timed in operations:
        found.setdefault(timed.operation["reservationId"], []).append(timed)
    return found


def test_fast_lives_keep_the_proportions(hotel, start):
    """At 5/s about as many bookings are called off as in the data (28 %), not nearly all."""
    ops = count(traffic(hotel, "resort", start, minutes=8))
    assert 0.18 < ops["cancel"] / ops["book"] < 0.4


def test_check_ins_are_not_undone(hotel, start):
    """In a wave of check-ins most guests who arrive stay: one in a hundred is a wrong key."""
    ops = count(traffic(hotel, "resort", start, "check-in-wave"))
    assert ops["check_in"] > 200
    assert ops["undo_check_in"] < 0.03 * ops["check_in"]


@pytest.mark.parametrize("scenario", ["steady", "check-in-wave", "friday-dinner"])
def test_nobody_arrives_at_four_in_the_morning(hotel, restaurant, scenario):
    """Bookings are made, but arrivals wait until rooms are ready and tables are laid."""
    for venue, profile in ((hotel, "city"), (restaurant, "restaurant")):
        operations = traffic(venue, profile, NIGHT, scenario, minutes=4)
        assert not ARRIVALS & set(count(operations))
        sources = {timed.operation.get("source") for timed in operations}
        assert "Walk-in" not in sources


def test_arrivals_of_a_night_come_at_their_hour(hotel):
    """Guests who book in the night for the same day check in in the afternoon."""
    operations = traffic(hotel, "city", NIGHT, "check-in-wave", rate=0.02, minutes=18 * 60)
    hours = [
        timed.due.astimezone(hotel.zone).hour
        for timed in operations
        if timed.operation["op"] == "check_in"
    ]
    assert hours
    assert set(hours) <= CHECK_IN_HOURS


def test_nobody_is_seated_at_half_past_three(restaurant):
    """Around the clock, tables are taken at hours at which restaurants serve."""
    operations = traffic(restaurant, "restaurant", NIGHT, rate=0.03, minutes=24 * 60)
    hours = Counter(
        timed.due.astimezone(restaurant.zone).hour
        for timed in operations
        if timed.operation["op"] == "seat"
    )
    assert hours.total() > 500
    assert sum(hours[hour] for hour in hours if hour not in SERVING_HOURS) < 0.01 * hours.total()


def test_slow_traffic_has_the_natural_pace(hotel, start):
    """Up to a few times the house's own volume, guests arrive on the day of their arrival."""
    rate = SLOW * natural_rate(hotel, fitting_profile(hotel, "city"))
    operations = traffic(hotel, "city", start, rate=rate, minutes=12 * 24 * 60)
    arrived = 0
    for life in lives(operations).values():
        for timed in life:
            if timed.operation["op"] == "check_in":
                arrived += 1
                day = date.fromisoformat(life[0].operation["checkIn"])
                local = timed.due.astimezone(hotel.zone)
                assert timedelta(0) <= local.date() - day <= timedelta(days=1)
    assert arrived > 20


def test_a_friday_dinner_is_one(restaurant):
    """Most tables are for Friday evening, also when the run starts on a Tuesday."""
    for start in (FRIDAY, NIGHT):
        books = [
            timed.operation
            for timed in traffic(restaurant, "restaurant", start, "friday-dinner", minutes=5)
            if timed.operation["op"] == "book"
        ]
        local = [parse_instant(book["date"]).astimezone(restaurant.zone) for book in books]
        assert sum(at.weekday() == 4 and at.hour >= 17 for at in local) > 0.6 * len(local)


def test_a_dinner_rush_builds_up_and_ebbs(restaurant):
    """Every ten minutes it peaks at three times its beginning, as its summary says."""
    made = Counter(
        (timed.due - FRIDAY) // timedelta(minutes=1)
        for timed in traffic(restaurant, "restaurant", FRIDAY, "friday-dinner", minutes=20)
        if timed.operation["op"] == "book"
    )
    for begin in (0, 10):
        assert made[begin + 4] == pytest.approx(3 * made[begin], rel=0.15)
        assert made[begin + 9] == pytest.approx(made[begin], rel=0.15)


def test_few_guests_of_a_wave_call_off(hotel, start):
    """Half as many as on an ordinary day."""
    steady, wave = (
        count(traffic(hotel, "city", start, scenario, minutes=10))
        for scenario in ("steady", "check-in-wave")
    )
    assert wave["cancel"] / wave["book"] < 0.7 * steady["cancel"] / steady["book"]


@pytest.mark.parametrize("month", [2, 5, 11])
def test_a_long_fast_run_keeps_the_proportions(hotel, month):
    """After half an hour at 5/s as many are called off as are of all that are booked on such a day.

    The data have 41 % over a year, 32 % of what is booked in May and 51 % in November.
    """
    start = datetime(2026, month, 10, 15, tzinfo=UTC)
    ops = count(traffic(hotel, "city", start, minutes=30))
    demand = HotelDemand(TrafficProfile.CITY, hotel.zone, seed="asked", per_day=1.0, most_rooms=20)
    endings = [stay.ending for _ in range(5000) for stay in demand.stays_at(start)]
    asked = endings.count(Ending.CANCELLED) / len(endings)
    assert ops["cancel"] / ops["book"] == pytest.approx(asked, abs=0.05)


def test_a_check_in_wave_is_one(hotel, start):
    """In the afternoon more than a third of the bookings arrive within minutes."""
    ops = count(traffic(hotel, "city", start, "check-in-wave"))
    assert ops["check_in"] > 0.3 * ops["book"]


def test_a_flash_sale_is_cheap_and_for_later(hotel, start):
    """Rates are 30 % below those of an ordinary day, and hardly any booking is for today."""
    rates, today = {}, {}
    for scenario in ("steady", "flash-sale"):
        books = [
            timed.operation
            for timed in traffic(hotel, "city", start, scenario)
            if timed.operation["op"] == "book"
        ]
        nights = [
            (date.fromisoformat(book["checkOut"]) - date.fromisoformat(book["checkIn"])).days
            for book in books
        ]
        rates[scenario] = sum(book["amount"] for book in books) / sum(nights)
        today[scenario] = sum(book["checkIn"] == str(start.date()) for book in books) / len(books)
    assert 0.6 < rates["flash-sale"] / rates["steady"] < 0.8
    assert today["flash-sale"] < 0.05


def test_a_full_house_makes_room(hotel, start):
    """When no night is free for two years, the oldest open bookings are cancelled for new ones."""
    inventory = RoomInventory(hotel, share=0.02)
    generator = HotelBookingGenerator(
        hotel, fitting_profile(hotel, "city"), "full", find_scenario("steady"), inventory, Pace.FAST
    )
    seconds = range(1000)
    made = [generator.generate(start + timedelta(seconds=s), booking_only=False) for s in seconds]
    assert any(life[0].operation["op"] == "cancel" for life in made)


def test_a_brief_life_is_only_its_booking(hotel, restaurant, start):
    """When too much waits already, nothing but the booking is sent."""
    steady = find_scenario("steady")
    city, inventory = fitting_profile(hotel, "city"), RoomInventory(hotel)
    generators = (
        HotelBookingGenerator(hotel, city, "brief", steady, inventory, Pace.FAST),
        RestaurantBookingGenerator(restaurant, "brief", steady, Pace.FAST),
    )
    for generator in generators:
        for second in range(300):
            life = generator.generate(start + timedelta(seconds=second), booking_only=True)
            assert [timed.operation["op"] for timed in life] == ["book"]


def test_dinner_parties_are_larger(restaurant, start):
    """A scenario can bring more guests to a table."""
    guests = {}
    for name in ("steady", "friday-dinner"):
        operations = traffic(restaurant, "restaurant", start, name)
        guests[name] = sum(
            timed.operation["guests"] for timed in operations if timed.operation["op"] == "book"
        )
    assert guests["friday-dinner"] > guests["steady"]


def test_a_sale_is_called_off_more_often(restaurant, start):
    """A scenario can make more bookings end in cancellations."""
    cancelled = {
        name: count(traffic(restaurant, "restaurant", start, name))["cancel"]
        for name in ("steady", "flash-sale")
    }
    assert cancelled["flash-sale"] > 1.4 * cancelled["steady"]
