"""Values as other systems write them: numbers with marks, local dates, times in many forms."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_NUMBER = re.compile(
    r"[^\d+(-]*?(?P<sign>[+-]?)[^\d+(-]*?"
    r"(?P<digits>((?<![^\W\d_])[.,])?\d([\d.,'\u2019\s]*\d)?)(?P<exponent>[eE][+-]?\d{1,3})?"
    r"[^\d+-]*"
)
"""A number with what may stand before and behind it, as currencies do; nothing but marks stands
between its digits."""
_BLANKS = re.compile(r"['\u2019\s]")
_GROUPS = re.compile(r"\d{1,3}(,\d{2,3})*,\d{3}|\d+|")
"""Whole digits with commas between thousands, or between lakhs."""
_LONGEST = 100
"""Characters of a number, since the pattern's time grows with their square."""
_LARGEST = 10**12


class Unreadable(Exception):  # noqa: N818
    """A field that can't be read; the text says why and how to mend it."""


def parse_number(text: str, decimal: str) -> Decimal:
    """Return the number of a text with the decimal mark `decimal`. Raises Unreadable."""
    found = _NUMBER.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        raise Unreadable(f"{text[:40]!r} is no number")
    thousands = "," if decimal == "." else "."
    whole, mark, part = _BLANKS.sub("", found["digits"]).partition(decimal)
    if not _GROUPS.fullmatch(whole.replace(thousands, ",")) or not (part.isdigit() or not part):
        raise Unreadable(
            f"{text[:40]!r} is no number with the decimal mark {decimal!r}: name its `decimal`"
        )
    written = f"{found['sign']}{whole.replace(thousands, '')}{mark and '.'}{part}"
    try:
        number = Decimal(written + (found["exponent"] or ""))
    except InvalidOperation:
        raise Unreadable(f"{text[:40]!r} is no number") from None
    if abs(number) > _LARGEST:
        raise Unreadable(f"{text[:40]!r} is beyond what a number here can be")
    return number


def parse_day(text: str, form: str | None) -> date:
    """Return the date of a text, by strptime's form or by ISO 8601. Raises Unreadable."""
    try:
        return _parse(text, form).date()
    except (ValueError, OverflowError):
        hint = f"in the form {form!r}" if form else "such as 2026-01-31; name its `format`"
        raise Unreadable(f"{text[:40]!r} is no date {hint}") from None


def parse_moment(text: str, form: str | None) -> datetime:
    """Return the time of a text, with its offset if it has one. Raises Unreadable."""
    try:
        moment = _parse(text, form)
        return moment.astimezone(UTC) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        hint = f"in the form {form!r}" if form else "such as 2026-01-31T19:00; name its `format`"
        raise Unreadable(f"{text[:40]!r} is no time {hint}") from None


def in_zone(local: datetime, name: str) -> datetime:
    """Return the instant (UTC) of a local time. Raises Unreadable."""
    try:
        return local.replace(tzinfo=ZoneInfo(name)).astimezone(UTC)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise Unreadable(f"there is no time zone {name!r}") from None
    except OverflowError:
        raise Unreadable(f"{local} is beyond the calendar") from None


def _parse(text: str, form: str | None) -> datetime:
    if form is None:
        return datetime.fromisoformat(text)
    return datetime.strptime(text, form)  # noqa: DTZ007  the zone comes from elsewhere
