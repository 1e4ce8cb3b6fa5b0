"""Random schedules of everything that can happen to conversations, over two server processes, one
log and one store.
"""

import pytest
from hypothesis import settings

from tests.conftest import FULL
from tests.server.session_schedules import AT_RANDOM, SessionSchedules

TestSessionSchedules = pytest.mark.timeout(1_800)(SessionSchedules.TestCase)
TestSessionSchedules.settings = settings(AT_RANDOM, max_examples=2_500 if FULL else 200)
