"""What every test may rely on: no settings from outside, and skips that fail where everything is
required.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.servers import kafka_server, postgres_server, rabbitmq_server, redis_server
from tests.stores import postgres_database

__all__ = [
    "kafka_server",
    "postgres_database",
    "postgres_server",
    "rabbitmq_server",
    "redis_server",
]

REQUIRE_ALL = os.environ.get("RTDASH_REQUIRE_ALL") == "1"
"""Set by .ci/run: a test that skips itself has failed, unless it is marked `optional`."""

FULL = os.environ.get("RTDASH_FULL") == "1"
"""Set by hand: the long forms of the tests."""

# A busy machine is slow, not wrong.
settings.register_profile("rtdash", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rtdash")

# Where bytecode isn't kept, each process of the tests rewrites all of their assertions, and each
# server that they start compiles the whole package.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Under nohup, and behind a shell's `&`, the programs that tests start would inherit that these are
# ignored.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_KEPT = {"RTDASH_REQUIRE_ALL", "RTDASH_FULL", "RTDASH_HOTEL_BOOKINGS"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """The scheduler of `--dist loadfile`, where pytest-xdist is installed."""
    if config.getvalue("dist") != "loadfile":
        return None
    from tests.distribution import LongestFirst  # noqa: PLC0415

    return LongestFirst(config, log)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No RTDASH_* setting of the developer's shell reaches a test, and none uses the developer's
    data directory.
    """
    for name in list(os.environ):
        if name.startswith("RTDASH_") and name not in _KEPT and not name.startswith("RTDASH_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RTDASH_DATA", str(tmp_path / "data"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """A required test that was skipped has failed, and says what it missed."""
    del call
    report = yield
    if (
        REQUIRE_ALL
        and report.skipped
        and not hasattr(report, "wasxfail")
        and item.get_closest_marker("optional") is None
    ):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"required, but skipped: {reason}"
    return report
