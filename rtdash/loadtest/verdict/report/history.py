"""History of stored runs: trend.html, with a curve over the runs for each figure."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from markupsafe import Markup

from rtdash.loadtest.plan.slo import NotUsable, SloOutcome
from rtdash.loadtest.verdict.baseline import read_baseline
from rtdash.loadtest.verdict.report.charts import Line, figure, line_chart
from rtdash.loadtest.verdict.report.rendering import render
from rtdash.loadtest.verdict.summary import RunEnding

_FOLLOWED = (
    ("Latency from commit to client", "ms", "delivery_latency", ("p50", "p99")),
    ("Acknowledgement", "ms", "publish_latency", ("p50", "p99")),
    ("Back in the present after a fault", "ms", "t_consistent", ("p50", "p95")),
    ("CPU of the server a message", "µs", "server_cpu_per_message", ("value",)),
    ("Memory of the server", "MiB", "server_memory", ("max",)),
    ("Messages verified", "/s", "delivery_rate", ("mean",)),
    ("Knee", "/s", "knee", ("value",)),
)
_MOST_NAMED = 6
"""Marks that are named at their line; more would stand on each other."""
Run = Mapping[str, Any]


def read_history(paths: Iterable[Path]) -> list[Run]:
    """Read summary.json files, by their paths or below directories, the oldest first. Raises
    NotUsable.
    """
    runs: list[Run] = []
    for path in paths:
        files = sorted(path.rglob("summary.json")) if path.is_dir() else [path]
        if not files:
            raise NotUsable(path, "holds no summary.json")
        runs += [read_baseline(file) for file in files]
    return sorted(runs, key=lambda run: str(run["startedAt"]))


def write_history(runs: list[Run], folder: Path, *, out: TextIO) -> None:
    """Write trend.html into the folder, and its path to `out`."""
    path = folder / "trend.html"
    path.write_text(history_page(runs), encoding="utf-8")
    out.write(f"{len(runs)} runs: {path}\n")


def history_page(runs: list[Run]) -> str:
    """Return the page: a chart for each figure and scenario's phase over the numbers of the runs,
    and the runs, latest first. A run that did not hold is marked; of one without a verdict no
    figure is drawn.
    """
    numbered = list(enumerate(runs, 1))
    phases = list(dict.fromkeys(key for run in runs for key in _phases(run)))
    charts = [chart for key in phases for chart in _charts(numbered, key)]
    rows = [
        (
            str(number),
            str(run["startedAt"]).replace("T", " ").removesuffix("Z"),
            run["scenario"],
            run["ending"],
            ", ".join(_broken(run)),
            "; ".join(f"{name} {_latency(run, name)}" for _, name in _phases(run)),
            run.get("environment", {}).get("programs", ""),
        )
        for number, run in reversed(numbered)
    ]
    return render(
        "trend.html.j2",
        {
            "count": len(runs),
            "charts": [Markup(chart) for chart in charts],  # noqa: S704 - ours
            "head": ("run", "begun", "scenario", "ending", "broken", "delivery p99", "programs"),
            "rows": rows,
        },
    )


def _broken(run: Run) -> Iterator[str]:
    """Yield the metrics of the SLOs that a run broke, each once."""
    slos = run.get("slos", ()) if run["ending"] == RunEnding.BROKEN else ()
    broken = (
        one.get("metric", "?")
        for one in slos
        if one.get("outcome") == SloOutcome.BROKEN and one.get("level") == "fail"
    )
    yield from dict.fromkeys(broken)


def _phases(run: Run) -> Iterator[tuple[str, str]]:
    for phase in run["phases"]:
        yield run["scenario"], phase["name"]


def _charts(numbered: list[tuple[int, Run]], key: tuple[str, str]) -> Iterator[str]:
    scenario, phase = key
    of_scenario = [(number, run) for number, run in numbered if key in _phases(run)]
    failed = [(number, run) for number, run in of_scenario if run["ending"] != RunEnding.HELD]
    is_named = len(failed) <= _MOST_NAMED
    marks = [(float(number), run["ending"] if is_named else "") for number, run in failed]
    for title, unit, metric, statistics in _FOLLOWED:
        lines = []
        for statistic in statistics:
            points = [
                (float(number), _drawn(run, phase, metric, statistic))
                for number, run in of_scenario
            ]
            if any(value is not None for _, value in points):
                lines.append(Line(statistic, points))
        if lines:
            yield line_chart(f"{title}: {scenario}, {phase}", unit, lines, marks, x_unit="")


def _drawn(run: Run, phase: str, metric: str, statistic: str) -> float | None:
    is_void = run["ending"] == RunEnding.INVALID
    return None if is_void else _value(run, phase, metric, statistic)


def _value(run: Run, phase: str, metric: str, statistic: str) -> float | None:
    for one in run["phases"]:
        if one["name"] == phase:
            for measure in one["measures"]:
                if measure["metric"] == metric and measure["scope"] is None:
                    value = measure["values"].get(statistic)
                    return None if value is None else float(value)
    return None


def _latency(run: Run, phase: str) -> str:
    value = _value(run, phase, "delivery_latency", "p99")
    return "-" if value is None else f"{figure(value)} ms"
