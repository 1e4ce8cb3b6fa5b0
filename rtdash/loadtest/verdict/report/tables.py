"""The verdict as text: lines for a terminal, Markdown for a step summary."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rtdash.domain.printable import printable
from rtdash.loadtest.plan.metrics import METRICS
from rtdash.loadtest.plan.slo import Slo, SloOutcome, Verdict
from rtdash.loadtest.verdict.advice import advice_on
from rtdash.loadtest.verdict.report.charts import figure
from rtdash.loadtest.verdict.summary import RunEnding, Summary

_MARKS = {
    SloOutcome.HELD: "ok",
    SloOutcome.BROKEN: "BROKEN",
    SloOutcome.NOT_MEASURED: "not measured",
}
_PLAIN = frozenset({"total", "value"})
SHOWN_FINDINGS = 10
ENDINGS = {
    RunEnding.HELD: "every SLO held",
    RunEnding.BROKEN: "an SLO is broken",
    RunEnding.INVALID: "the run is invalid: it says nothing about the server",
    RunEnding.INTERRUPTED: "interrupted: what was measured until then",
    RunEnding.UNREACHABLE: "the server was lost in mid-run: what was measured until then",
}
WORDS = {
    RunEnding.HELD: "PASS",
    RunEnding.BROKEN: "FAIL",
    RunEnding.INVALID: "NO VERDICT",
    RunEnding.INTERRUPTED: "STOPPED",
    RunEnding.UNREACHABLE: "LOST",
}
Row = tuple[Slo, list[Verdict | None]]
_MEANS_SOMETHING = re.compile(r"[\\`*_\[\]<>|#&~!]")
"""Characters that Markdown, its tables or its HTML take for theirs (CommonMark 2.4)."""


def headline(summary: Summary) -> str:
    """Return the verdict in one line."""
    broken = {verdict.slo for verdict in summary.verdicts if verdict.fails}
    if summary.ending is RunEnding.BROKEN and len(broken) > 1:
        return f"{len(broken)} SLOs are broken"
    return ENDINGS[summary.ending]


def headline_numbers(summary: Summary) -> list[tuple[str, str]]:
    """Return the three figures that a reader looks for first, each with its words: what was lost,
    how late events came, how much was verified.
    """
    phases = [phase.measures for phase in summary.phases]

    def worst(metric: str, statistic: str) -> float | None:
        values = [measures.get(metric, statistic) for measures in phases]
        return max((value for value in values if value is not None), default=None)

    received = sum(sample.received for phase in summary.phases for sample in phase.samples)
    lost = [measures.get("lost", "total") for measures in phases]
    latency = worst("delivery_latency", "p99")
    return [
        ("-" if not lost else figure(sum(value or 0 for value in lost)), "events lost"),
        ("-" if latency is None else f"{figure(latency)} ms", "p99 from commit to client"),
        (f"{received:,}", "messages verified"),
    ]


def markdown(summary: Summary) -> str:
    """Return the verdict for a page that renders Markdown."""
    scenario = markdown_text(summary.scenario)
    lines = [
        f"## {WORDS[summary.ending]}: rtdash loadtest {scenario}: {headline(summary)}",
        "",
        " · ".join(f"**{value}** {text}" for value, text in headline_numbers(summary)),
        "",
        f"{markdown_text(summary.about)}.",
        "",
    ]
    lines += [f"- {summary.ending}: {markdown_text(reason)}" for reason in summary.why_no_verdict]
    if summary.ending is RunEnding.BROKEN:
        lines += [
            f"- **{one.phase}: {one.text}** ({one.meaning}). Next step: {one.advice}"
            for one in broken_slos(summary)
        ]
    lines += [""]
    phases, slos = by_phase(summary)
    lines += [f"| | SLO | {' | '.join(phases)} |", "|---|---|" + "---:|" * len(phases)]
    lines += [
        f"| {mark_of_all(row)} | {slo} | {' | '.join(map(cell_text, row))} |" for slo, row in slos
    ]
    found = {one.name: by_turns(one.findings)[:SHOWN_FINDINGS] for one in summary.phases}
    lines += _markdown_list("Found", found)
    lines += _markdown_list("Notes", {one.name: one.notes for one in summary.phases})
    worse = [one for one in summary.comparisons if one.is_worse]
    if worse:
        lines += ["", "| worse than the baseline | before | now |", "|---|---|---|"]
        lines += [
            f"| {one.phase} {one.metric} {one.statistic} | {figure(one.before)} |"
            f" {figure(one.now)} |"
            for one in worse
        ]
    return "\n".join(lines) + "\n\n"


def _markdown_list(title: str, texts: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the lines of a list of texts by their phases; none without texts."""
    lines = [f"- {phase}: {markdown_text(one)}" for phase, some in texts.items() for one in some]
    return ["", f"{title}:", *lines] if lines else []


