"""The verdict over a server that is not rtdash: a right one gets 0, wrong ones are named, each by
its own metric.
"""

import asyncio
from pathlib import Path

import pytest

from tests.conftest import FULL
from tests.loadtest.faulty_behaviours import (
    METRICS,
    Dropping,
    ForeignStates,
    Forgetful,
    Heartless,
    Leaky,
    Miscounting,
    Mute,
    Omitting,
    Renaming,
    SlowAnswers,
    Unfair,
)
from tests.loadtest.independent_behaviour import Behaviour
from tests.loadtest.independent_server import independent_server
from tests.loadtest.more_faulty_behaviours import MORE_METRICS
from tests.loadtest.running import PATIENT, UNEXCUSED, RunOutcome, running, write

SCENARIO = f"""
summary = "calm"
heartbeat_s = 4
{UNEXCUSED}
name = "calm"
duration_s = 6
dashboards = 10
publish_rate = 30
"""


ALL = METRICS | MORE_METRICS


async def judge(folder: Path, behaviour: Behaviour, scenario: str = SCENARIO) -> RunOutcome:
    """How a run against a server with that behaviour ends."""
    options = ["--tokens", write(folder / "tokens", "any"), "--slo"]
    options.append(write(folder / "slo.toml", PATIENT))
    async with (
        independent_server(behaviour) as url,
        running(folder, scenario, "--url", url, *options) as going,
    ):
        return await going.outcome()


def test_an_honest_server_that_is_not_rtdash_holds_every_slo(tmp_path: Path):
    """The verdict is about the protocol, not about our own habits."""
    outcome = asyncio.run(judge(tmp_path, Behaviour()))
    assert outcome.code == 0, outcome.output
    assert outcome.findings == ""


def mixed(*kinds: type[Behaviour]) -> Behaviour:
    """A server that is wrong in all of these ways: each overrides other methods."""
    return type("Mixed", kinds, {})()


@pytest.mark.parametrize(
    "kinds",
    [
        (Renaming, Omitting, Miscounting, Forgetful, ForeignStates, Heartless, Leaky),
        (Unfair, SlowAnswers, Mute, Dropping),
    ],
    ids=["contents", "times"],
)
def test_servers_that_are_wrong_in_several_ways(tmp_path: Path, kinds: tuple[type[Behaviour], ...]):
    """Each way breaks its own SLO."""
    outcome = asyncio.run(judge(tmp_path, mixed(*kinds)))
    assert outcome.code == 99, outcome.output
    expected = set().union(*(METRICS[kind] for kind in kinds))
    assert expected - outcome.broken == set(), outcome.output


@pytest.mark.skipif(not FULL, reason="RTDASH_FULL=1 runs each wrong server by itself")
@pytest.mark.optional
@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_each_wrong_server_by_itself(tmp_path: Path, kind: type[Behaviour]):
    """Exit 99, and the SLO that it is about is broken."""
    scenario = SCENARIO.replace("duration_s = 6", "duration_s = 12")
    outcome = asyncio.run(judge(tmp_path, kind(), scenario))
    assert outcome.code == 99, outcome.output
    assert ALL[kind] <= outcome.broken, outcome.output
