"""The whole of `rtdash loadtest` against a right server and against wrong ones: each fault is found,
named, and breaks the right SLO.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rtdash.cli.credentials import local_token
from rtdash.cli.main import run
from rtdash.loadtest.run.own_server import OwnServer
from tests.conftest import FULL
from tests.loadtest.faulty_servers import (
    Drops,
    Faithful,
    Forgets,
    Garbles,
    Leaks,
    Repeats,
    Shim,
    Stalls,
    Swaps,
)
from tests.loadtest.running import (
    CALM,
    DROPPING,
    PATIENT,
    TRIED,
    UNEXCUSED,
    RunOutcome,
    running,
    write,
)

PATIENT_CALM, PATIENT_DROPPING = (
    CALM.replace("[[phase]]", UNEXCUSED),
    DROPPING.replace("[[phase]]", UNEXCUSED),
)

TOO_MUCH = """
summary = "more than one process can read"
[[phase]]
name = "flood"
duration_s = 2
dashboards = 100
spawn_rate = 200
publish_rate = 2000
publish_batch = 50
settle_s = 3
"""
LEDGER = {
    "lost",
    "duplicated",
    "reordered",
    "invalid",
    "unexpected",
    "acknowledged_lost",
    "sessions_forgotten",
    "connections_leaked",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServer]:
    """One right server for all."""
    own = OwnServer(tmp_path_factory.mktemp("server"), local_token)
    asyncio.run(own.start())
    yield own
    asyncio.run(own.stop())


async def judge(
    folder: Path,
    server: OwnServer,
    scenario: str,
    fault: type[Faithful] | None,
    *,
    shared: bool = True,
) -> RunOutcome:
    """Run the command through a shim with this fault: one for all connections, or one each."""
    options = [
        "--tokens",
        write(folder / "tokens", server.token),
        "--slo",
        write(folder / "slo.toml", PATIENT),
    ]
    one = (fault or Faithful)()
    async with Shim(
        urlsplit(server.url).port or 0, (lambda: one) if shared else (fault or Faithful)
    ) as shim:
        url = f"http://127.0.0.1:{shim.port}" if fault else server.url
        async with running(folder, scenario, "--url", url, *options) as going:
            return await going.outcome()


def test_a_right_server_holds_every_slo(tmp_path: Path, server: OwnServer):
    """Exit 0, nothing found, all five reports written."""
    outcome = asyncio.run(judge(tmp_path, server, CALM.replace("[[phase]]", TRIED), None))
    outcome.assert_right()
    assert {path.name for path in outcome.folder.iterdir()} == {
        *("report.html", "summary.json", "summary.md", "junit.xml", "timeline.csv"),
    }


def test_a_server_with_every_lie_about_events_at_once(tmp_path: Path, server: OwnServer):
    """Lost, repeated, reordered and garbled: each is named with its client, and each breaks its own
    SLO.
    """

    class All(Faithful):
        def __init__(self) -> None:
            self.faults = [Garbles(), Drops(), Swaps(), Repeats()]

        def from_server(self, payload, connection):
            told = [(0.0, payload)]
            for fault in self.faults:
                told = [
                    (pause_s, one)
                    for _, before in told
                    for pause_s, one in fault.from_server(before, connection)
                ]
            yield from told

    never_settled = PATIENT_CALM + "settle_s = 5\n"
    outcome = asyncio.run(judge(tmp_path, server, never_settled, All))
    assert outcome.code == 99, outcome.output
    assert {"lost", "duplicated", "reordered", "invalid"} <= outcome.broken
    for named in (
        "lost: client ",
        "duplicated: client ",
        "reordered: client ",
        "reservation.guests is '",
    ):
        assert named in outcome.findings


def test_a_server_that_forgets_and_leaks(tmp_path: Path, server: OwnServer):
    """Sessions that aren't known any more, and connections that stay: both are named, and nothing
    was lost.
    """

    class Both(Forgets):
        leaks = True

    outcome = asyncio.run(judge(tmp_path, server, PATIENT_DROPPING, Both))
    assert outcome.code == 99, outcome.output
    assert outcome.broken & LEDGER == {"sessions_forgotten", "connections_leaked"}
    assert "session_unknown" in outcome.findings
    assert "connections after all have closed" in outcome.findings


def test_a_server_that_stalls(tmp_path: Path, server: OwnServer):
    """Half a second now and then breaks the latency's SLO and none of the ledger's."""
    outcome = asyncio.run(judge(tmp_path, server, PATIENT_CALM, Stalls, shared=False))
    assert outcome.code == 99, outcome.output
    assert "delivery_latency" in outcome.broken
    assert not outcome.broken & LEDGER


def test_a_starved_generator_is_no_verdict(tmp_path: Path, server: OwnServer):
    """More than the generator can read: 98, and the report says why."""
    outcome = asyncio.run(judge(tmp_path, server, TOO_MUCH, None))
    assert outcome.code == 98, outcome.output
    assert outcome.summary["ending"] == "invalid"
    assert "generator" in outcome.summary["invalid"][0]


@pytest.mark.skipif(not FULL, reason="RTDASH_FULL=1 runs each fault by itself")
@pytest.mark.optional
@pytest.mark.parametrize(
    ("fault", "scenario", "metric"),
    [
        (Drops, PATIENT_CALM, "lost"),
        (Repeats, PATIENT_CALM, "duplicated"),
        (Swaps, PATIENT_CALM, "reordered"),
        (Garbles, PATIENT_CALM, "invalid"),
        (Forgets, PATIENT_DROPPING, "sessions_forgotten"),
        (Leaks, PATIENT_DROPPING, "connections_leaked"),
    ],
)
def test_each_lie_by_itself(
    tmp_path: Path, server: OwnServer, fault: type[Faithful], scenario: str, metric: str
):
    """The right SLO breaks, and no other of the ledger's."""
    outcome = asyncio.run(judge(tmp_path, server, scenario, fault))
    assert outcome.code == 99, outcome.output
    assert outcome.broken & LEDGER == {metric}


