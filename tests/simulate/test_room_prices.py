"""Prices of a block's rooms, and of the lowest class."""

from datetime import date
from random import Random

import pytest

from rtdash.simulate.calibration import TrafficProfile
from rtdash.simulate.day_strength import DayLevel
from rtdash.simulate.hotel_chain import hotel_chain
from rtdash.simulate.room_prices import PriceRanks, RoomPrices

CODES = [5, 2, 0, 20, 0, 1, 0, 0, 0, 0, 0]


@pytest.fixture
def prices():
    chain = hotel_chain(TrafficProfile.CITY)
    return RoomPrices(chain, DayLevel("level", chain.price_memory), Random(1))


def test_equal_ranks_give_one_price(prices):
    """Rooms of a block that share their ranks cost the same, unless one is free."""
    for rank in range(50):
        ranks = prices.ranks(date(2026, 6, 3), 0, rank / 50)
        drawn = {prices.draw(CODES, ranks) for _ in range(20)} - {(0, 0)}
        assert len(drawn) == 1


def test_other_ranks_give_other_prices(prices):
    """Rooms that don't share them differ."""
    drawn = {prices.draw(CODES, prices.ranks(date(2026, 6, 3), 0, rank / 50)) for rank in range(50)}
    assert len(drawn) > 10


def test_a_price_is_within_its_class(prices):
    """The class that is drawn holds the price, whatever its form."""
    bounds = hotel_chain(TrafficProfile.CITY).labels["rate"]
    for rank in range(100):
        code, cents = prices.draw(CODES, PriceRanks(rank / 100, 0.99, 0.5))
        assert cents == 0 if code == 0 else bounds[code] <= cents / 100 < bounds[code + 1]
