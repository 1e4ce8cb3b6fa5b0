"""Prices of rooms a night, as the chain and the price level of the day of arrival draw them."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
from random import Random
from typing import NamedTuple

from rtdash.simulate.day_strength import DayLevel
from rtdash.simulate.hotel_chain import HotelChain
from rtdash.simulate.prices import price_between


class PriceRanks(NamedTuple):
    """Ranks of a price, each of 0 ≤ rank < 1: of its class, within the class, of its form."""

    rate: float
    within: float
    form: float


class RoomPrices:
    """Chooser of prices; rooms with the same ranks and the same codes have one price."""

    def __init__(self, chain: HotelChain, level: DayLevel, rng: Random) -> None:
        self._chain = chain
        self._level = level
        self._rng = rng
        self._law = chain.room_laws[1]

    def ranks(self, arrival: date, segment: int, rate: float) -> PriceRanks:
        """Return new ranks; that of the class is `rate`, moved towards the level of the day."""
        moved = self._level.rank(arrival, rate, self._chain.price_shares[segment])
        return PriceRanks(moved, self._rng.random(), self._rng.random())

    def draw(self, codes: Sequence[int], ranks: PriceRanks) -> tuple[int, int]:
        """Return class and price, in cents, of a room with these codes up to the party.

        Some rooms of a block are free, whatever the others cost.
        """
        rates = self._law.given(codes)
        free = rates[0]
        if self._rng.random() < free:
            return 0, 0
        code = bisect_right(rates, free + (1 - free) * ranks.rate)
        form = self._chain.form_law.draw([*codes, code], ranks.form)
        low, high = self._chain.labels["rate"][code : code + 2]
        # The lowest class is a tail: most of its prices are near its top.
        within = ranks.within**0.25 if code == 1 else ranks.within
        return code, price_between(round(100 * low), round(100 * high), within, form)
