"""The reports of a run that is made by hand: each says the same in its own form."""

import csv
import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from rtdash.loadtest.plan.histogram import Histogram
from rtdash.loadtest.plan.metrics import METRICS, Measures
from rtdash.loadtest.plan.scenario import find_packaged
from rtdash.loadtest.plan.slo import Allowance, NotUsable, Slo, judge, read_slos
from rtdash.loadtest.verdict.advice import ADVICE, advice_on
from rtdash.loadtest.verdict.baseline import compare, read_baseline
from rtdash.loadtest.verdict.phase_result import PhaseResult
from rtdash.loadtest.verdict.report import publish
from rtdash.loadtest.verdict.report.tables import markdown
from rtdash.loadtest.verdict.samples import Sample
from rtdash.loadtest.verdict.summary import EXIT_CODES, RunEnding, Summary


def histogram() -> Histogram:
    recoveries = Histogram()
    recoveries.record(0.5)
    return recoveries


def summary(
    *, lost: int = 0, invalid: tuple[str, ...] = (), is_interrupted: bool = False
) -> Summary:
    measures = Measures()
    measures.add_count("lost", lost)
    measures.add_series("publish_rate", [10, 20])
    measures.add_durations("t_consistent", histogram())
    samples = [
        Sample(
            "calm",
            second + 1.0,
            published=10,
            received=90,
            connected=9,
            p50_ms=2,
            p99_ms=9,
            max_ms=9,
        )
        for second in range(5)
    ]
    phase = PhaseResult(
        "calm", measures, ["lost: client <1>: seq 7"] if lost else [], list(invalid), samples, []
    )
    slo = Slo(metric="lost", statistic="total", op="==", value=0)
    return Summary(
        scenario="test",
        about="made by hand",
        started_at="2026-01-01T00:00:00Z",
        duration_s=5,
        server={"url": None, "own": True},
        generator={"processes": 1, "cpus": 2, "python": "3.11", "seed": 1},
        phases=[phase],
        verdicts=judge([slo], {"calm": measures}),
        is_interrupted=is_interrupted,
    )


@pytest.mark.parametrize(
    ("told", "ending", "code"),
    [
        (summary(), RunEnding.HELD, 0),
        (summary(lost=1), RunEnding.BROKEN, 99),
        (summary(lost=1, invalid=("starved",)), RunEnding.INVALID, 98),
        (summary(is_interrupted=True), RunEnding.INTERRUPTED, 130),
    ],
)
def test_each_ending_has_its_exit_code(told: Summary, ending: RunEnding, code: int):
    """An invalid run is neither held nor broken."""
    assert told.ending is ending
    assert EXIT_CODES[ending] == told.to_json()["exitCode"] == code


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The reports of a run that lost something."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    publish(summary(lost=1), tmp_path / "report", out=io.StringIO())
    return tmp_path / "report"


def test_junit_has_a_case_an_slo_with_the_measured_value(folder: Path):
    """A broken one is a failure."""
    suite = fromstring((folder / "junit.xml").read_text())
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "measured 1, wanted == 0"


def test_the_timeline_has_a_row_a_second(folder: Path):
    """With a column for each figure."""
    rows = list(csv.DictReader(io.StringIO((folder / "timeline.csv").read_text())))
    assert [row["at_s"] for row in rows] == ["1.0", "2.0", "3.0", "4.0", "5.0"]
    assert rows[0]["received"] == "90"


def test_the_page_needs_nothing_from_elsewhere(folder: Path):
    """One file: no script, no link, no image; the findings are escaped; the curves are there."""
    text = (folder / "report.html").read_text()
    seen: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            seen.append(tag)

    Tags().feed(text)
    assert not {"script", "link", "img", "iframe"} & set(seen)
    assert "http" not in text
    assert "client &lt;1&gt;" in text
    assert all(
        title in text
        for title in ("SLOs", "What was found", "Recoveries", "Over time", "all other measures")
    )
    assert seen.count("svg") >= 4


def test_each_value_of_the_page_names_its_phase(folder: Path):
    """A narrow screen shows a row below the other, where no head of a column is left."""
    text = (folder / "report.html").read_text()
    assert 'data-phase="calm">1</td>' in text


def test_an_invalid_page_has_no_tone_but_grey(tmp_path: Path):
    """Nothing is called broken, or held, in its colour where there is no verdict."""
    publish(summary(lost=1, invalid=("busy",)), tmp_path, out=io.StringIO())
    text = (tmp_path / "report.html").read_text()
    assert '<tr class="grey">' in text
    assert '<tr class="bad">' not in text
    assert '<tr class="good">' not in text


def test_the_step_summary_gets_the_verdict(folder: Path):
    """The same as summary.md."""
    assert (folder.parent / "step.md").read_text() == (folder / "summary.md").read_text()
    assert "| BROKEN | lost total == 0 | 1 ! |" in (folder / "summary.md").read_text()


