"""Text of the live view and of the line mode: messages, money, changes, in the terms of the trade.
Pure.
"""

from datetime import datetime, tzinfo
from typing import Any

from rtdash.domain.instants import parse_instant
from rtdash.domain.money import minor_digits
from rtdash.domain.printable import printable

NOTHING = "\N{EN DASH}"
"""Placeholder of a missing value."""

CHANGES = {
    "confirm": "confirmed",
    "check_in": "checked in",
    "undo_check_in": "check-in undone",
    "check_out": "checked out",
    "seat": "seated",
    "undo_seat": "seating undone",
    "complete": "completed",
    "cancel": "cancelled",
    "reinstate": "reinstated",
    "no_show": "no-show",
    "undo_no_show": "no-show undone",
    "amend": "amended",
    "pay": "paid",
    "charge": "charged",
    "refund": "refunded",
    "put": "updated",
}
"""Participles of the operations, in the words of the staff."""

STATUSES = {"CheckedIn": "Checked in", "CheckedOut": "Checked out", "NoShow": "No-show"}
"""Words for statuses with wire names that are no plain words."""


def money(amount: float | None, currency: str) -> str:
    """Format major units with thousands and currency: `45,000 EUR`, `12.50 EUR`, `12.505 KWD`; a
    dash for None.
    """
    if amount is None:
        return NOTHING
    digits = 0 if amount == int(amount) else minor_digits(currency)
    number = f"{amount:,.{digits}f}"
    return f"{number} {currency}".rstrip()


def percent(trend: int | None) -> str:
    """Format a trend: `+12 %`; a dash where there is nothing to compare with."""
    return NOTHING if trend is None else f"{trend:+d} %" if trend else "0 %"


def status_words(status: str) -> str:
    """Name a reservation's status for people."""
    return STATUSES.get(status, printable(status))


def change_words(message: dict[str, Any]) -> str:
    """Name the change of a reservation message: `new`, `checked in`, …"""
    if message["type"] == "new_reservation":
        return "new"
    change = str(message.get("change", "changed"))
    return CHANGES.get(change, printable(change))


def clock_time(timestamp: str, zone: tzinfo | None) -> str:
    """Format the time of day of an instant, in the reader's time zone where `zone` is None."""
    try:
        return f"{parse_instant(timestamp).astimezone(zone):%H:%M:%S}"
    except ValueError:
        return "--:--:--"


def arrival(
    reservation: dict[str, Any], zone: tzinfo | None, *, this_year: int, is_short: bool = False
) -> str:
    """Format when the guests come: `24 Jul 7:00 PM`, `8 Feb 2028 3:00 PM` in another year, which
    is `8 Feb 2028` where it has to be short.

    A hotel's check-in date and the time are local to the venue; else `zone` gives the date.
    """
    try:
        day = (
            datetime.fromisoformat(reservation["checkIn"])
            if "checkIn" in reservation
            else parse_instant(reservation["date"]).astimezone(zone)
        )
    except ValueError:
        return printable(reservation.get("time", ""))
    if is_short and day.year != this_year:
        return short_date(day, this_year=this_year)
    return f"{short_date(day, this_year=this_year)} {printable(reservation.get('time', ''))}"


def short_date(day: datetime, *, this_year: int) -> str:
    """Format a date: `24 Jul`, with the year where it is another one."""
    return f"{day:%-d %b}" if day.year == this_year else f"{day:%-d %b %Y}"


def year_of(timestamp: str) -> int:
    """Return the year of an instant on the wire; 0 where it can't be read."""
    try:
        return parse_instant(timestamp).year
    except ValueError:
        return 0


def count_of(number: int, noun: str) -> str:
    """Format a number of things: `1 guest`, `4 guests`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def party(reservation: dict[str, Any]) -> str:
    """Format a party: `1 guest`, `4 guests`."""
    return count_of(reservation["guests"], "guest")


def age(seconds: float) -> str:
    """Format an age: `now`, `14 s`, `3 min`, `2 h`."""
    if seconds < 1:
        return "now"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
