"""The verdict as text: lines for a terminal, Markdown for a step summary."""

from collections.abc import Iterator

from rtdash.loadtest.metrics import METRICS
from rtdash.loadtest.slo import Outcome, Verdict
from rtdash.loadtest.summary import Ending, Summary

_MARKS = {Outcome.HELD: "ok", Outcome.BROKEN: "BROKEN", Outcome.NOT_MEASURED: "not measured"}
_SHOWN_FINDINGS = 10
ENDINGS = {
    Ending.HELD: "every SLO held",
    Ending.BROKEN: "an SLO is broken",
    Ending.INVALID: "the run is invalid: it says nothing about the server",
    Ending.INTERRUPTED: "interrupted: what was measured until then",
}


def verdict_lines(summary: Summary) -> Iterator[str]:
    """A table, what was found, and the verdict."""
    rows = [(mark(verdict), verdict.phase, str(verdict.slo), measured_text(verdict)) for verdict in summary.verdicts]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield from (f"found in {phase.name}: {text}" for phase in summary.phases for text in phase.findings[:_SHOWN_FINDINGS])
    yield from (f"note: {text}" for phase in summary.phases for text in phase.notes)
    for one in summary.comparisons:
        if one.is_worse:
            yield f"worse than the baseline: {one.phase} {one.metric} {one.statistic}: {one.before:.4g} → {one.now:.4g} ({one.level})"
    yield from (f"invalid: {reason}" for reason in summary.invalid)
    yield f"{summary.scenario}: {ENDINGS[summary.ending]}"


def markdown(summary: Summary) -> str:
    """The same for a page that renders Markdown."""
    lines = [f"## rtdash loadtest {summary.scenario}: {ENDINGS[summary.ending]}", "", f"{summary.about}.", ""]
    lines += [f"- invalid: {reason}" for reason in summary.invalid]
    lines += ["| | phase | SLO | measured |", "|---|---|---|---|"]
    lines += [f"| {mark(one)} | {one.phase} | {one.slo} | {measured_text(one)} |" for one in summary.verdicts]
    findings = [f"- {phase.name}: {text}" for phase in summary.phases for text in (*phase.findings[:_SHOWN_FINDINGS], *phase.notes)]
    if findings:
        lines += ["", "Found:", *findings]
    worse = [one for one in summary.comparisons if one.is_worse]
    if worse:
        lines += ["", "| worse than the baseline | before | now |", "|---|---|---|"]
        lines += [f"| {one.phase} {one.metric} {one.statistic} | {one.before:.4g} | {one.now:.4g} |" for one in worse]
    return "\n".join(lines) + "\n\n"


def mark(verdict: Verdict) -> str:
    """ok, BROKEN, warning, or not measured."""
    return "warning" if verdict.outcome is Outcome.BROKEN and not verdict.fails else _MARKS[verdict.outcome]


def measured_text(verdict: Verdict) -> str:
    """A value with its unit, or a dash."""
    if verdict.measured is None:
        return "-"
    unit = METRICS[verdict.slo.metric].unit
    return f"{verdict.measured:.4g}{' ' + unit if unit else ''}"
