"""Demand of a hotel: bookings, single or in blocks of rooms, as the chain of the data set draws
them.

Of a day of booking, every lead has the weight of the arrivals on its day: their month and weekday,
the strength of the day, the segments' leads. Then the chain gives the rest.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rtdash.simulate.arrivals import HOTEL_BOOKING_HOURS, burst_instants, days_from
from rtdash.simulate.calibration import TrafficProfile
from rtdash.simulate.cancellation_days import CancellationDays
from rtdash.simulate.day_strength import DayLevel, DayStrength
from rtdash.simulate.distributions import GOLDEN, ROOT_2, ROOT_3, ROOT_7, EvenRanks, seeded
from rtdash.simulate.hotel_chain import OF_BOOKING, VARIABLES, HotelChain, hotel_chain
from rtdash.simulate.lead_weights import LeadWeights
from rtdash.simulate.prices import WHOLE, form_of
from rtdash.simulate.room_prices import PriceRanks, RoomPrices

NON_REFUND = "Non Refund"


class Ending(StrEnum):
    """How a booking ends."""

    STAYED = "stayed"
    CANCELLED = "cancelled"
    NO_SHOW = "no-show"


_ENDINGS = (Ending.STAYED, Ending.CANCELLED, Ending.NO_SHOW)
_CANCELLED, COUNTRY = 1, VARIABLES.index("country")
LARGE = 6
"""Rooms from which on a block is a large one."""


class Stay(NamedTuple):
    """Booking of one room before it has the room: all that the chain gives.

    `rate_factor` multiplies the mean rate of the house, and `price_form` is how the price then
    looks; `cancelled_on` is a local date; rooms of one block share `block` and its dates.
    """

    segment: str
    booked_at: datetime
    check_in: date
    lead_days: int
    nights: int
    adults: int
    children: int
    deposit: str
    country: str
    ending: Ending
    cancelled_on: date | None
    changes: int
    repeated: bool
    rate_factor: float
    price_form: int = WHOLE
    block: int | None = None

    @property
    def guests(self) -> int:
        """Number of all persons."""
        return self.adults + self.children

    @property
    def check_out(self) -> date:
        """Day of leaving."""
        return self.check_in + timedelta(days=self.nights)


class HotelDemand:
    """Bookings that a hotel is asked for; `per_day` rooms on average over a year.

    No block has more than `most_rooms`.
    """

    def __init__(
        self,
        profile: TrafficProfile,
        zone: ZoneInfo,
        *,
        seed: str,
        per_day: float,
        most_rooms: int = 1_000,
        chain: HotelChain | None = None,
    ) -> None:
        self._zone = zone
        self._chain = chain or hotel_chain(profile)
        self._rng = seeded(f"{seed}/hotel")
        self._scale = per_day / self._chain.rows_per_day
        self._most_rooms = most_rooms
        days = {
            name: DayStrength(f"{seed}/{name}", **law, surges=name != "arrival")
            for name, law in self._chain.days.items()
        }
        self._created = days["created"]
        self._leads = LeadWeights(self._chain, days["arrival"])
        self._cancellations = CancellationDays(
            self._chain.cancelled_weekdays, self._chain.cancelled_months, days["cancelled"]
        )
        level = DayLevel(f"{seed}/price", self._chain.price_memory)
        self._prices = RoomPrices(self._chain, level, self._rng)
        self._blocks = 0
        self._even: dict[tuple[float, ...], EvenRanks] = {}

    def stays(self, first: date, days: int) -> Iterator[Stay]:
        """Yield all bookings made on `days` local dates from `first` on, in the order of booking."""
        for day in days_from(first, days):
            leads = self._leads.of(day)
            strength = self._created(day) * self._chain.created_weeks[day.month - 1][day.weekday()]
            mean = leads[-1] * self._scale * strength
            for instant in burst_instants(self._rng, day, mean, HOTEL_BOOKING_HOURS, self._zone):
                lead = bisect_right(leads, self._rng.random() * leads[-1])
                yield from self._booking(instant, day, lead)

    def stays_at(self, instant: datetime, *, lead_days: int | None = None) -> list[Stay]:
        """Return the rooms of one booking made at `instant`, several for a block."""
        day = instant.astimezone(self._zone).date()
        if lead_days is None:
            leads = self._leads.of(day)
            lead_days = bisect_right(leads, self._rng.random() * leads[-1])
        return list(self._booking(instant, day, lead_days))

    def _booking(self, instant: datetime, day: date, lead: int) -> Iterator[Stay]:
        rng, chain = self._rng, self._chain
        arrival = day + timedelta(days=lead)
        # After midnight the business date is still yesterday's: a lead of -1 is one of 0.
        lead_class = chain.lead_classes[max(lead, 0)]
        month, weekday = arrival.month - 1, arrival.weekday()
        created = (day.month - 1, day.weekday())
        segments = chain.segment_weights(month, weekday, lead_class, created)
        segment = bisect_right(segments, rng.random() * segments[-1])
        codes = [month, weekday, segment, lead_class]
        rank = rng.random
        # Few large blocks make up much of a year: even ranks keep the shares of sizes,
        # rates and fates.
        rooms, count = chain.draw_rooms(codes, self._even_rank(GOLDEN, segment, month))
        codes += (rooms, chain.nights_law.draw([*codes, rooms], rank()))
        for law, name in zip(chain.booking_laws, OF_BOOKING, strict=True):
            # A deposit that isn't refunded means that nearly all of the rooms are called off.
            even = count > 1 and name == "deposit"
            codes.append(
                law.draw(codes, self._even_rank(ROOT_7, segment, rooms) if even else rank())
            )
        low, high = chain.labels["nights"][codes[5] : codes[5] + 2]
        nights = low + int((high - low) * rank())
        block, fate, rate = None, 0.0, rank()
        if count > 1:
            self._blocks = block = self._blocks + 1
            fate = self._even_rank(ROOT_3, segment, rooms, codes[7])
            rate = self._even_rank(ROOT_2, segment, month, count >= LARGE)
        price = self._prices.ranks(arrival, segment, rate)
        shared = _Shared(
            instant, arrival, lead, nights, block, count >= LARGE, price, fate, rank(), rank(), []
        )
        for _ in range(min(count, self._most_rooms)):
            yield self._room(codes, shared)

    def _even_rank(self, step: float, *key: int) -> float:
        ranks = self._even.get((step, *key))
        if ranks is None:
            ranks = self._even[step, *key] = EvenRanks(self._rng, step)
        return ranks.draw()

    def _room(self, codes: list[int], shared: "_Shared") -> Stay:
        rng, chain = self._rng, self._chain
        rank, labels = rng.random, chain.labels
        party_law, _, outcome_law, changes_law, elapsed_law = chain.room_laws
        alike = shared.block is not None and rank() < chain.shared_party[shared.large]
        party = party_law.draw(codes, shared.party if alike else rank())
        room = [*codes, party]
        rate, price = self._prices.draw(room, shared.price)
        room.append(rate)
        follows = shared.block is not None and rank() < chain.shared_fate[shared.large]
        outcome = outcome_law.draw(room, shared.fate if follows else rank())
        room.append(outcome)
        changes = changes_law.draw(room, rank())
        cancelled_on = None
        if outcome == _CANCELLED:
            room.append(changes)
            elapsed = elapsed_law.draw(room, shared.elapsed if follows else rank())
            cancelled_on = self._cancelled_on(elapsed, codes[2], shared, follows=follows)
        adults, children = labels["party"][party]
        return Stay(
            labels["segment"][codes[2]],
            shared.instant,
            shared.arrival,
            shared.lead,
            shared.nights,
            adults,
            children,
            labels["deposit"][codes[7]],
            labels["country"][self._country(codes, shared)],
            _ENDINGS[outcome],
            cancelled_on,
            labels["changes"][changes],
            bool(codes[8]),
            price / 100 / chain.mean_rate,
            form_of(price),
            shared.block,
        )

    def _country(self, codes: list[int], shared: "_Shared") -> int:
        """Return the block's country, or that of one of its guests with another passport."""
        if shared.block is None or self._rng.random() < self._chain.shared_country[shared.large]:
            return codes[COUNTRY]
        return self._chain.booking_laws[-1].draw(codes, self._rng.random())

    def _cancelled_on(self, code: int, segment: int, shared: "_Shared", *, follows: bool) -> date:
        """Return a date in the class of elapsed lead: one for all rooms that follow their block."""
        if follows and shared.cancelled_on:
            return shared.cancelled_on[0]
        lead = max(shared.lead, 0)
        booked_on = shared.arrival - timedelta(days=lead)
        day = self._cancellations.draw(code, segment, booked_on, lead, self._rng)
        if follows:
            shared.cancelled_on.append(day)
        return day


class _Shared(NamedTuple):
    """Common values of one booking's rooms; the ranks are drawn once."""

    instant: datetime
    arrival: date
    lead: int
    nights: int
    block: int | None
    large: bool
    price: PriceRanks
    fate: float
    elapsed: float
    party: float
    cancelled_on: list[date]
