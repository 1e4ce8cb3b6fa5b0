"""Columns of a booking that the survey compares, the same for rows of the data set and for stays."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from loadtests.calibrate.rows import Row
from rtdash.simulate.hotel import Ending, Stay
from rtdash.simulate.prices import form_of

ZONE = ZoneInfo("Europe/Lisbon")
LEADS = (1, 2, 4, 8, 15, 31, 61, 91, 181, 366)
AHEAD = (0, 1, 2, 4, 8, 15, 31, 61, 91, 181)
ROOMS = (2, 3, 6, 11, 26)
COUNTRIES = 12
ENDINGS = {"Check-Out": "stayed", "Canceled": "cancelled", "No-Show": "no-show"}


class Booking(NamedTuple):
    """One room of a booking, with `rooms` that share its stay; rates are in EUR a night."""

    booked_on: date
    arrival: date
    lead: int
    nights: int
    adults: int
    children: int
    segment: str
    deposit: str
    country: str
    repeated: bool
    changes: int
    rate: float
    ending: str
    cancelled_on: date | None
    stay: Hashable
    rooms: int = 1


def bookings_of_rows(rows: Iterable[Row]) -> list[Booking]:
    """Return the bookings of the data set."""
    return _with_rooms(
        Booking(
            row.booked_on, row.arrival, row.lead, row.nights, row.adults, row.children,
            row.segment, row.deposit, row.country, bool(row.repeated), row.changes, row.rate,
            ENDINGS[row.outcome], row.ended_on if row.outcome == "Canceled" else None,
            (row.arrival, row.lead, row.nights, row.segment),
        )
        for row in rows
    )  # fmt: skip


def bookings_of_stays(stays: Iterable[Stay], mean_rate: float) -> list[Booking]:
    """Return the generated bookings."""
    return _with_rooms(
        Booking(
            stay.check_in - timedelta(days=stay.lead_days), stay.check_in, stay.lead_days,
            stay.nights, stay.adults, stay.children, stay.segment, stay.deposit, stay.country,
            stay.repeated, stay.changes, round(stay.rate_factor * mean_rate, 2),
            stay.ending.value, stay.cancelled_on if stay.ending is Ending.CANCELLED else None,
            (stay.check_in, stay.lead_days, stay.nights, stay.segment),
        )
        for stay in stays
    )  # fmt: skip


def _with_rooms(bookings: Iterable[Booking]) -> list[Booking]:
    listed = list(bookings)
    sizes = Counter(booking.stay for booking in listed)
    return [booking._replace(rooms=sizes[booking.stay]) for booking in listed]


Column = Callable[[Booking], Hashable]


def columns(held: Sequence[Booking]) -> dict[str, Column]:
    """Return the columns by name; `held` gives the deciles of rates and the frequent countries."""
    ordered = sorted(booking.rate for booking in held)
    deciles = [ordered[len(ordered) * step // 10] for step in range(1, 10)]
    counted = Counter(booking.country for booking in held).most_common(COUNTRIES)
    frequent = {country for country, _ in counted}
    return {
        "month": lambda b: b.arrival.month,
        "third of the month": lambda b: min(2, (b.arrival.day - 1) // 10),
        "weekday": lambda b: b.arrival.weekday(),
        "booked month": lambda b: b.booked_on.month,
        "booked weekday": lambda b: b.booked_on.weekday(),
        "segment": lambda b: b.segment,
        "lead": lambda b: bisect_right(LEADS, b.lead),
        "rooms": lambda b: bisect_right(ROOMS, b.rooms),
        "nights": lambda b: min(b.nights, 8),
        "weekend nights": lambda b: min(_weekend_nights(b), 4),
        "week nights": lambda b: min(b.nights - _weekend_nights(b), 6),
        "deposit": lambda b: b.deposit,
        "country": lambda b: b.country if b.country in frequent else "other",
        "repeated": lambda b: b.repeated,
        "adults": lambda b: min(b.adults, 4),
        "children": lambda b: min(b.children, 3),
        "party": lambda b: min(b.adults + b.children, 6),
        "rate": lambda b: bisect_right(deciles, b.rate),
        "free": lambda b: b.rate == 0,
        "form of price": lambda b: form_of(round(b.rate * 100)),
        "outcome": lambda b: b.ending,
        "cancelled ahead": _ahead,
        "cancelled after": _after,
        "cancelled weekday": lambda b: b.cancelled_on and b.cancelled_on.weekday(),
        "cancelled month": lambda b: b.cancelled_on and b.cancelled_on.month,
        "changes": lambda b: min(b.changes, 3),
    }


def _weekend_nights(booking: Booking) -> int:
    """Return the nights of Saturday and Sunday, as the data set counts them."""
    first = booking.arrival.weekday()
    return sum((first + night) % 7 >= 5 for night in range(booking.nights))


def _ahead(booking: Booking) -> int | None:
    """Return the class of days between a cancellation and the arrival."""
    gone = booking.cancelled_on
    return None if gone is None else bisect_right(AHEAD, (booking.arrival - gone).days)


def _after(booking: Booking) -> int | None:
    """Return the class of days between a booking and its cancellation."""
    gone = booking.cancelled_on
    return None if gone is None else bisect_right(AHEAD, (gone - booking.booked_on).days)
