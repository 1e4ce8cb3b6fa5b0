"""Fields of a reservation that follow from others: initials, nights, the local time. A server that
derives them wrongly shows the same everywhere, so that no comparison of two places finds it. Pure.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo


def find_derived_flaw(shown: Mapping[str, Any], zone: str | None) -> str | None:
    """Return what is wrong with a derived field; None where all agree, or are not shown.

    `zone`: the venue's IANA time zone, None where it is unknown.
    """
    for name, expected in _derived(shown, zone).items():
        value = shown.get(name)
        if value is not None and value != expected:
            return f"{name} is {value!r} and must be {expected!r}"
    return None


def _derived(shown: Mapping[str, Any], zone: str | None) -> dict[str, Any]:
    """Return each field that follows from what is shown; what can't be read is left out."""
    derived: dict[str, Any] = {}
    with suppress(KeyError, TypeError, ValueError, AttributeError, IndexError):
        words = shown["customerName"].split()
        derived["customerInitials"] = words[0][0] + words[-1][0]
    with suppress(KeyError, TypeError, ValueError):
        check_in, check_out = (date.fromisoformat(shown[one]) for one in ("checkIn", "checkOut"))
        derived["nights"] = (check_out - check_in).days
    with suppress(KeyError, TypeError, ValueError):
        if zone is not None:
            start = datetime.fromisoformat(shown["date"]).astimezone(ZoneInfo(zone))
            noon = "AM" if start.hour < 12 else "PM"
            derived["time"] = f"{start.hour % 12 or 12}:{start.minute:02d} {noon}"
            if "checkIn" in shown:
                derived["checkIn"] = start.date().isoformat()
    return derived
