"""The chain of the data set: its fixture, its laws, and that it holds no booking of the data."""

import json
from bisect import bisect_right
from collections import Counter
from datetime import date, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from rtdash.resources import data_path
from rtdash.simulate.calibration import TrafficProfile
from rtdash.simulate.hotel import HotelDemand
from rtdash.simulate.hotel_chain import VARIABLES, ConditionalLaw, hotel_chain
from tests.simulate import figures
from tests.simulate.data_set import find_data_set

FIXTURE = data_path("fixtures", "calibration", "hotel_chain.json")
LISBON = ZoneInfo("Europe/Lisbon")


def test_the_fixture_is_small_and_says_where_it_is_from():
    """At most 500 KB, with source, licence and method."""
    assert FIXTURE.stat().st_size <= 500_000
    source = json.loads(FIXTURE.read_text("utf-8"))["source"]
    assert "10.1016/j.dib.2018.11.126" in source["data"]
    assert "CC BY 4.0" in source["licence"]
    assert source["least_events_of_a_leaf"] >= 20


def test_a_law_follows_its_tree():
    """The first branch is that of the codes in the mask; a leaf has steps from code to code and
    weights in turn.
    """
    tree = {"splits": [0, 0b010, 1, 0b100, -1, 0, -1, 0, -1, 0],
            "leaves": [[0, 1000], [1, 1000], [0, 250, 2, 750]]}  # fmt: skip
    law = ConditionalLaw(tree, [3, 3])
    assert law.draw([1, 2], 0.5) == 0
    assert law.draw([1, 0], 0.5) == 1
    assert [law.draw([0, 0], rank) for rank in (0.0, 0.249, 0.25, 0.999)] == [0, 0, 2, 2]
    assert law.given([2, 1]) == [0.25, 0.25, 1.0]


def test_seasons_follow_the_factors_of_segment_and_month():
    """The tree's shares times the factors: the same leaf has other nights in another month."""
    chain = hotel_chain(TrafficProfile.CITY)
    for code in range(12):
        codes = [code, 3, 0, 20, 0]
        plain = chain._laws["nights"].given(codes)
        factors = chain._factors["nights"]
        weights = [
            (after - before) * factors["factors"][0][code][band]
            for before, after, band in zip((0.0, *plain), plain, factors["bands"], strict=False)
        ]
        drawn = chain.seasonal("nights", codes)
        assert drawn[-1] == 1
        assert drawn[0] == pytest.approx(weights[0] / sum(weights))
        assert list(drawn) == sorted(drawn)


def test_splits_of_one_variable_in_a_row_become_one():
    """The law is the same, the way down shorter."""
    tree = {"splits": [0, 0b001, -1, 0, 0, 0b010, -1, 0, -1, 0],
            "leaves": [[0, 1], [1, 1], [2, 1]]}  # fmt: skip
    law = ConditionalLaw(tree, [3])
    assert [law.draw([code], 0.5) for code in range(3)] == [0, 1, 2]


@pytest.mark.parametrize("profile", [TrafficProfile.RESORT, TrafficProfile.CITY])
def test_all_codes_have_labels(profile):
    """Whatever is drawn stands for something, at the ends of the ranks as well."""
    chain, rng = hotel_chain(profile), Random(1)
    sizes = {name: len(chain.labels[name]) for name in VARIABLES if name in chain.labels}
    for rank in (0.0, 0.5, 1 - 1e-9):
        codes = [rng.randrange(12), rng.randrange(7), 0, 0]
        codes.append(chain.draw_rooms(codes, rank)[0])
        codes.append(bisect_right(chain.seasonal("nights", codes), rank))
        assert codes[-1] < sizes["nights"]
        for law, name in zip((*chain.booking_laws, *chain.room_laws), VARIABLES[6:], strict=True):
            codes.append(law.draw(codes, rank))
            assert codes[-1] < sizes.get(name, 3)


@pytest.mark.parametrize("profile", [TrafficProfile.RESORT, TrafficProfile.CITY])
def test_no_booking_of_the_data_is_reproduced(profile):
    """Generated bookings meet single rows of the data no more often than by chance.

    A row is met when arrival, lead, nights, party, segment, country, rate to the cent and outcome
    are equal. Chance is how often the same rows are met a year off, at the same weekday.
    """
    hotel = {TrafficProfile.RESORT: "Resort Hotel", TrafficProfile.CITY: "City Hotel"}[profile]
    rows = [row for row in figures.read_rows(find_data_set()) if row["hotel"] == hotel]
    keys = Counter(_key_of_row(row) for row in rows)
    single = {key for key, count in keys.items() if count == 1}
    chain = hotel_chain(profile)
    demand = HotelDemand(profile, LISBON, seed="copy", per_day=chain.rows_per_day)
    met, by_chance = 0, 0
    for stay in demand.stays(date(2015, 9, 1), 365):
        rate = round(stay.rate_factor * chain.mean_rate, 2)
        rest = (stay.lead_days, stay.nights, stay.adults, stay.children, stay.segment,
                stay.country, rate, stay.ending.value)  # fmt: skip
        met += (stay.check_in, *rest) in single
        year_off = stay.check_in + timedelta(days=364 if stay.check_in.year < 2017 else -364)
        by_chance += (year_off, *rest) in single
    assert met <= 1.3 * by_chance + 15


def _key_of_row(row):
    ending = {"Check-Out": "stayed", "Canceled": "cancelled", "No-Show": "no-show"}
    children = 0 if row["children"] in {"", "NA"} else int(float(row["children"]))
    return (
        figures.arrival(row), int(row["lead_time"]), figures.nights(row), int(row["adults"]),
        children + int(row["babies"]), row["market_segment"],
        {"CN": "CHN"}.get(row["country"], row["country"]), round(float(row["adr"]), 2),
        ending[row["reservation_status"]],
    )  # fmt: skip
