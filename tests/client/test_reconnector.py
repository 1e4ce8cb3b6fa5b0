"""The reconnector obeys the scripts of fixtures/client, as the browser's does."""

import pytest

from rtdash.client import Timing
from rtdash.client.reconnector import Reconnector
from rtdash.client.retry_schedule import RetrySchedule
from rtdash.protocol.received import Disconnect
from tests.client.players import SCRIPTS, FixedRandom, assert_obeys


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_obeys_the_script(path):
    """Every action of every step, in its order."""
    assert_obeys(Reconnector, path)


def test_there_are_scripts():
    """The fixtures travel with the package."""
    assert len(SCRIPTS) >= 30


@pytest.mark.parametrize("asked_ms", [-1e12, float("-inf"), float("nan"), float("inf"), 1e300])
def test_no_farewell_makes_a_client_hammer_or_stay_away(asked_ms):
    """Whatever a server, or something else, writes into its Disconnect."""
    schedule = RetrySchedule(Timing(), FixedRandom(0.5))
    body = {"code": 1012, "retryAfterMs": asked_ms, "jitterMs": asked_ms}
    for attempt in range(6):
        delay_s = schedule.delay_after_loss(float(attempt), Disconnect.from_wire(body), 0)
        assert 0 <= delay_s <= Timing().longest_wait_s + Timing().longest_delay_s
    assert delay_s > 0
