"""The words of the live view and of the line mode: messages, money, changes, in the language of the
trade. Pure.
"""

import unicodedata
from datetime import datetime, tzinfo
from typing import Any

from rtdash.domain.instants import parse_instant

NOTHING = "\N{EN DASH}"
"""Stands where there is no value."""

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
}
"""What an operation did, as staff say it."""

STATUSES = {"CheckedIn": "Checked in", "CheckedOut": "Checked out", "NoShow": "No-show"}
"""Statuses that aren't words as they stand."""

_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: object) -> str:
    """Text that can't steer a terminal: control characters and changes of direction in names become
    U+FFFD.
    """
    return "".join(
        "\ufffd" if unicodedata.category(one) == "Cc" or one in _BIDI_CONTROLS else one
        for one in str(text)
    )


def money(amount: float | None, currency: str) -> str:
    """Major units with thousands and their currency: `45,000 EUR`, `12.50 EUR`; a dash where there
    is none.
    """
    if amount is None:
        return NOTHING
    number = f"{amount:,.0f}" if amount == int(amount) else f"{amount:,.2f}"
    return f"{number} {currency}".rstrip()


def percent(trend: int | None) -> str:
    """`+12 %`; a dash where there is nothing to compare with."""
    return NOTHING if trend is None else f"{trend:+d} %" if trend else "0 %"


def status_words(status: str) -> str:
    """A reservation's status for people."""
    return STATUSES.get(status, plain(status))


def change_words(message: dict[str, Any]) -> str:
    """What a reservation message tells: `new`, `checked in`, …"""
    if message["type"] == "new_reservation":
        return "new"
    change = str(message.get("change", "changed"))
    return CHANGES.get(change, plain(change))


def clock_time(timestamp: str, zone: tzinfo | None) -> str:
    """The time of day of an instant, in the reader's time zone where none is given."""
    try:
        return f"{parse_instant(timestamp).astimezone(zone):%H:%M:%S}"
    except ValueError:
        return "--:--:--"


def arrival(reservation: dict[str, Any], zone: tzinfo | None) -> str:
    """When the guests come: `24 Jul 7:00 PM`. A hotel's check-in date and the time are local to the
    venue; else `zone` gives the date.
    """
    try:
        day = (
            datetime.fromisoformat(reservation["checkIn"])
            if "checkIn" in reservation
            else parse_instant(reservation["date"]).astimezone(zone)
        )
    except ValueError:
        return plain(reservation.get("time", ""))
    return f"{day:%-d %b} {plain(reservation.get('time', ''))}"


def party(reservation: dict[str, Any]) -> str:
    """`1 guest`, `4 guests`."""
    guests = reservation["guests"]
    return f"{guests} guest" if guests == 1 else f"{guests} guests"


def age(seconds: float) -> str:
    """`now`, `14 s`, `3 min`, `2 h`."""
    if seconds < 1:
        return "now"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
