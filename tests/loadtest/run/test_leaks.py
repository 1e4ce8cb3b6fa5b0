"""Counting what a server keeps, without one."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rtdash.loadtest.plan.scenario import Phase
from rtdash.loadtest.run import leaks
from rtdash.loadtest.verdict.observations import Observations

PHASE = Phase(name="calm", duration_s=1, dashboards=1)


CONTEXT = SimpleNamespace(
    heartbeat_s=1, session_ttl_s=None, sessions_made=0, sessions_before=None, silent=None
)


@pytest.mark.parametrize(
    ("files", "left"), [([40, 40, 12], 2), ([40] * 50, 30)], ids=["late", "leaked"]
)
def test_files_that_a_busy_server_closes_late_are_no_leak(
    monkeypatch: pytest.MonkeyPatch, files: list[int], left: int
):
    """The server's connections are gone, and what carried them a moment later."""
    counts: Iterator[int] = iter(files)
    last = files[-1]

    async def count(_context: object) -> leaks._Counts:
        return leaks._Counts(0, float(next(counts, last)), None)

    monkeypatch.setattr(leaks, "_count", count)
    monkeypatch.setattr(leaks, "_CHECK_EVERY_S", 0.001)
    monkeypatch.setattr(leaks, "_FILES_S", 0.2 if left > 16 else 60)
    observations = Observations(PHASE, "run", [], {})
    observations.connections_before, observations.files_before = 0, 10.0
    asyncio.run(leaks.count_leaks(cast("Any", CONTEXT), observations))
    assert observations.files_left == left


def test_files_of_connections_that_are_left_are_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    """A connection that outlives the time for connections is a leak, and its file open for good."""

    async def count(_context: object) -> leaks._Counts:
        return leaks._Counts(30, 50.0, None)

    monkeypatch.setattr(leaks, "_count", count)
    monkeypatch.setattr(leaks, "_CHECK_EVERY_S", 0.001)
    monkeypatch.setattr(leaks, "_WAIT_S", 0.1)
    monkeypatch.setattr(leaks, "_FILES_S", 3600)
    observations = Observations(PHASE, "run", [], {})
    observations.connections_before, observations.files_before = 0, 10.0

    async def scene() -> None:
        async with asyncio.timeout(60):
            await leaks.count_leaks(cast("Any", CONTEXT), observations)

    asyncio.run(scene())
    assert (observations.connections_left, observations.files_left) == (30, 40)
