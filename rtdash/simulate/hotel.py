"""Demand of a hotel: bookings, single or in blocks of rooms, as the chain of the data set draws them.

Of a day of booking, every lead has the weight of the arrivals on its day: their month and weekday,
the strength of the day, the segments' leads. Then the chain gives the rest.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rtdash.simulate.arrivals import HOTEL_BOOKING_HOURS, DayStrength, burst_instants, days_from
from rtdash.simulate.calibration import TrafficProfile
from rtdash.simulate.distributions import GOLDEN, ROOT_2, ROOT_3, EvenRanks, seeded
from rtdash.simulate.hotel_chain import HotelChain, hotel_chain
from rtdash.simulate.lead_weights import LeadWeights
from rtdash.simulate.prices import WHOLE, form_of, price_between

NON_REFUND = "Non Refund"


class Ending(StrEnum):
    """How a booking ends."""

    STAYED = "stayed"
    CANCELLED = "cancelled"
    NO_SHOW = "no-show"


_ENDINGS = (Ending.STAYED, Ending.CANCELLED, Ending.NO_SHOW)
_CANCELLED = 1
_TRIES, _NARROW = 12, 4
"""Tries for a day of cancellation, and those within its class alone."""

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
        self._created = DayStrength(f"{seed}/created", self._chain.created_variance)
        self._leads = LeadWeights(
            self._chain, DayStrength(f"{seed}/arrival", self._chain.arrival_variance)
        )
        self._blocks = 0
        self._even: dict[tuple[float, ...], EvenRanks] = {}

    def stays(self, first: date, days: int) -> Iterator[Stay]:
        """Yield all bookings made on `days` local dates from `first` on, in the order of booking."""
        for day in days_from(first, days):
            leads = self._leads.of(day)
            mean = leads[-1] * self._scale * self._created(day)
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
        segments = chain.segment_weights(month, weekday, lead_class, day.weekday())
        segment = bisect_right(segments, rng.random() * segments[-1])
        codes = [month, weekday, segment, lead_class]
        rank = rng.random
        # Few large blocks make up much of a year: even ranks keep the shares of sizes,
        # rates and fates.
        rooms, count = chain.draw_rooms(codes, self._even_rank(GOLDEN, segment, month))
        codes += (rooms, bisect_right(chain.seasonal("nights", [*codes, rooms]), rank()))
        for law in chain.booking_laws:
            codes.append(law.draw(codes, rank()))
        low, high = chain.labels["nights"][codes[5] : codes[5] + 2]
        nights = low + int((high - low) * rank())
        block, fate, rate = None, 0.0, rank()
        if count > 1:
            self._blocks = block = self._blocks + 1
            fate = self._even_rank(ROOT_3, segment, rooms, codes[7])
            rate = self._even_rank(ROOT_2, segment, month, count >= LARGE)
        shared = _Shared(
            instant, arrival, lead, nights, block, count >= LARGE,
            rate, rank(), rank(), fate, rank(), {},
        )  # fmt: skip
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
        party = party_law.draw(codes, rank())
        room = [*codes, party]
        # Some rooms of a block are free; the others have one price for equal parties.
        rates = chain.seasonal("rate", room)
        free = rates[0]
        rate = 0 if rank() < free else bisect_right(rates, free + (1 - free) * shared.rate)
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
        price = self._price(rate, codes[2], shared)
        return Stay(
            labels["segment"][codes[2]],
            shared.instant,
            shared.arrival,
            shared.lead,
            shared.nights,
            adults,
            children,
            labels["deposit"][codes[7]],
            labels["country"][codes[9]],
            _ENDINGS[outcome],
            cancelled_on,
            labels["changes"][changes],
            bool(codes[8]),
            price / 100 / chain.mean_rate,
            form_of(price),
            shared.block,
        )

    def _price(self, code: int, segment: int, shared: "_Shared") -> int:
        """Return a price of the class, in cents; one form for all rooms of a booking."""
        if not code:
            return 0
        forms = self._chain.price_forms[segment]
        form = min(bisect_right(forms, shared.form * forms[-1]), len(forms) - 1)
        low, high = self._chain.labels["rate"][code : code + 2]
        return price_between(round(100 * low), round(100 * high), shared.price, form)

    def _cancelled_on(self, code: int, segment: int, shared: "_Shared", *, follows: bool) -> date:
        """Draw the date in the class of elapsed lead, by the weekdays of the segment's cancellations.

        Rooms that follow their block are cancelled on one day.
        """
        if follows and code in shared.cancelled_on:
            return shared.cancelled_on[code]
        low, high = self._chain.labels["elapsed"][code : code + 2]
        lead = max(shared.lead, 0)
        # The first class is the day of booking alone.
        first = min(lead, max(code and 1, -(-low * lead // 100)))
        count = max(1, min(-(-high * lead // 100), lead + 1) - first)
        booked_on = shared.arrival - timedelta(days=lead)
        weekdays = self._chain.cancelled_weekdays[segment]
        for tried in range(_TRIES):
            day = booked_on + timedelta(days=first + int(count * self._rng.random()))
            if self._rng.random() * max(weekdays) < weekdays[day.weekday()]:
                break
            if tried == _NARROW and code and lead > 1:
                # Few days, and all of a weekend: a working day is near.
                first = max(1, first - 2)
                count = min(count + 4, lead - first + 1)
        if follows:
            shared.cancelled_on[code] = day
        return day


class _Shared(NamedTuple):
    """Common values of one booking's rooms; the ranks are drawn once."""

    instant: datetime
    arrival: date
    lead: int
    nights: int
    block: int | None
    large: bool
    rate: float
    price: float
    form: float
    fate: float
    elapsed: float
    cancelled_on: dict[int, date]
