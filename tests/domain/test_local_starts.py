"""Hours on the wall as text, and their instants after the rules of their zone have changed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rtdash.domain.local_starts import by_present_rules, local_start
from tests.stores import GRILL
from tests.zone_files import rules_of, write_zone

ZONE = "Europe/Lisbon"
TODAYS = "WET0WEST,M3.5.0/1,M10.5.0"
AHEAD = "<+01>-1"
"""Always an hour ahead of UTC."""
LATER = "WET0WEST,M4.5.0/1,M10.5.0"
"""Summer begins four weeks later."""


@pytest.fixture
def under(tmp_path):
    """Make the restaurant as one finds it under rules, within a block."""

    def apply(rules):
        write_zone(tmp_path / rules[:6].strip("<>"), ZONE, rules)
        return rules_of(tmp_path / rules[:6].strip("<>"))

    return apply


def grill():
    return replace(GRILL)


def utc(*fields):
    return datetime(*fields, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (utc(2027, 12, 7, 19), "2027-12-07T19:00:00.000+00:00[Europe/Lisbon]"),
        (utc(2027, 7, 7, 18, 30), "2027-07-07T19:30:00.000+01:00[Europe/Lisbon]"),
        (utc(2027, 10, 31, 0, 30), "2027-10-31T01:30:00.000+01:00[Europe/Lisbon]"),
        (utc(2027, 10, 31, 1, 30), "2027-10-31T01:30:00.000+00:00[Europe/Lisbon]"),
    ],
)
def test_the_text_has_hour_offset_and_zone(under, start, text) -> None:
    """Both passes of an hour that the clock shows twice differ, and the way back leads to each."""
    with under(TODAYS):
        assert local_start(grill(), start) == text
        assert by_present_rules(grill(), text) == (start, text)


@pytest.mark.parametrize(
    ("before", "start", "after", "moved", "text"),
    [
        # seven in the evening stays seven in the evening
        (
            TODAYS,
            utc(2027, 12, 7, 19),
            AHEAD,
            utc(2027, 12, 7, 18),
            "2027-12-07T19:00:00.000+01:00",
        ),
        (
            AHEAD,
            utc(2027, 12, 7, 18),
            TODAYS,
            utc(2027, 12, 7, 19),
            "2027-12-07T19:00:00.000+00:00",
        ),
        # where nothing differs, nothing moves
        (TODAYS, utc(2027, 7, 7, 18), AHEAD, utc(2027, 7, 7, 18), "2027-07-07T19:00:00.000+01:00"),
        # the second pass of an hour that is shown only once from now on
        (
            TODAYS,
            utc(2027, 10, 31, 1, 30),
            AHEAD,
            utc(2027, 10, 31, 0, 30),
            "2027-10-31T01:30:00.000+01:00",
        ),
        # an hour that is shown twice from now on: the pass with the same offset
        (
            AHEAD,
            utc(2027, 10, 31, 0, 30),
            TODAYS,
            utc(2027, 10, 31, 0, 30),
            "2027-10-31T01:30:00.000+01:00",
        ),
        # an hour that the clock skips from now on: with the offset before the skip
        (
            AHEAD,
            utc(2027, 3, 28, 0, 30),
            TODAYS,
            utc(2027, 3, 28, 0, 30),
            "2027-03-28T01:30:00.000+01:00",
        ),
        (
            "<-02>2",
            utc(2027, 3, 28, 3, 30),
            TODAYS,
            utc(2027, 3, 28, 1, 30),
            "2027-03-28T01:30:00.000+00:00",
        ),
        # an hour under summer time that begins later
        (TODAYS, utc(2027, 4, 7, 18), LATER, utc(2027, 4, 7, 19), "2027-04-07T19:00:00.000+00:00"),
    ],
)
def test_an_hour_is_kept_under_other_rules(under, before, start, after, moved, text) -> None:
    """The instant moves, the hour on the wall does not, and a second look changes nothing."""
    with under(before):
        local = local_start(grill(), start)
    with under(after):
        assert by_present_rules(grill(), local) == (moved, f"{text}[{ZONE}]")
        assert by_present_rules(grill(), f"{text}[{ZONE}]") == (moved, f"{text}[{ZONE}]")
