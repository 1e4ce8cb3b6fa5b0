"""Order in which pytest-xdist hands out the tests: a process that gets the longest file last would
leave the others with nothing to do.
"""

from collections import OrderedDict
from pathlib import PurePath
from typing import Any

from xdist.scheduler import LoadFileScheduling

LOAD, BROKERS = "tests/loadtest", "tests/broker"
"""Units of several files. Load tests would wait for each other; each process that tests a broker
would start a Kafka and a RabbitMQ of its own.
"""

UNIT_OF = {
    "tests/cli/test_wrong_settings.py": BROKERS,
    "tests/e2e/test_recovery_kill.py": BROKERS,
    "tests/faults/test_brokers.py": BROKERS,
    "tests/server/test_broker_schedules.py": BROKERS,
}

LONGEST_FIRST = (
    BROKERS,
    LOAD,
    "tests/e2e/test_webhooks.py",
    "tests/faults",
    "tests/e2e",
    "tests/browser",
    "tests/deploy",
    "tests/bench",
    "tests/cli",
    "tests/server/test_rest_webhooks.py",
    "tests/server/test_rest_openapi.py",
    "tests/watch",
    "tests/webhooks",
    "tests/simulate",
    "tests/test_quality.py",
)
"""Files and folders. All others come behind them."""


class LongestFirst(LoadFileScheduling):
    """Scheduler that keeps a unit in one process."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.workqueue = _Ranked()

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        folder = PurePath(file).parent.as_posix()
        return folder if folder in {LOAD, BROKERS} else UNIT_OF.get(file, file)


class _Ranked(OrderedDict[str, dict[str, bool]]):
    """Queue of units that gives out the longest first."""

    def popitem(self, last: bool = True) -> tuple[str, dict[str, bool]]:
        unit = next(reversed(self)) if last else min(self, key=rank)
        return unit, self.pop(unit)


def rank(unit: str) -> int:
    """Return the place of a file, or of a folder that is one unit, in the order."""
    folders = {parent.as_posix() for parent in PurePath(unit).parents} - {LOAD, BROKERS}
    names = {unit, *folders}
    return next(
        (place for place, name in enumerate(LONGEST_FIRST) if name in names), len(LONGEST_FIRST)
    )
