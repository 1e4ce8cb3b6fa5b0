"""Runs that end before their time, or say nothing: each with its exit code, its reason in words,
its report, and no process left.

None of them judges a latency, so they run side by side, once for all tests.
"""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.certificates import certificate
from tests.loadtest.running import CALM, RunOutcome
from tests.loadtest.scenes import (
    LONG,
    SLOWLY,
    aborted,
    dying,
    encrypted,
    interrupted,
    interrupted_while,
    lost,
    pruned,
    starved,
)

__all__ = ["certificate"]

pytestmark = pytest.mark.timeout(300)  # the first test is charged with all scenes


@pytest.fixture(scope="module")
def outcomes(
    tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]
) -> dict[str, RunOutcome]:
    """All of them, by name; four at once, since a start of a server and a generator is what they
    take most of their time for.
    """
    scenes = {
        "server": dying("serve"),
        "generator": dying("locust"),
        "ctrl-c": interrupted(LONG, "published"),
        "spawning": interrupted(SLOWLY, "200 users"),
        "starting": interrupted_while("serve", LONG, "starting a server"),
        "reporting": interrupted_while("locust", CALM, "  SLO"),
        "aborted": aborted,
        "starved": starved,
        "pruned": pruned,
        "lost": lost(signal.SIGKILL),
        "frozen": lost(signal.SIGSTOP),
        "tls": encrypted(certificate, is_trusted=True),
        "untrusted": encrypted(certificate, is_trusted=False),
    }
    base = tmp_path_factory.mktemp("endings")
    places = asyncio.Semaphore(4)

    async def play(name: str) -> RunOutcome:
        async with places:
            return await scenes[name](base / name)

    async def play_all() -> list[RunOutcome]:
        return await asyncio.gather(*map(play, scenes))

    return dict(zip(scenes, asyncio.run(play_all()), strict=True))


def test_a_server_that_dies_is_named(outcomes: dict[str, RunOutcome]):
    """Exit 3, how it ended, what was measured until then; what can't be known any more is not
    held.
    """
    ended = outcomes["server"]
    assert ended.code == 3, ended.output
    assert "the server ended by itself, by signal 9" in ended.summary["serverGone"]
    assert {
        slo["outcome"] for slo in ended.summary["slos"] if slo["metric"] == "not_recovered"
    } == {"not measured"}
    assert (ended.folder / "report.html").exists()
    assert not ended.left


@pytest.mark.parametrize("name", ["lost", "frozen"])
def test_a_server_elsewhere_that_is_lost_for_good_ends_the_run(
    outcomes: dict[str, RunOutcome], name: str
):
    """Exit 3, as soon as it is sure, and long before the traffic would be over; what was measured
    until then is in the report.
    """
    ended = outcomes[name]
    assert ended.code == 3, ended.output
    assert "nothing has come from it for 3 s" in ended.summary["serverGone"]
    assert ended.summary["durationS"] < 100
    assert {
        slo["outcome"] for slo in ended.summary["slos"] if slo["metric"] == "not_recovered"
    } == {"not measured"}
    assert (ended.folder / "report.html").exists()


def test_a_generator_that_dies_is_named(outcomes: dict[str, RunOutcome]):
    """Exit 98: the run says nothing about the server."""
    ended = outcomes["generator"]
    assert ended.code == 98, ended.output
    assert "the generator ended by itself, by signal 9" in ended.summary["invalid"][0]
    assert (ended.folder / "report.html").exists()
    assert not ended.left


@pytest.mark.parametrize("name", ["ctrl-c", "spawning"])
def test_an_interrupted_run_leaves_its_report_and_no_process(
    outcomes: dict[str, RunOutcome], name: str
):
    """Ctrl-C while there is traffic, or while the users come: exit 130, what was measured is in the
    report.
    """
    ended = outcomes[name]
    assert ended.code == 130, ended.output
    assert ended.summary["ending"] == "interrupted"
    assert len(ended.family) >= 2, "a server and a generator ran beside it"
    assert not ended.left


def test_an_interrupt_while_the_server_starts_leaves_no_process(outcomes: dict[str, RunOutcome]):
    """There is nothing to report yet: exit 130."""
    ended = outcomes["starting"]
    assert ended.code == 130, ended.output
    assert "Traceback" not in ended.output
    assert not ended.left


def test_an_interrupt_while_the_report_is_written_leaves_it_whole(outcomes: dict[str, RunOutcome]):
    """All of it is there; the run was over, and its verdict, or the interrupt, is the exit code."""
    ended = outcomes["reporting"]
    assert ended.code in {0, 98, 99, 130, -signal.SIGINT}, ended.output
    assert {path.name for path in ended.folder.iterdir()} == {
        "report.html",
        "summary.json",
        "summary.md",
        "junit.xml",
        "timeline.csv",
    }
    assert ended.summary["ending"] != "interrupted"
    assert "Traceback" not in ended.output
    assert not ended.left


def test_a_run_that_is_interrupted_while_users_come_ends_without_them(
    outcomes: dict[str, RunOutcome],
):
    """200 users at one a second would take minutes."""
    assert outcomes["spawning"].summary["durationS"] < 100


def test_an_slo_that_aborts_ends_a_real_run(outcomes: dict[str, RunOutcome]):
    """Long before its duration is over: exit 99, and the report says which SLO it was."""
    ended = outcomes["aborted"]
    assert ended.code == 99, ended.output
    assert ended.summary["durationS"] < 100
    assert any(
        "ended early: delivery_latency max <= 0.001 ms" in note
        for note in ended.summary["phases"][0]["notes"]
    )


def test_a_phase_that_says_nothing_is_measured_again(outcomes: dict[str, RunOutcome]):
    """As often as the scenario allows: the report says so, and the last time counts."""
    ended = outcomes["starved"]
    assert ended.code == 98, ended.output
    (phase,) = ended.summary["phases"]
    assert len([note for note in phase["notes"] if "measured again" in note]) == 1


def test_a_log_that_was_pruned_under_the_run_is_no_verdict(outcomes: dict[str, RunOutcome]):
    """Exit 98: what clients missed can't be distinguished from what the log doesn't have any more."""
    ended = outcomes["pruned"]
    assert ended.code == 98, ended.output
    assert "was pruned during the run" in " ".join(ended.summary["invalid"])


def test_connections_are_dropped_over_tls(outcomes: dict[str, RunOutcome]):
    """The certificate is checked through the proxy, faults hit, all clients are back, nothing is
    lost.
    """
    ended = outcomes["tls"]
    assert ended.code == 0, ended.output
    measures = {
        measure["metric"]: measure["values"] for measure in ended.summary["phases"][0]["measures"]
    }
    assert measures["t_detect"]["count"] > 0
    assert measures["not_recovered"]["total"] == 0
    assert measures["connections_leaked"]["total"] == 0


def test_a_certificate_that_is_not_trusted_is_said(outcomes: dict[str, RunOutcome]):
    """Exit 3, with the reason."""
    assert outcomes["untrusted"].code == 3
    assert "CERTIFICATE_VERIFY_FAILED" in outcomes["untrusted"].output
