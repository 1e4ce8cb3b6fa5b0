"""The trend over stored runs, as a page."""

import io
import json
from pathlib import Path

import pytest

from rtdash.loadtest.plan.slo import NotUsable
from rtdash.loadtest.verdict.report.history import history_page, read_history, write_history
from tests.loadtest.verdict.test_report import summary


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three stored runs, the files in another order than the runs."""
    for day in (2, 3, 1):
        folder = tmp_path / f"run-{3 - day}"
        folder.mkdir()
        told = summary().to_json() | {"startedAt": f"2026-01-0{day}T00:00:00Z"}
        (folder / "summary.json").write_text(json.dumps(told))
    return tmp_path


def test_runs_are_read_in_the_order_of_their_beginnings(runs: Path):
    """From directories and from single files."""
    assert [run["startedAt"][9] for run in read_history([runs])] == ["1", "2", "3"]
    assert len(read_history([runs / "run-0" / "summary.json"])) == 1


def test_the_page_has_a_chart_for_each_figure_that_was_measured(runs: Path):
    """And a line for each run; nothing from elsewhere."""
    out = io.StringIO()
    write_history(read_history([runs]), runs, out=out)
    page = (runs / "trend.html").read_text()
    assert "Back in the present after a fault: test, calm" in page
    assert page.count("2026-01-0") == 3
    assert "http" not in page
    assert "3 runs" in out.getvalue()


@pytest.mark.parametrize("content", [None, "{}"])
def test_what_is_no_summary_is_an_error(tmp_path: Path, content: str | None):
    """An empty directory, or another file of that name."""
    if content is not None:
        (tmp_path / "summary.json").write_text(content)
    with pytest.raises(NotUsable):
        read_history([tmp_path])


def test_a_run_that_did_not_hold_is_marked_and_one_without_a_verdict_not_drawn(runs: Path):
    """The figures of such a run are the busy machine's."""
    stored = runs / "run-0" / "summary.json"
    for ending in ("broken", "invalid"):
        stored.write_text(json.dumps(json.loads(stored.read_text()) | {"ending": ending}))
        page = history_page(read_history([runs]))
        assert f">{ending}</text>" in page
        drawn = page.partition('<path class="s0" d="')[2].partition('"')[0]
        assert drawn.count("L") + drawn.count("M") == (3 if ending == "broken" else 2)


def test_a_single_run_is_a_dot(runs: Path):
    """And not an invisible line."""
    page = history_page(read_history([runs / "run-0"]))
    assert 'h0"/>' in page
