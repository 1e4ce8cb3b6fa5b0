"""The verdict over a server that is not rtdash: a right one gets 0, wrong ones are named, each by
its own metric.
"""

import asyncio
from pathlib import Path

import pytest

from rtdash.loadtest.plan.scenario import find_packaged
from rtdash.loadtest.plan.slo import read_slos
from tests.conftest import FULL
from tests.loadtest.faulty_behaviours import (
    Dropping,
    ForeignStates,
    Forgetful,
    Heartless,
    Leaky,
    Miscounting,
    Mute,
    Omitting,
    Renaming,
    Unfair,
)
from tests.loadtest.independent_behaviour import Behaviour
from tests.loadtest.independent_rights import FULL as FULL_TOKEN
from tests.loadtest.independent_rights import HOTEL_READER
from tests.loadtest.independent_server import independent_server
from tests.loadtest.reported_behaviours import (
    AnnouncingTwice,
    DoubleSubscribing,
    Lending,
    Racing,
    SkippingPages,
)
from tests.loadtest.rights_and_limits import Hoarding, Unguarded, Unpinged
from tests.loadtest.running import PATIENT, TRIED, UNEXCUSED, RunOutcome, running, write
from tests.loadtest.slow_behaviours import LateFigures, NoPongs, SlowAnswers
from tests.loadtest.stubborn_behaviours import (
    Bloated,
    Clinging,
    Overstating,
    ReusedIds,
    WrongClockFace,
)
from tests.loadtest.wrong_servers import ALL, KINDS, OTHERS, Wrong

SCENARIO = f"""
summary = "calm"
heartbeat_s = 4
{UNEXCUSED}
name = "calm"
duration_s = 6
dashboards = 10
publish_rate = 30
"""


SLOW = (
    SCENARIO.replace("dashboards = 10", "dashboards = 6\nslow_consumers = 2")
    .replace("duration_s = 6\n", "duration_s = 45\n")
    .replace("heartbeat_s = 4", "heartbeat_s = 90")
    .replace("publish_rate = 30", "publish_rate = 60")
)
LONG = SCENARIO.replace("duration_s = 6", "duration_s = 12")
DROPS = (
    LONG
    + """
[phase.drops]
clean = 60
fin = 60
rst = 60
share = 0.5
"""
)
SCENARIOS = {
    "calm": LONG,
    "drops": DROPS,
    "slow": SLOW,
    "long": SCENARIO.replace("duration_s = 6", "duration_s = 30"),
    "quiet": SCENARIO.replace("duration_s = 6", "duration_s = 40").replace(UNEXCUSED, TRIED),
    "sessions": SCENARIO.replace("heartbeat_s = 4", "heartbeat_s = 4\nsession_ttl_s = 2"),
}


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


def test_a_server_without_venues_ends_in_words(tmp_path: Path):
    """There is nothing to follow: said with what to do, and no traceback."""

    class Empty(Behaviour):
        has_venues = False

    outcome = asyncio.run(judge(tmp_path, Empty()))
    assert outcome.code == 1, outcome.output
    assert "the token is for no venue" in outcome.output
    assert "Traceback" not in outcome.output


def mixed(*kinds: type[Behaviour]) -> Behaviour:
    """A server that is wrong in all of these ways: each overrides other methods."""
    return type("Mixed", kinds, {})()


METRICS = {one.behaviour: one.metrics for one in ALL}


@pytest.mark.parametrize(
    "kinds",
    [
        (
            *(Renaming, Omitting, Miscounting, Forgetful, ForeignStates, Heartless, Leaky),
            *(Unguarded, Hoarding, Clinging, ReusedIds, Overstating),
        ),
        (Unfair, SlowAnswers, Mute, Dropping, LateFigures),
        (
            *(NoPongs, Bloated, WrongClockFace),
            *(DoubleSubscribing, Racing, SkippingPages, AnnouncingTwice, Lending),
        ),
    ],
    ids=["contents", "times", "costs"],
)
def test_servers_that_are_wrong_in_several_ways(tmp_path: Path, kinds: tuple[type[Behaviour], ...]):
    """Each way breaks its own SLO."""
    outcome = asyncio.run(judge(tmp_path, mixed(*kinds)))
    assert outcome.code == 99, outcome.output
    expected = set().union(*(METRICS[kind] for kind in kinds))
    assert expected - outcome.broken == set(), outcome.output


