"""Values as other systems write them: numbers with marks, local dates, times in many forms."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MINUS = "-\u2212\uff0d"
"""The hyphen, the minus sign, and the wide one of East Asia."""
_DASHES = "\u2010-\u2015\ufe58\ufe63"
"""Other dashes, which may mean a minus: a number with one is refused."""
_NOISE = rf"[^\d+(\{_MINUS}{_DASHES}]"
_NUMBER = re.compile(
    rf"{_NOISE}*?(?P<sign>[+\{_MINUS}]?){_NOISE}*?"
    r"(?P<digits>((?<![^\W\d_])[.,])?\d([\d.,'\u2019\s]*\d)?)(?P<exponent>[eE][+-]?\d{1,3})?"
    rf"(?P<unit>[^\d+\{_MINUS}{_DASHES}]*)"
)
"""A number with what may stand before and behind it, as currencies do; nothing but marks stands
between its digits."""
_MULTIPLES = frozenset(
    {"k", "m", "t", "mn", "mio", "mrd", "bn", "tsd", "thousand", "million", "%", "\u2030"}
    | {"cr", "dr", "\u4e07", "\u5343"}
)
"""Words behind a number with which it is another one: thousands, shares, credits."""
_BLANKS = re.compile(r"['\u2019\s]+")
_GROUPS = re.compile(r"\d{1,3}(,\d{2,3})*,\d{3}|\d+|")
"""Whole digits with commas between thousands, or between lakhs."""
_LONGEST = 100
"""Characters of a number, since the pattern's time grows with their square."""
_LARGEST = 10**12

EXCEL = "excel"
"""The form of a spreadsheet's day numbers: days since 1899-12-30, and the time as a part of one."""
_DAY_NUMBER = re.compile(r"[1-9]\d{4}([.,]\d{1,12})?", re.ASCII)
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001  a local day
_ISO = re.compile(r"(\d{4}-\d\d-\d\d|\d{8}|\d{4}-?W\d\d-?\d)([Tt ].+)?", re.ASCII)
"""Python takes any sign between date and time, and so milliseconds since 1970 for a date of 1801.
"""
_UTC = re.compile(r"\s*(UTC|GMT|Z)", re.ASCII)
_HALF = re.compile(r"\b([AaPp])\.?\s?[Mm]\b\.?", re.ASCII)
"""AM and PM as written in some languages: p.m., p. m."""


class Unreadable(Exception):  # noqa: N818
    """A field that can't be read; the text says why and how to mend it."""


def parse_number(text: str, decimal: str) -> Decimal:
    """Return the number of a text with the decimal mark `decimal`. Raises Unreadable."""
    found = _NUMBER.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None or found["unit"].strip().strip(".").lower() in _MULTIPLES:
        raise Unreadable(f"{text[:40]!r} is no number")
    thousands = "," if decimal == "." else "."
    whole, mark, part = _BLANKS.sub(thousands, found["digits"]).partition(decimal)
    if not _GROUPS.fullmatch(whole.replace(thousands, ",")) or not (part.isdigit() or not part):
        raise Unreadable(
            f"{text[:40]!r} is no number with the decimal mark {decimal!r}: name its `decimal`"
        )
    sign = "-" if found["sign"] and found["sign"] in _MINUS else ""
    written = f"{sign}{whole.replace(thousands, '')}{mark and '.'}{part}"
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
        hint = _hint(text, form, "2026-01-31")
        raise Unreadable(f"{text[:40]!r} is no date {hint}") from None


def parse_moment(text: str, form: str | None) -> datetime:
    """Return the time of a text, with its offset if it has one. Raises Unreadable."""
    try:
        moment = _parse(text, form)
        return moment.astimezone(UTC) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        hint = _hint(text, form, "2026-01-31T19:00")
        raise Unreadable(f"{text[:40]!r} is no time {hint}") from None


def in_zone(local: datetime, name: str) -> datetime:
    """Return the instant (UTC) of a local time. Raises Unreadable."""
    try:
        return local.replace(tzinfo=ZoneInfo(name)).astimezone(UTC)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise Unreadable(f"there is no time zone {name!r}") from None
    except OverflowError:
        raise Unreadable(f"{local} is beyond the calendar") from None


def is_day_number(text: str) -> bool:
    """Whether a text may be a spreadsheet's day number, of 1927 to 2173."""
    return _DAY_NUMBER.fullmatch(text) is not None


def _parse(text: str, form: str | None) -> datetime:
    """Return the time of a text. Raises ValueError, OverflowError."""
    if form == EXCEL:
        if not is_day_number(text):
            raise ValueError
        seconds = round(Decimal(text.replace(",", ".")) * 86_400)
        return _DAY_ZERO + timedelta(seconds=seconds)
    if form is None:
        if not _ISO.fullmatch(text):
            raise ValueError
        ending = _UTC.search(text, 10)
        if ending is not None and ending.end() == len(text):
            text = f"{text[: ending.start()]}+00:00"
        return datetime.fromisoformat(text)
    if "%p" in form:
        text = _HALF.sub(r"\1M", text)
    moment = datetime.strptime(text, form)  # noqa: DTZ007  the zone comes from elsewhere
    if "%Z" in form:
        # strptime reads the name and forgets it, which would make the time a local one
        if not re.search(r"\b(UTC|GMT)\b", text):
            raise ValueError
        return moment.replace(tzinfo=UTC)
    return moment


def _hint(text: str, form: str | None, example: str) -> str:
    if form is not None:
        return f"in the form {form!r}"
    if is_day_number(text):
        return "but a spreadsheet's day number: name the `format` 'excel'"
    return f"such as {example}; name its `format`"
