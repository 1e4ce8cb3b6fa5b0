"""Place of the hotel booking data set, for the tests that read it."""

import os
from pathlib import Path

import pytest


def find_data_set() -> Path:
    """Return the file; without it the test is skipped by name."""
    named = os.environ.get("RTDASH_HOTEL_BOOKINGS")
    beside = Path(__file__).parents[2].parent / "shared" / "data" / "hotel_bookings.csv.zip"
    path = Path(named) if named else beside
    if not path.exists():
        pytest.skip("the hotel booking data set is not here: RTDASH_HOTEL_BOOKINGS names it")
    return path
