"""The client of the load test obeys the scripts of fixtures/client, as the other two clients do."""

import pytest

from rtdash.loadtest.generator.client_stats import ClientStats
from rtdash.loadtest.generator.follower import Follower
from rtdash.loadtest.generator.message_reader import MessageReader
from tests.client.players import SCRIPTS, assert_obeys


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_obeys_the_script(path):
    """Every action of every step, in its order, with the decoder that all users share."""
    reader, stats = MessageReader("run"), ClientStats()
    assert_obeys(lambda session, **rules: Follower("user", session, reader, stats, **rules), path)
