"""Dates and instants on the wire, as strictly as RFC 3339 has them."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from rtdash.domain.instants import parse_instant
from rtdash.domain.terms import YEARS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def parse_date(text: Any) -> date:
    """`2026-01-31`. Raises ValueError."""
    if not isinstance(text, str) or not _DATE.fullmatch(text):
        raise ValueError("must be a date, as in 2026-01-31")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"must be a date, and {text} is none") from None
    if day.year not in YEARS:
        raise ValueError(f"must lie in the years {YEARS.start} to {YEARS.stop - 1}")
    return day


def parse_time(text: Any) -> datetime:
    """`2026-01-31T19:00:00Z`, or with an offset. Raises ValueError."""
    if not isinstance(text, str) or not _INSTANT.fullmatch(text):
        raise ValueError("must be an instant with its offset, as in 2026-01-31T19:00:00Z")
    try:
        instant = parse_instant(text)
    except (ValueError, OverflowError):
        raise ValueError(f"must be an instant, and {text} is none") from None
    if instant.year not in YEARS:
        raise ValueError(f"must lie in the years {YEARS.start} to {YEARS.stop - 1}")
    return instant


def parse_microseconds(text: Any) -> int:
    """Microseconds since 1970-01-01T00:00Z of an RFC 3339 instant: sources count finer than the
    milliseconds that are kept here. Raises ValueError.
    """
    if not isinstance(text, str) or not _INSTANT.fullmatch(text):
        raise ValueError("must be an instant with its offset, as in 2026-01-31T19:00:00Z")
    instant = datetime.fromisoformat(text)
    return (instant - _EPOCH) // timedelta(microseconds=1)
