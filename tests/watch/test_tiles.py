"""Parts of the tiles: sparklines and the bar of rooms."""

import pytest

from rtdash.watch.board import VenueFigures
from rtdash.watch.tiles import rooms_bar, sparkline


@pytest.mark.parametrize(
    ("values", "width", "bars"),
    [
        ([], 5, ""),
        ([3], 5, ""),
        ([0, 7], 5, "▁█"),
        ([5, 5, 5], 5, "▁▁▁"),
        (list(range(8)), 8, "▁▂▃▄▅▆▇█"),
        (list(range(100)), 2, "▁█"),
        ([1, 2], 0, ""),
    ],
)
def test_sparkline(values, width, bars):
    """The last values that fit, between their own smallest and largest."""
    assert sparkline(values, width) == bars


@pytest.mark.parametrize(("rate", "filled"), [(0, 0), (30, 12), (50, 20), (100, 40), (130, 40)])
def test_rooms_bar(rate, filled):
    """Filled by occupancy; an overbooked night is full, not more."""
    venue = VenueFigures(
        "h", "Hotel", rooms={"totalRooms": 50, "availableRooms": 0, "occupancyRate": rate}
    )
    assert rooms_bar(venue, 200).plain.count("█") == filled


def test_rooms_bar_in_a_narrow_terminal():
    """The facts stay when there is no place for the bar."""
    venue = VenueFigures(
        "h", "Hotel", rooms={"totalRooms": 50, "availableRooms": 35, "occupancyRate": 30}
    )
    assert "35 of 50 free" in rooms_bar(venue, 20).plain
