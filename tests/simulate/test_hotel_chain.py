"""The chain of the data set: its fixture, its laws, and that it holds no booking of the data."""

import json
from collections import Counter
from datetime import date, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from rtdash.resources import data_path
from rtdash.simulate.calibration import TrafficProfile
from rtdash.simulate.cancellation_days import CLASSES
from rtdash.simulate.conditional_law import ConditionalLaw
from rtdash.simulate.hotel import HotelDemand
from rtdash.simulate.hotel_chain import VARIABLES, HotelChain, hotel_chain
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
    tree = {"splits": [0, 0b010, 1, 0b100, -1, -1, -1],
            "leaves": [[0, 1000], [1, 1000], [0, 250, 2, 750]]}  # fmt: skip
    law = ConditionalLaw(tree, [3, 3])
    assert law.draw([1, 2], 0.5) == 0
    assert law.draw([1, 0], 0.5) == 1
    assert [law.draw([0, 0], rank) for rank in (0.0, 0.249, 0.25, 0.999)] == [0, 0, 2, 2]
    assert law.given([2, 1]) == [0.25, 0.25, 1.0]


def test_months_of_booking_follow_their_factors():
    """A factor of 0 for a month of booking leaves none of a segment to be booked in it."""
    raw = json.loads(FIXTURE.read_text("utf-8"))["hotels"]["H2"]
    plain = HotelChain(raw)
    raw["created_months"][6][0] = [0] * len(raw["labels"]["segment"])
    changed = HotelChain(raw)
    assert plain.lead_weight(6, 2, 30, (0, 3)) > 0
    assert changed.lead_weight(6, 2, 30, (0, 3)) == 0
    assert changed.lead_weight(6, 2, 30, (1, 3)) == plain.lead_weight(6, 2, 30, (1, 3))


def test_leads_follow_the_factors_of_their_segment():
    """A factor of 0 for a class of leads leaves none of the segment to be booked so long ahead."""
    raw = json.loads(FIXTURE.read_text("utf-8"))["hotels"]["H2"]
    plain = HotelChain(raw).segment_weights(6, 2, 30, (0, 3))
    raw["created_leads"][0][30] = 0
    changed = HotelChain(raw).segment_weights(6, 2, 30, (0, 3))
    assert changed[0] == 0 < plain[0]
    assert changed[-1] == pytest.approx(plain[-1] - plain[0])


def test_splits_of_one_variable_in_a_row_become_one():
    """The law is the same, the way down shorter."""
    tree = {"splits": [0, 0b001, -1, 0, 0b010, -1, -1],
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
        codes.append(chain.nights_law.draw(codes, rank))
        assert codes[-1] < sizes["nights"]
        laws = (*chain.booking_laws, *chain.room_laws, chain.form_law)
        for law, name in zip(laws, VARIABLES[6:], strict=True):
            codes.append(law.draw(codes, rank))
            assert codes[-1] < {"elapsed": CLASSES, "form": 6}.get(name, sizes.get(name, 3))


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