def test_an_unreachable_server_is_exit_3(tmp_path: Path):
    """Nothing listens there: said so at once, without a report."""
    (tmp_path / "tokens").write_text("whatever")
    command = [
        sys.executable,
        "-m",
        "rtdash",
        "loadtest",
        "--url",
        "http://127.0.0.1:9",
        "--tokens",
        str(tmp_path / "tokens"),
    ]
    process = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=dict(os.environ)
    )
    assert process.returncode == 3
    assert "can't reach the server" in process.stderr


@pytest.mark.parametrize(
    ("scenario", "url", "reason"),
    [("storm", "https://example.com", "restarts the server"), ("ci", "example.com", "URL")],
)
def test_what_cannot_be_run_is_a_matter_of_usage(
    capsys: pytest.CaptureFixture[str], scenario: str, url: str, reason: str
):
    """Exit 2: a storm restarts its server, so that it must be its own; a URL begins with its
    scheme.
    """
    assert run(["loadtest", scenario, "--url", url]) == 2
    assert reason in capsys.readouterr().err


def test_a_report_that_cant_be_written_is_said_before_the_run(capsys: pytest.CaptureFixture[str]):
    """Exit 2, at once: not after all of it."""
    assert run(["loadtest", "--report", "/dev/null/report"]) == 2
    told = capsys.readouterr().err
    assert "--report DIR" in told
    assert "starting a server" not in told


def test_the_token_of_the_other_commands_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """RTDASH_TOKEN, where this machine has no secret: the server is asked, and not there."""
    monkeypatch.setenv("RTDASH_TOKEN", "whatever")
    assert run(["loadtest", "--url", "http://127.0.0.1:9", "--data", str(tmp_path)]) == 3
    assert "can't reach the server" in capsys.readouterr().err
