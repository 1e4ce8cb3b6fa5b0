"""Instants: UTC inside, whole milliseconds, RFC 3339 with milliseconds outside."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Clock that gives the present instant (UTC). An argument wherever time matters, never called in
here.
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def utc_now() -> datetime:
    """Return the machine's time, in whole milliseconds: the `Clock` that the edges hand in."""
    return _in_milliseconds(datetime.now(UTC))


def to_ms(instant: datetime) -> int:
    """Return whole milliseconds since 1970-01-01T00:00Z, as the store keeps instants."""
    return (instant - _EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """Return the UTC instant of so many milliseconds since 1970-01-01T00:00Z."""
    return _EPOCH + milliseconds * _MILLISECOND


def format_instant(instant: datetime) -> str:
    """Return the instant as text: `2026-01-02T03:04:05.678Z`."""
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return utc.isoformat("T", "milliseconds")[:-6] + "Z"  # in the place of +00:00


def parse_instant(text: str) -> datetime:
    """Return the instant of an RFC 3339 text with an offset, in UTC and whole milliseconds. Raises
    ValueError.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no offset: write it as in 2026-01-02T03:04:05Z")
    return _in_milliseconds(instant.astimezone(UTC))


def _in_milliseconds(instant: datetime) -> datetime:
    beyond = instant.microsecond % 1000
    return instant.replace(microsecond=instant.microsecond - beyond) if beyond else instant
