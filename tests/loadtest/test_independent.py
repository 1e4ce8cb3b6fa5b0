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
from tests.loadtest.independent_rights import FULL as FULL_TOKEN
from tests.loadtest.independent_rights import HOTEL_READER
from tests.loadtest.independent_server import independent_server
from tests.loadtest.more_faulty_behaviours import MORE_METRICS
from tests.loadtest.rights_and_limits import (
    CALM_METRICS,
    SLOW_METRICS,
    Hoarding,
    Unforgetting,
    Unguarded,
    Unpinged,
)
from tests.loadtest.running import PATIENT, TRIED, UNEXCUSED, RunOutcome, running, write

SCENARIO = f"""
summary = "calm"
heartbeat_s = 4
{UNEXCUSED}
name = "calm"
duration_s = 6
dashboards = 10
publish_rate = 30
"""


ALL = METRICS | MORE_METRICS | CALM_METRICS
SLOW = SCENARIO.replace("dashboards = 10", "dashboards = 6\nslow_consumers = 2").replace(
    "duration_s = 6\n", "duration_s = 30\n").replace("heartbeat_s = 4", "heartbeat_s = 90").replace(
    "publish_rate = 30", "publish_rate = 60")  # fmt: skip


async def judge(folder: Path, behaviour: Behaviour, scenario: str = SCENARIO) -> RunOutcome:
    """How a run against a server with that behaviour ends."""
    options = ["--tokens", write(folder / "tokens", f"{FULL_TOKEN}\n{HOTEL_READER}"), "--slo"]
    options.append(write(folder / "slo.toml", PATIENT))
    async with (
        independent_server(behaviour) as url,
        running(folder, scenario, "--url", url, *options) as going,
    ):
        return await going.outcome()


def test_an_honest_server_that_is_not_rtdash_holds_every_slo(tmp_path: Path):
    """The verdict is about the protocol, not about our own habits."""
    outcome = asyncio.run(judge(tmp_path, Behaviour(), SCENARIO.replace(UNEXCUSED, TRIED)))
    outcome.assert_right()
    measures = {
        measure["metric"]: measure["values"] for measure in outcome.summary["phases"][0]["measures"]
    }
    assert measures["rights_refused"]["total"] > 0
    assert measures["sessions_leaked"]["total"] == 0


def mixed(*kinds: type[Behaviour]) -> Behaviour:
    """A server that is wrong in all of these ways: each overrides other methods."""
    return type("Mixed", kinds, {})()


@pytest.mark.parametrize(
    "kinds",
    [
        (
            Renaming,
            Omitting,
            Miscounting,
            Forgetful,
            ForeignStates,
            Heartless,
            Leaky,
            Unguarded,
            Hoarding,
        ),
        (Unfair, SlowAnswers, Mute, Dropping),
    ],
    ids=["contents", "times"],
)
def test_servers_that_are_wrong_in_several_ways(tmp_path: Path, kinds: tuple[type[Behaviour], ...]):
    """Each way breaks its own SLO."""
    outcome = asyncio.run(judge(tmp_path, mixed(*kinds)))
    assert outcome.code == 99, outcome.output
    expected = set().union(*(ALL[kind] for kind in kinds))
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


full = pytest.mark.skipif(not FULL, reason="RTDASH_FULL=1 runs each wrong server by itself")


@full
@pytest.mark.optional
def test_a_slow_consumer_that_is_closed_is_no_fault(tmp_path: Path):
    """Closed with 4001, while its neighbours keep their connections and their pace: exit 0."""
    outcome = asyncio.run(judge(tmp_path, Unpinged(), SLOW.replace(UNEXCUSED, TRIED)))
    outcome.assert_right()
    assert "by close 4001" in outcome.output


@full
@pytest.mark.optional
@pytest.mark.parametrize("kind", SLOW_METRICS, ids=lambda kind: kind.__name__)
def test_each_wrong_server_with_slow_consumers(tmp_path: Path, kind: type[Behaviour]):
    """Exit 99, and the SLO that it is about is broken."""
    outcome = asyncio.run(judge(tmp_path, kind(), SLOW))
    assert outcome.code == 99, outcome.output
    assert SLOW_METRICS[kind] <= outcome.broken, outcome.output


@full
@pytest.mark.optional
def test_sessions_that_are_kept_beyond_their_time(tmp_path: Path):
    """Found where the scenario says how long a session lives, and waits for it."""
    scenario = SCENARIO.replace("heartbeat_s = 4", "heartbeat_s = 4\nsession_ttl_s = 2")
    outcome = asyncio.run(judge(tmp_path, Unforgetting(), scenario))
    assert outcome.code == 99, outcome.output
    assert outcome.broken == {"sessions_leaked"}, outcome.output
