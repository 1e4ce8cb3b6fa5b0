"""The verdict as text: lines for a terminal, Markdown for a step summary."""

from collections.abc import Iterable, Iterator

from rtdash.loadtest.metrics import METRICS
from rtdash.loadtest.report.charts import figure
from rtdash.loadtest.slo import Outcome, Slo, Verdict
from rtdash.loadtest.summary import Ending, Summary

_MARKS = {Outcome.HELD: "ok", Outcome.BROKEN: "BROKEN", Outcome.NOT_MEASURED: "not measured"}
_SHOWN_FINDINGS = 10
ENDINGS = {
    Ending.HELD: "every SLO held",
    Ending.BROKEN: "an SLO is broken",
    Ending.INVALID: "the run is invalid: it says nothing about the server",
    Ending.INTERRUPTED: "interrupted: what was measured until then",
    Ending.UNREACHABLE: "the server was lost in mid-run: what was measured until then",
}


def verdict_lines(summary: Summary) -> Iterator[str]:
    """A table, what was found, and the verdict."""
    phases, slos = by_phase(summary)
    rows = [
        ("", "SLO", *phases),
        *((mark_of_all(row), str(slo), *map(_cell, row)) for slo, row in slos),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield from (
        f"found in {phase.name}: {text}"
        for phase in summary.phases
        for text in phase.findings[:_SHOWN_FINDINGS]
    )
    yield from (f"note: {text}" for phase in summary.phases for text in phase.notes)
    for one in summary.comparisons:
        if one.is_worse:
            yield (
                f"worse than the baseline: {one.phase} {one.metric} {one.statistic}:"
                f" {figure(one.before)} → {figure(one.now)} ({one.level})"
            )
    yield from (f"{summary.ending}: {reason}" for reason in summary.untold)
    yield f"{summary.scenario}: {ENDINGS[summary.ending]}"


def markdown(summary: Summary) -> str:
    """The same for a page that renders Markdown."""
    lines = [
        f"## rtdash loadtest {summary.scenario}: {ENDINGS[summary.ending]}",
        "",
        f"{summary.about}.",
        "",
    ]
    lines += [f"- {summary.ending}: {reason}" for reason in summary.untold]
    phases, slos = by_phase(summary)
    lines += [f"| | SLO | {' | '.join(phases)} |", "|---|---|" + "---:|" * len(phases)]
    lines += [
        f"| {mark_of_all(row)} | {slo} | {' | '.join(map(_cell, row))} |" for slo, row in slos
    ]
    findings = [
        f"- {phase.name}: {text}"
        for phase in summary.phases
        for text in (*phase.findings[:_SHOWN_FINDINGS], *phase.notes)
    ]
    if findings:
        lines += ["", "Found:", *findings]
    worse = [one for one in summary.comparisons if one.is_worse]
    if worse:
        lines += ["", "| worse than the baseline | before | now |", "|---|---|---|"]
        lines += [
            f"| {one.phase} {one.metric} {one.statistic} | {figure(one.before)} |"
            f" {figure(one.now)} |"
            for one in worse
        ]
    return "\n".join(lines) + "\n\n"


def by_phase(summary: Summary) -> tuple[list[str], list[tuple[Slo, list[Verdict | None]]]]:
    """The names of the phases, and each SLO with its verdict in each of them: those that fail
    first, then in the order of the file.
    """
    phases = [phase.name for phase in summary.phases]
    slos: dict[Slo, list[Verdict]] = {}
    for verdict in summary.verdicts:
        slos.setdefault(verdict.slo, []).append(verdict)
    rows = []
    for slo, verdicts in slos.items():
        told = {verdict.phase: verdict for verdict in verdicts}
        nowhere = next((verdict for verdict in verdicts if verdict.measured is None), None)
        rows.append((slo, [told.get(phase, nowhere) for phase in phases]))
    return phases, sorted(
        rows, key=lambda row: not any(verdict is not None and verdict.fails for verdict in row[1])
    )


def mark(verdict: Verdict) -> str:
    """ok, BROKEN, warning, or not measured."""
    return (
        "warning"
        if verdict.outcome is Outcome.BROKEN and not verdict.fails
        else _MARKS[verdict.outcome]
    )


def mark_of_all(verdicts: Iterable[Verdict | None]) -> str:
    """The worst of an SLO's marks."""
    marks = {mark(verdict) for verdict in verdicts if verdict is not None}
    return next((one for one in ("BROKEN", "warning", "not measured") if one in marks), "ok")


def measured_text(verdict: Verdict | None) -> str:
    """A value with its unit, or a dash."""
    if verdict is None or verdict.measured is None:
        return "-"
    unit = METRICS[verdict.slo.metric].unit
    return f"{figure(verdict.measured)}{' ' + unit if unit else ''}"


def _cell(verdict: Verdict | None) -> str:
    """The same, and which phase it was that broke the SLO."""
    return measured_text(verdict) + (
        " !" if verdict is not None and verdict.outcome is Outcome.BROKEN else ""
    )
