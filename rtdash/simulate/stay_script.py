"""Script of a hotel booking: booked, confirmed, amended, paid, lived in, left, or called off.

The data set has no hours, no payments and no spending beside the room: those figures are
assumed, one by one.
"""

from datetime import datetime, timedelta
from random import Random

from rtdash.domain.venues import RoomType, Venue
from rtdash.simulate.arrivals import HOTEL_BOOKING_HOURS, local_instant
from rtdash.simulate.distributions import ROOT_2, Discrete, draw_lognormal
from rtdash.simulate.hotel import NON_REFUND, Ending, Stay
from rtdash.simulate.population import Customer
from rtdash.simulate.room_inventory import house_rate_minor
from rtdash.simulate.script import Script

SOURCES: dict[str, Discrete[str]] = {
    "Online TA": Discrete({"Online travel agent": 1.0}),
    "Offline TA/TO": Discrete({"Travel agent": 0.6, "Tour operator": 0.4}),
    "Direct": Discrete({"Website": 0.5, "Phone": 0.35, "Email": 0.15}),
    "Groups": Discrete({"Group": 1.0}),
    "Corporate": Discrete({"Corporate": 1.0}),
    "Complementary": Discrete({"Complimentary": 1.0}),
    "Aviation": Discrete({"Airline": 1.0}),
}
"""Segments in words of the trade. Within a segment the split is assumed."""

PREPAID = {"Online TA": 0.4, "Direct": 0.15, "Offline TA/TO": 0.3}
"""Share paid in full when booking. Assumed: "Non Refund" of the data set means tentative blocks,
not prepaid rates."""

DEPOSIT_SHARE = 0.15
"""Share of the other bookings that pay a third in advance. Assumed."""

PENDING_SHARE = 0.12
"""Share of bookings that wait for a confirmation, beside the tentative ones. Assumed."""

REVERSED = 0.01
"""Share of arrivals, cancellations and no-shows that are undone, as after a wrong key.
Assumed."""

MAX_PARTY = 1_000
"""Guests that an amendment makes at most where the venue puts more than its capacity into a room.
"""

FOOD, EXTRAS = "Food and beverage", "Extras"
FOOD_NIGHTLY, EXTRAS_NIGHTLY = 0.55, 0.2
"""Chance of spending on a night. Assumed."""
FOOD_OF_RATE, EXTRAS_OF_RATE = 0.18, 0.15
"""Spending then per guest, or per room, as a share of the room's base rate. Assumed."""

_ARRIVAL_HOURS: Discrete[int] = Discrete(
    {13: 4, 14: 9, 15: 22, 16: 19, 17: 14, 18: 11, 19: 8, 20: 6, 21: 4, 22: 2, 23: 1}
)
CHECK_IN_HOURS = frozenset({*range(13, 24), 0, 1})
"""Local hours in which guests check in."""

_DEPARTURE_HOURS: Discrete[int] = Discrete({6: 3, 7: 8, 8: 14, 9: 20, 10: 27, 11: 24, 12: 4})


def stay_script(
    script: Script, stay: Stay, room_type: RoomType, venue: Venue, customer: Customer, rng: Random
) -> None:
    """Write the whole life of `stay` into `script`. It never needs more nights than were booked.

    Unless the venue allows more, guests are as many as the room holds, whatever the party.
    """
    most = MAX_PARTY if venue.allow_over_capacity else room_type.capacity
    rate = nightly_rate(script, stay, venue)
    amount = rate * stay.nights
    prepaid = rng.random() < PREPAID.get(stay.segment, 0.0) and stay.deposit != NON_REFUND
    script.book(
        stay.booked_at,
        amount,
        amount if prepaid else 0,
        pending=stay.deposit == NON_REFUND or rng.random() < PENDING_SHARE,
        customerName=customer.name,
        customerEmail=customer.email,
        customerPhone=customer.phone,
        guests=min(stay.guests, most),
        source=_source(stay, rng),
        roomType=room_type.id,
        checkIn=stay.check_in.isoformat(),
        checkOut=stay.check_out.isoformat(),
    )
    arrives = _arrival(stay, venue, rng)
    cancels = _cancellation(stay, arrives, venue, rng)
    changes = _Changes(script, stay, most, venue, rng)
    nights = changes.before(min(arrives, cancels or arrives), rate, prepaid=prepaid)
    if cancels is not None:
        _cancel(script, cancels, rng)
    elif stay.ending is Ending.NO_SHOW:
        script.step(
            local_instant(stay.check_in, 23.6 * 3600 + rng.random() * 3 * 3600, venue.zone),
            "no_show",
        )
    else:
        _live_in(script, stay, room_type, arrives, nights, venue, rng)


def _source(stay: Stay, rng: Random) -> str:
    """Return one source for all rooms of a block."""
    rank = rng.random()
    return SOURCES[stay.segment].at(rank if stay.block is None else stay.block * ROOT_2 % 1.0)


def _arrival(stay: Stay, venue: Venue, rng: Random) -> datetime:
    second = (_ARRIVAL_HOURS.draw(rng) + rng.random()) * 3600
    return max(
        local_instant(stay.check_in, second, venue.zone), stay.booked_at + timedelta(minutes=10)
    )


