"""How people write rates, durations and dates."""

from datetime import UTC, datetime

import pytest

from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.quantities import parse_moment, parse_rate, parse_seconds


@pytest.mark.parametrize(
    ("text", "per_s"),
    [
        ("5/s", 5),
        ("90/min", 1.5),
        ("90/m", 1.5),
        ("0.5/s", 0.5),
        ("36/h", 0.01),
        ("7", 7),
        ("0/s", 0),
    ],
)
def test_rates(text, per_s):
    """A rate is a number with the time it is for, a second by default."""
    assert parse_rate(text) == pytest.approx(per_s)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1.5m", 90), ("2h", 7200), ("1d", 86_400), ("10", 10), ("0s", 0)],
)
def test_durations(text, seconds):
    """A duration is a number with its unit, seconds by default."""
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T13:00:00+01:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
    ],
)
def test_moments(text, moment):
    """A date is its first instant in UTC; an instant is itself."""
    assert parse_moment(text) == moment


@pytest.mark.parametrize("parse", [parse_rate, parse_seconds, parse_moment])
@pytest.mark.parametrize(
    "text", ["", "-1", "5/week", "5 minutes", "2026-02-30", "2026-01-31T12:00:00", "inf"]
)
def test_what_cannot_be_read_is_a_usage_error(parse, text):
    """Anything else is refused with 2, and the hint shows how it is written."""
    with pytest.raises(CommandFailed) as caught:
        parse(text)
    assert caught.value.code == Exit.USAGE
    assert caught.value.hint.startswith("write it as in")
