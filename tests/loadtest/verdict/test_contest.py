"""A contest of two servers: ratios with their confidence, and the exit code."""

import asyncio
import io
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from rtdash.loadtest.plan.histogram import Histogram
from rtdash.loadtest.plan.metrics import Measures
from rtdash.loadtest.plan.slo import Slo, judge
from rtdash.loadtest.run.sides import alternate
from rtdash.loadtest.verdict.contest import Contest, Round
from rtdash.loadtest.verdict.phase_result import PhaseResult
from rtdash.loadtest.verdict.report.comparing import publish_contest
from rtdash.loadtest.verdict.summary import Summary

NAMES = ("old", "http://new:8000")


def summary(latency_s: float, *, lost: int = 0, invalid: tuple[str, ...] = ()) -> Summary:
    """Of a run in which every event took that long."""
    histogram = Histogram()
    histogram.record(latency_s)
    measures = Measures()
    measures.add_durations("delivery_latency", histogram)
    measures.add_count("lost", lost)
    phase = PhaseResult("calm", measures, [], list(invalid), [], [])
    slo = Slo(metric="lost", statistic="total", op="==", value=0)
    verdicts = judge([slo], {"calm": measures})
    return Summary("test", "", "2026-01-01T00:00:00Z", 1, {"own": True}, {}, [phase], verdicts)


def contest(factor: float, noise: float = 0.0, rounds: int = 5, **b: object) -> Contest:
    """B takes so many times as long as A, with noise that both rounds share."""
    rng = random.Random(7)
    made = []
    for _ in range(rounds):
        base = 0.02 * (1 + rng.random())
        made.append(Round(summary(base), summary(base * factor * (1 + noise * rng.random()), **b)))
    return Contest(tuple(made), 0.1)


@pytest.mark.parametrize(
    ("factor", "noise", "code"), [(1.0, 0.02, 0), (0.5, 0.02, 0), (1.5, 0.02, 99), (1.05, 0.02, 0)]
)
def test_a_slower_server_is_worse_beyond_the_allowance(factor: float, noise: float, code: int):
    """Rounds differ by a factor of two; the ratio of each round doesn't."""
    told = contest(factor, noise)
    (ratio, _) = told.ratios
    assert ratio.low <= factor * 1.02 <= ratio.high * 1.02
    assert told.exit_code == code


def test_noise_is_no_finding():
    """Three rounds that contradict each other say nothing for sure."""
    rounds = [Round(summary(0.02), summary(0.02 * factor)) for factor in (0.5, 3.0, 1.2)]
    told = Contest(tuple(rounds), 0.1)
    assert told.exit_code == 0
    assert told.ratios[0].low < 1 < told.ratios[0].high


def test_an_slo_that_only_b_breaks_is_worse():
    """Whatever the ratios are; a run that says nothing is no verdict."""
    assert contest(1.0, lost=3).exit_code == 99
    assert contest(1.0, invalid=("starved",)).exit_code == 98


def test_the_result_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """For people, for programs, for GitHub."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    out = io.StringIO()
    publish_contest(contest(2.0), NAMES, tmp_path, out=out)
    assert "B is worse than A" in out.getvalue()
    told = json.loads((tmp_path / "compare.json").read_text())
    assert told["exitCode"] == 99
    assert {one["worse"] for one in told["ratios"]} == {True}
    assert (tmp_path / "step.md").read_text() == (tmp_path / "compare.md").read_text()


def test_what_only_b_breaks_is_named():
    """Not what A breaks as well."""
    both = Contest((Round(summary(0.02, lost=1), summary(0.02, lost=1)),), 0.1)
    assert both.broken_by_b == []
    out = io.StringIO()
    publish_contest(contest(1.0, lost=3), NAMES, None, out=out)
    assert "broken by B alone: calm: lost total == 0" in out.getvalue()
    assert "round 1: A held, B broken (lost)" in out.getvalue()


def test_the_reason_is_said_before_the_table():
    """With the ratio and how sure it is."""
    out = io.StringIO()
    publish_contest(contest(2.0), NAMES, None, out=out)
    told = out.getvalue()
    assert "worse: calm: delivery_latency p50 (ms) of B is 2.00 times that of A" in told
    assert told.index("worse: calm") < told.index("95 %")


@pytest.mark.parametrize(("then", "code"), [(2.0, 99), (0.9, 0)])
def test_what_seems_worse_must_seem_so_again(then: float, code: int):
    """Two more rounds: three that agree by chance are no finding."""
    factors = iter([2.0, 2.1, 2.05, then, then])
    said: list[str] = []
    a, b = cast("Any", "a"), cast("Any", "b")

    async def run(request: object) -> Summary:
        return summary(0.02 * (next(factors) if request == "b" else 1.0))

    done = asyncio.run(alternate(a, b, run, said.append, repeat=3, allow=0.1))
    assert (len(done.rounds), done.exit_code) == (5, code)
    assert "B seems worse: 2 more rounds make sure" in said


def test_the_sides_take_turns_and_say_where_they_stand():
    """A first in every second round; a Ctrl-C ends it, and the rounds before count."""
    said: list[str] = []
    ended = iter([*[summary(0.02)] * 5, replace(summary(0.02), is_interrupted=True)])

    async def run(_request: object) -> Summary:
        return next(ended)

    done = asyncio.run(alternate(*([cast("Any", None)] * 2), run, said.append, repeat=3, allow=0.1))
    assert said[::2] == [
        *("round 1 of 3, side A", "round 1 of 3, side B", "round 2 of 3, side B"),
        *("round 2 of 3, side A", "round 3 of 3, side A", "round 3 of 3, side B"),
    ]
    assert (len(done.rounds), done.exit_code) == (2, 130)


def test_the_names_of_the_sides_are_text(tmp_path: Path):
    """Paths, which may hold what a terminal or Markdown obeys."""
    out = io.StringIO()
    publish_contest(contest(1.0), ("[/x] |\x1b[31m", "b\n## c"), tmp_path, out=out)
    assert "A: [/x] |" in out.getvalue()
    text = (tmp_path / "compare.md").read_text()
    assert "\x1b" not in out.getvalue() + text
    assert [line for line in text.splitlines() if line.startswith("#")] == [text.splitlines()[0]]