def nightly_rate(script: Script, stay: Stay, venue: Venue) -> int:
    """Return the rate of a night, in minor units: the mean of the house times the stay's factor,
    in the form of price that the stay has.

    The factor holds what party, season and lead do to a price, so the room's own base rate does not
    multiply it; rooms are chosen to fit the rate (`draw_room_type`).
    """
    return script.price(house_rate_minor(venue.room_types) * stay.rate_factor, stay.price_form)


def _cancellation(stay: Stay, arrives: datetime, venue: Venue, rng: Random) -> datetime | None:
    if stay.cancelled_on is None:
        return None
    cancels = local_instant(stay.cancelled_on, _second(rng), venue.zone)
    soonest = stay.booked_at + timedelta(minutes=3 + rng.expovariate(1 / 40))
    return max(min(cancels, arrives - timedelta(minutes=30)), soonest)


def _second(rng: Random) -> float:
    return (HOTEL_BOOKING_HOURS.draw(rng) + rng.random()) * 3600


class _Changes:
    """Confirmation, deposit and amendments of a booking, at hours of the venue's day."""

    def __init__(
        self, script: Script, stay: Stay, most_guests: int, venue: Venue, rng: Random
    ) -> None:
        self._script = script
        self._stay = stay
        self._most_guests = most_guests
        self._zone = venue.zone
        self._rng = rng

    def before(self, until: datetime, rate: int, *, prepaid: bool) -> int:
        """Write what happens between booking and `until`; return the nights in the end."""
        script, stay, rng = self._script, self._stay, self._rng
        span = until - stay.booked_at
        tentative = stay.deposit == NON_REFUND and stay.ending is Ending.CANCELLED
        if script.operations[0].operation.get("status") == "Pending" and not tentative:
            after = min(span * 0.2, timedelta(hours=36)) * rng.random()
            script.step(self._by_day(stay.booked_at + after, until), "confirm")
        if not prepaid and rng.random() < DEPOSIT_SHARE:
            after = min(span * 0.3, timedelta(days=3)) * rng.random()
            script.pay(self._by_day(stay.booked_at + after, until), 1 / 3)
        nights = stay.nights
        for moment in sorted(rng.random() for _ in range(stay.changes)):
            due = stay.booked_at + span * (0.3 + 0.65 * moment)
            nights = self._amend(rate, nights, self._by_day(due, until))
        return nights

    def _by_day(self, instant: datetime, until: datetime) -> datetime:
        """Return an hour at which guests and desks write, of the same local date if possible."""
        day = instant.astimezone(self._zone).date()
        return min(
            local_instant(day, _second(self._rng), self._zone), until - timedelta(minutes=15)
        )

    def _amend(self, rate: int, nights: int, due: datetime) -> int:
        """Write one change, of the party, the nights or the price; return the nights after it."""
        script, stay, rng = self._script, self._stay, self._rng
        kind = rng.random()
        if kind < 0.4:
            guests = stay.guests + rng.choice((-1, 1))
            script.step(due, "amend", guests=max(1, min(guests, self._most_guests)))
            return nights
        if kind < 0.7 and nights > 1:
            check_out = stay.check_in + timedelta(days=nights - 1)
            script.reprice(due, rate * (nights - 1), checkOut=check_out.isoformat())
            return nights - 1
        script.reprice(due, script.whole(rate * nights * rng.uniform(0.85, 1.1)))
        return nights


def _cancel(script: Script, cancels: datetime, rng: Random) -> None:
    script.step(cancels, "cancel")
    if rng.random() < REVERSED:
        script.step(script.now + timedelta(minutes=2), "reinstate")
        script.step(script.now + timedelta(minutes=30), "cancel")


def _live_in(
    script: Script,
    stay: Stay,
    room_type: RoomType,
    arrives: datetime,
    nights: int,
    venue: Venue,
    rng: Random,
) -> None:
    if rng.random() < REVERSED:
        mistaken = "check_in" if rng.random() < 0.5 else "no_show"
        script.step(arrives - timedelta(minutes=6), mistaken)
        script.step(script.now + timedelta(minutes=3), f"undo_{mistaken}")
    script.step(arrives, "check_in")
    for night in range(nights):
        evening = local_instant(
            stay.check_in + timedelta(days=night), (19.5 + 3 * rng.random()) * 3600, venue.zone
        )
        if rng.random() < FOOD_NIGHTLY:
            spent = draw_lognormal(rng, FOOD_OF_RATE * room_type.base_rate_minor * stay.guests, 0.6)
            script.charge(evening, FOOD, script.whole(spent))
        if rng.random() < EXTRAS_NIGHTLY:
            spent = draw_lognormal(rng, EXTRAS_OF_RATE * room_type.base_rate_minor, 0.8)
            script.charge(evening + timedelta(minutes=20), EXTRAS, script.whole(spent))
    leaves = local_instant(
        stay.check_in + timedelta(days=nights),
        (_DEPARTURE_HOURS.draw(rng) + rng.random()) * 3600,
        venue.zone,
    )
    on_account = stay.segment == "Corporate" and rng.random() < 0.6
    if not on_account:
        script.pay(leaves)
    script.step(leaves + timedelta(minutes=1), "check_out")
    if on_account:
        script.pay(leaves + timedelta(days=rng.uniform(5, 30)))
