from datetime import date, timedelta
from statistics import median

from rtdash.simulate.calibration import Profile
from rtdash.simulate.live_bookings import (
    OPEN_PER_ROOM,
    HotelBookingGenerator,
    RestaurantBookingGenerator,
)
from rtdash.simulate.room_inventory import RoomInventory
from rtdash.simulate.scenarios import find_scenario


def _arrivals(generator, start, count, *, booking_only=False):
    return [
        generator.generate(start + timedelta(seconds=second), booking_only=booking_only)
        for second in range(count)
    ]


def test_rooms_go_round(hotel, start):
    """However long the traffic lasts, the oldest bookings make room for new ones: nobody is put off
    further and further.
    """
    generator = HotelBookingGenerator(
        hotel, Profile.RESORT, "round", find_scenario("steady"), RoomInventory(hotel, share=0.25)
    )
    books = [
        timed.operation
        for life in _arrivals(generator, start, 2500)
        for timed in life
        if timed.operation["op"] == "book"
    ]
    leads = [(date.fromisoformat(book["checkIn"]) - start.date()).days for book in books]
    assert median(leads[-500:]) < 1.5 * median(leads[500:1000])


def test_a_house_keeps_so_many_open_bookings(hotel, start):
    """Booked minus cancelled stays near the bound."""
    generator = HotelBookingGenerator(
        hotel, Profile.RESORT, "open", find_scenario("steady"), RoomInventory(hotel, share=0.25)
    )
    ops = [timed.operation["op"] for life in _arrivals(generator, start, 2000) for timed in life]
    assert ops.count("book") - ops.count("cancel") < 3 * OPEN_PER_ROOM * hotel.total_rooms


def test_a_brief_life_is_only_its_booking(hotel, restaurant, start):
    """When too much waits already, nothing but the booking is sent, beside the cancellation that
    makes room for it.
    """
    generators = (
        HotelBookingGenerator(
            hotel, Profile.CITY, "booking_only", find_scenario("steady"), RoomInventory(hotel)
        ),
        RestaurantBookingGenerator(restaurant, "booking_only", find_scenario("steady")),
    )
    for generator in generators:
        assert all(
            [timed.operation["op"] for timed in life] in (["book"], ["cancel", "book"])
            for life in _arrivals(generator, start, 300, booking_only=True)
        )


def test_dinner_parties_are_larger(restaurant, start):
    """A scenario can bring more guests to a table."""
    guests = {}
    for name in ("steady", "friday-dinner"):
        generator = RestaurantBookingGenerator(restaurant, "guests", find_scenario(name))
        guests[name] = sum(
            life[0].operation["guests"] for life in _arrivals(generator, start, 1000)
        )
    assert guests["friday-dinner"] > guests["steady"]


def test_a_sale_is_called_off_more_often(restaurant, start):
    """A scenario can make more bookings end in cancellations."""
    cancelled = {}
    for name in ("steady", "flash-sale"):
        generator = RestaurantBookingGenerator(restaurant, "sale", find_scenario(name))
        cancelled[name] = sum(
            life[-1].operation["op"] == "cancel" for life in _arrivals(generator, start, 1000)
        )
    assert cancelled["flash-sale"] > 1.5 * cancelled["steady"]
