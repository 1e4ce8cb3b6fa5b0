import pytest

from rtdash.simulate.calibration import (
    TrafficProfile,
    bookings_per_room_day,
    read_raw,
    restaurant_calibration,
)


def test_same_day_hours_keep_the_published_buckets():
    """Of the same-day reservations, so many are made less than four hours ahead as the buckets
    say.
    """
    air, facts = read_raw("restaurant")["recruit_air"], restaurant_calibration()
    under_four = sum(air["lead_hours_bucket_share"][bucket] for bucket in ("<1h", "1-2h", "2-4h"))
    assert facts.same_day_hours.at(under_four / air["same_day_share"]) == pytest.approx(3.5)


def test_turn_times_rise_with_the_party():
    """The planning figures come as lower bounds of the party, ascending."""
    turns = restaurant_calibration().turn_minutes
    assert [size for size, _ in turns] == [1, 3, 5, 7, 10]
    assert [minutes for _, minutes in turns] == sorted(minutes for _, minutes in turns)


def test_a_table_for_two_is_no_table_for_four():
    """The published buckets "1-2" and "2-4" share a bound, which is of the first."""
    facts = restaurant_calibration()
    assert next(minutes for size, minutes in reversed(facts.turn_minutes) if size <= 2) == 75


def test_restaurants_are_no_hotel_profile():
    """Asking for a hotel's figures under the restaurant's name is a mistake."""
    with pytest.raises(KeyError):
        bookings_per_room_day(TrafficProfile.RESTAURANT)
