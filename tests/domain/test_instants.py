"""Instants in whole milliseconds."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdash.domain.instants import format_instant, from_ms, parse_instant, to_ms, utc_now


@given(st.integers(-(10**12), 10**13))
def test_milliseconds_survive_the_way_out_and_back(milliseconds: int) -> None:
    """Number, instant and text say the same, whichever way they are turned."""
    instant = from_ms(milliseconds)
    assert to_ms(instant) == milliseconds
    assert parse_instant(format_instant(instant)) == instant


def test_an_instant_is_written_with_milliseconds_and_a_z() -> None:
    """Whole seconds have their three zeros, other offsets become UTC."""
    assert format_instant(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05.000Z"
    assert (
        format_instant(parse_instant("2026-01-02T03:04:05.6789+02:00"))
        == "2026-01-02T01:04:05.678Z"
    )


def test_an_instant_without_offset_is_refused() -> None:
    """A local time could be any instant: it is refused with an example."""
    with pytest.raises(ValueError, match="has no offset: write it as in"):
        parse_instant("2026-01-02T03:04:05")


def test_the_clock_tells_utc_in_whole_milliseconds() -> None:
    """The machine's clock has the precision of the store, so that what is written reads back
    equal.
    """
    now = utc_now()
    assert now.utcoffset() == timedelta(0)
    assert from_ms(to_ms(now)) == now
