"""A hub whose turns of the event loop are made by hand."""

import pytest

from rtdash.hub import Hub
from tests.fakes import BOOKINGS, Turns


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def hub(turns: Turns) -> Hub:
    hub = Hub(turns.call_soon, turns.call_later, turns.clock, clock_cpu=turns.clock)
    hub.track(BOOKINGS, 0)
    return hub
