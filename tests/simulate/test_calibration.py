import pytest

from rtdash.simulate.calibration import (
    Profile,
    default_profile,
    hotel_calibration,
    read_raw,
    restaurant_calibration,
)


@pytest.mark.parametrize("profile", [Profile.RESORT, Profile.CITY])
def test_segments_are_nearly_all_bookings(profile):
    """Only the two bookings of an undefined segment are left out."""
    assert sum(segment.share for segment in hotel_calibration(profile).segments) == pytest.approx(
        1.0, abs=0.001
    )


def test_the_two_hotels_are_told_apart():
    """The resort has its peak at seven nights, the city hotel has none."""
    resort, city = (
        dict(zip(law.values, law.weights, strict=True)) for law in _nights_of_online_agents()
    )
    assert resort[7] > 2 * resort[6]
    assert city[7] < 1.5 * city[6]


def test_no_stay_is_without_a_night():
    """Day use is in the data, but can't be booked."""
    assert all(
        min(segment.nights.values) >= 1
        for profile in (Profile.RESORT, Profile.CITY)
        for segment in hotel_calibration(profile).segments
    )


def test_rates_average_the_year():
    """The months' rates are relative to the year's mean, weighted by arrivals."""
    facts = hotel_calibration(Profile.RESORT)
    mean = sum(
        rate * share for rate, share in zip(facts.rate_by_month, facts.arrival_months, strict=True)
    ) / sum(facts.arrival_months)
    assert mean == pytest.approx(1.0)
    assert max(facts.rate_by_month) == facts.rate_by_month[7]


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
    assert [size for size, _ in turns] == [1, 2, 5, 7, 10]
    assert [minutes for _, minutes in turns] == sorted(minutes for _, minutes in turns)


def test_restaurants_are_no_hotel_profile():
    """Asking for a hotel's figures under the restaurant's name is a mistake."""
    with pytest.raises(KeyError):
        hotel_calibration(Profile.RESTAURANT)


def test_default_profiles_fit_the_kind(hotel, restaurant):
    """A hotel gets a hotel's habits, a restaurant a restaurant's."""
    assert default_profile(hotel) is not Profile.RESTAURANT
    assert default_profile(restaurant) is Profile.RESTAURANT


def _nights_of_online_agents():
    for profile in (Profile.RESORT, Profile.CITY):
        yield next(
            segment
            for segment in hotel_calibration(profile).segments
            if segment.name == "Online TA"
        ).nights