def markdown_text(text: str) -> str:
    """Return a text of a server or a file as one line of Markdown that means nothing else."""
    return _MEANS_SOMETHING.sub(r"\\\g<0>", printable(" ".join(text.split())))


def by_phase(summary: Summary) -> tuple[list[str], list[Row]]:
    """Return the names of the phases, and each SLO with its verdict in each of them: those that
    fail first, then in the order of the file.
    """
    phases = [phase.name for phase in summary.phases]
    slos: dict[Slo, list[Verdict]] = {}
    for verdict in summary.verdicts:
        slos.setdefault(verdict.slo, []).append(verdict)
    rows: list[Row] = []
    for slo, verdicts in slos.items():
        known = {verdict.phase: verdict for verdict in verdicts}
        nowhere = next((verdict for verdict in verdicts if verdict.measured is None), None)
        rows.append((slo, [known.get(phase, nowhere) for phase in phases]))
    return phases, sorted(rows, key=lambda row: not _fails(row[1]))


def badge(verdict: Verdict) -> str:
    """Return ok, BROKEN, warning, or not measured."""
    return (
        "warning"
        if verdict.outcome is SloOutcome.BROKEN and not verdict.fails
        else _MARKS[verdict.outcome]
    )


def mark_of_all(verdicts: Iterable[Verdict | None]) -> str:
    """Return the worst of an SLO's marks."""
    marks = {badge(verdict) for verdict in verdicts if verdict is not None}
    return next((one for one in ("BROKEN", "warning", "not measured") if one in marks), "ok")


def measured_text(verdict: Verdict | None) -> str:
    """Return a value with its unit, or a dash."""
    if verdict is None or verdict.measured is None:
        return "-"
    unit = METRICS[verdict.slo.metric].unit
    return f"{figure(verdict.measured)}{' ' + unit if unit else ''}"


def cell_text(verdict: Verdict | None) -> str:
    """Return the value, marked where it breaks the SLO."""
    is_broken = verdict is not None and verdict.outcome is SloOutcome.BROKEN
    return measured_text(verdict) + (" !" if is_broken else "")


def _fails(verdicts: Sequence[Verdict | None]) -> bool:
    return any(verdict is not None and verdict.fails for verdict in verdicts)


@dataclass(frozen=True, slots=True)
class BrokenSlo:
    """Broken SLO in words."""

    phase: str
    text: str
    """What was measured, what is wanted."""
    meaning: str
    advice: str


def broken_slos(summary: Summary) -> list[BrokenSlo]:
    """Return the SLOs that fail the run, each once, with the phase in which it is broken first."""
    broken: dict[Slo, Verdict] = {}
    for verdict in summary.verdicts:
        if verdict.fails:
            broken.setdefault(verdict.slo, verdict)
    return [
        BrokenSlo(
            verdict.phase, _broken_text(verdict), METRICS[slo.metric].meaning, advice_on(slo.metric)
        )
        for slo, verdict in broken.items()
    ]


def _broken_text(verdict: Verdict) -> str:
    slo = verdict.slo
    scope = f" of {slo.scope}" if slo.scope and slo.scope != verdict.phase else ""
    statistic = "" if slo.statistic in _PLAIN else f" {slo.statistic}"
    name = f"{slo.metric}{statistic}{scope}"
    unit = METRICS[slo.metric].unit
    wanted = f"must be {slo.op} {slo.value:g}{' ' + unit if unit else ''}"
    if verdict.measured is None:
        return f"{name} was not measured, and {wanted}"
    if slo.statistic == "low":
        return f"{slo.metric} is at least {measured_text(verdict)} for sure, and {wanted}"
    return f"{name} is {measured_text(verdict)}, and {wanted}"


def found_lines(summary: Summary) -> Iterator[str]:
    """Yield the findings of each phase, bounded, each kind before the next of the same kind, and
    how many more there are.
    """
    for phase in summary.phases:
        for text in by_turns(phase.findings)[:SHOWN_FINDINGS]:
            yield f"{phase.name}: {printable(text)}"
        if (more := len(phase.findings) - SHOWN_FINDINGS) > 0:
            yield f"{phase.name}: and {more} more, in the report"


def by_turns(findings: Iterable[str]) -> list[str]:
    """Return findings so that one of each kind comes first, then a second of each."""
    numbers: Counter[str] = Counter()
    turns = []
    for place, text in enumerate(findings):
        kind = text.partition(":")[0]
        turns.append((numbers[kind], place, text))
        numbers[kind] += 1
    return [text for _, _, text in sorted(turns)]