def test_every_slo_by_default_has_a_wrong_server_that_breaks_it():
    """The ledger's SLOs have shims (test_verdicts); some need a browser, or a right server that
    is not exercised.
    """
    slos = read_slos(find_packaged("slo", "default")).slos
    judged = {slo.metric for slo in slos if slo.level == "fail"}
    shimmed = {"lost", "duplicated", "reordered", "invalid", "sessions_forgotten"}
    shimmed |= {"connections_leaked", "delivery_latency"}
    need_more = {"t_paint", "http_latency", "messages", "new_reservations", "reservation_updates"}
    need_more |= {"repeats"}
    assert judged - shimmed - need_more == set().union(*(one.metrics for one in ALL)) - shimmed


def test_ten_wrong_servers_are_of_other_kinds():
    """None of them stands for a kind that the table names."""
    named = {one.behaviour for kind in KINDS.values() for one in kind}
    assert len({one.behaviour for one in OTHERS} - named) >= 10


full = pytest.mark.skipif(not FULL, reason="RTDASH_FULL=1 runs each wrong server by itself")


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, RunOutcome]:
    """The run of each wrong server that is asked for, by name; three at once, since they wait for
    the most part. Late ones are named by far more than the neighbours take.
    """
    asked = [getattr(item, "callspec", None) for item in request.session.items]
    chosen = {one.name: one for spec in asked if spec and (one := spec.params.get("one"))}
    base, places = tmp_path_factory.mktemp("wrong"), asyncio.Semaphore(3)

    async def play(one: Wrong) -> RunOutcome:
        async with places:
            return await judge(base / one.name, one.behaviour(), SCENARIOS[one.scenario])

    async def play_all() -> list[RunOutcome]:
        return await asyncio.gather(*map(play, chosen.values()))

    return dict(zip(chosen, asyncio.run(play_all()), strict=True))


@full
@pytest.mark.optional
@pytest.mark.timeout(3600)  # the first is charged with all
@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_each_wrong_server_by_itself(outcomes: dict[str, RunOutcome], one: Wrong):
    """Exit 99, and the SLO that it is about is broken. What only a quiet machine shows may have no
    verdict on another, and never passes.
    """
    outcome = outcomes[one.name]
    if one.scenario == "quiet" and outcome.code == 98:
        pytest.skip("the machine was too busy to see a millisecond")
    assert outcome.code == 99, outcome.output
    assert one.metrics <= outcome.broken, outcome.output


@full
@pytest.mark.optional
@pytest.mark.timeout(400)
@pytest.mark.parametrize("scenario", ["calm", "drops"])
def test_an_honest_server_holds_every_slo_for_longer(tmp_path: Path, scenario: str):
    """With dropped connections, too."""
    text = SCENARIOS[scenario].replace(UNEXCUSED, TRIED)
    asyncio.run(judge(tmp_path, Behaviour(), text)).assert_right()


@full
@pytest.mark.optional
@pytest.mark.timeout(400)
def test_a_slow_consumer_that_is_closed_is_no_fault(tmp_path: Path):
    """Closed with 4001, while its neighbours keep their connections and their pace: exit 0."""
    outcome = asyncio.run(judge(tmp_path, Unpinged(), SLOW.replace(UNEXCUSED, TRIED)))
    outcome.assert_right()
    assert outcome.code == 98 or "by close 4001" in outcome.output


@full
@pytest.mark.optional
@pytest.mark.timeout(400)
def test_sessions_that_end_in_time_are_no_fault(tmp_path: Path):
    """The server forgets them, and nothing is left."""

    class Forgetting(Behaviour):
        session_ttl_s = 2.0

    text = SCENARIOS["sessions"].replace(UNEXCUSED, TRIED)
    asyncio.run(judge(tmp_path, Forgetting(), text)).assert_right()
