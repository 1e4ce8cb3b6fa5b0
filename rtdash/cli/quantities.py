"""Rates, durations and dates as people write them on the command line."""

import re
from datetime import UTC, datetime, time

from rtdash.cli.failures import CommandFailed, Exit
from rtdash.domain.instants import parse_instant

_PER_S = {"s": 1.0, "min": 1 / 60, "m": 1 / 60, "h": 1 / 3600}
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_rate(text: str) -> float:
    """Parse `5/s`, `90/min`, `0.2/s`, `100/h` or a bare number: the rate per second. Raises
    CommandFailed.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(?:/(s|min|m|h))?", text.strip())
    if not found:
        raise CommandFailed(
            f"{text!r} is not a rate", hint="write it as in 5/s, 90/min or 0.2/s", code=Exit.USAGE
        )
    return float(found[1]) * _PER_S[found[2] or "s"]


def parse_seconds(text: str, *, needs_unit: bool = False) -> float:
    """Parse `90s`, `30m`, `12h`, `7d` or, unless it `needs_unit`, a bare number of seconds: the
    duration in seconds. Raises CommandFailed.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip())
    if not found or (needs_unit and not found[2]):
        raise CommandFailed(
            f"{text!r} is not a duration{' without its unit' if found else ''}",
            hint="write it as in 90s, 30m, 12h or 7d",
            code=Exit.USAGE,
        )
    return float(found[1]) * _SECONDS[found[2]]


def parse_moment(text: str) -> datetime:
    """Parse `2026-01-31` (its first instant in UTC) or `2026-01-31T12:00:00Z`. Raises
    CommandFailed.
    """
    try:
        return (
            parse_instant(text)
            if "T" in text
            else datetime.combine(datetime.fromisoformat(text).date(), time(), UTC)
        )
    except (ValueError, OverflowError):
        raise CommandFailed(
            f"{text!r} is not a date",
            hint="write it as in --start 2026-01-31 or 2026-01-31T12:00:00Z",
            code=Exit.USAGE,
        ) from None