def test_foreign_text_is_text_in_every_report(tmp_path: Path):
    """What a server says, and the name of a file, are no Markdown, no HTML, no terminal's orders
    and no end of a line; junit.xml stays XML.
    """
    evil = "x |\n\n## Injected\n<img src=x>\x1b[31m\x00 [a](http://b) `c`"
    told = replace(summary(lost=1, invalid=(evil,)), scenario=evil, about=evil)
    phase = replace(told.phases[0], findings=[f"lost: {evil}"] * 3, notes=[evil])
    out = io.StringIO()
    publish(replace(told, phases=[phase]), tmp_path, out=out)
    text = (tmp_path / "summary.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("#")] == [text.splitlines()[0]]
    assert "<img" not in text.replace("\\<", "")
    assert "\\[a\\](http://b) \\`c\\`" in text
    for written in (text, out.getvalue(), (tmp_path / "junit.xml").read_text()):
        assert "\x1b" not in written
        assert "\x00" not in written
    assert fromstring((tmp_path / "junit.xml").read_text()).get("errors") == "1"


def test_a_baseline_is_compared_with_an_allowance(folder: Path):
    """More losses are worse; a rate within the noise isn't, and a higher one never is."""
    baseline = read_baseline(folder / "summary.json")
    now = Measures()
    now.add_count("lost", 5)
    now.add_series("publish_rate", [16])
    worse = {one.metric: one.is_worse for one in compare(baseline, {"calm": now}, Allowance())}
    assert worse == {"lost": True, "publish_rate": False}
    slow = Measures()
    slow.add_series("publish_rate", [7])
    (only,) = compare(baseline, {"calm": slow}, Allowance(level="fail"))
    assert only.fails


@pytest.mark.parametrize(
    "content",
    ["", "{}", '{"schema": "something/2"}', '{"schema": "rtdash.loadtest/1", "phases": [{}]}'],
)
def test_a_baseline_that_is_none_is_an_error(tmp_path: Path, content: str):
    """Not a comparison with nothing."""
    (tmp_path / "baseline.json").write_text(content)
    with pytest.raises(NotUsable):
        read_baseline(tmp_path / "baseline.json")


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_its_place_beside_a_baseline(name: str):
    """Compared by its statistics, or left out; more of what was exercised is no worse."""
    measures = Measures()
    measures.values[name, None] = dict.fromkeys(METRICS[name].kind.value, 3000.0)
    stored = {"metric": name, "scope": None, "values": dict.fromkeys(METRICS[name].kind.value, 1.0)}
    baseline = {"phases": [{"name": "calm", "measures": [stored]}]}
    found = compare(baseline, {"calm": measures}, Allowance())
    better = {"publish_rate", "delivery_rate", "verified_per_cpu_second", "knee"}
    assert all(one.is_worse for one in found) == (name not in better or not found)
    is_coverage = name in {"messages", "notifications", "rest_reads", "batches", "repeats"}
    assert (
        bool(found)
        or is_coverage
        or name
        in {
            *("connections", "recovered", "faults", "drops", "generator_lag", "generator_cpu"),
            *("state_changes", "new_reservations", "reservation_updates", "upcoming_reservations"),
            *("compressed", "rights_refused", "slow_consumers", "fsync_latency", "others_cpu"),
            *("cpu_pressure", "memory_pressure", "disk_pressure"),
            *("latency_trend", "connect_trend", "memory_trend", "cpu_trend"),
        }
    )


def test_a_baseline_of_another_version_is_compared_as_far_as_it_goes(folder: Path):
    """A statistic that it doesn't have is left out."""
    stored = json.loads((folder / "summary.json").read_text())
    for measure in stored["phases"][0]["measures"]:
        measure["values"].pop("p50", None)
    (folder / "summary.json").write_text(json.dumps(stored))
    now = Measures()
    now.add_durations("t_consistent", histogram())
    compared = compare(read_baseline(folder / "summary.json"), {"calm": now}, Allowance())
    assert [one.statistic for one in compared] == ["p99"]


def test_a_broken_slo_is_explained():
    """What was measured, what that means, where to look: on the terminal and in the other forms."""
    out = io.StringIO()
    publish(summary(lost=2), None, out=out)
    told = out.getvalue()
    assert "broken in calm: lost is 2, and must be == 0" in told
    assert METRICS["lost"].meaning in told
    assert advice_on("lost") in told
    assert advice_on("lost") in markdown(summary(lost=2))


def test_every_slo_by_default_has_advice():
    """And none is about a metric that there isn't."""
    assert set(ADVICE) <= set(METRICS)
    slos = read_slos(find_packaged("slo", "default")).slos
    assert all(advice_on(slo.metric) for slo in slos)
