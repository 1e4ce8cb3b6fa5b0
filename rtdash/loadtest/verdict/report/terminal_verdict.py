"""The verdict on a terminal: first and large, three headline numbers, what was found, the table."""

from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rtdash.domain.printable import printable
from rtdash.loadtest.verdict.report.charts import figure
from rtdash.loadtest.verdict.report.tables import (
    WORDS,
    broken_slos,
    by_phase,
    cell_text,
    found_lines,
    headline,
    headline_numbers,
    mark_of_all,
)
from rtdash.loadtest.verdict.summary import EXIT_CODES, RunEnding, Summary

_PIPE_WIDTH = 160
"""Columns where the output is no terminal: wide enough for a table with three phases."""
_STYLES = {
    RunEnding.HELD: "bold white on green",
    RunEnding.BROKEN: "bold white on red",
    RunEnding.UNREACHABLE: "bold white on red",
    RunEnding.INVALID: "bold black on yellow",
    RunEnding.INTERRUPTED: "bold black on yellow",
}
_MARKS = {"BROKEN": "bold red", "warning": "yellow", "not measured": "dim", "ok": "green"}


def print_verdict(summary: Summary, out: TextIO) -> None:
    """Write the verdict for people; in colour where `out` is a terminal (NO_COLOR counts)."""
    console = Console(
        file=out, highlight=False, emoji=False, width=None if out.isatty() else _PIPE_WIDTH
    )
    style = _STYLES[summary.ending]
    console.print()
    console.print(
        Text(f"  {WORDS[summary.ending]}  ", style),
        Text(f"{printable(summary.scenario)}: {headline(summary)}", "bold"),
        Text(f"(exit {EXIT_CODES[summary.ending]})", "dim"),
    )
    console.print(_numbers(summary))
    for reason in summary.why_no_verdict:
        console.print(Text(f"{summary.ending}: {printable(reason)}"), soft_wrap=True)
    if summary.ending is RunEnding.BROKEN:
        _print_broken(console, summary)
    for line in found_lines(summary):
        console.print(Text("found in ", "bold"), Text(line), sep="", soft_wrap=True)
    console.print()
    console.print(_slo_table(summary))
    _print_comparisons(console, summary)
    for phase in summary.phases:
        for text in phase.notes:
            console.print(Text(f"note: {phase.name}: {printable(text)}", "dim"), soft_wrap=True)


def _print_broken(console: Console, summary: Summary) -> None:
    """Write each broken SLO: what was measured, what that is, and the next step, each text once."""
    said = set()
    for one in broken_slos(summary):
        console.print(
            Text("broken in ", "bold red"), Text(f"{one.phase}: {one.text}"), sep="", soft_wrap=True
        )
        for line in (f"  that is: {one.meaning}", f"  next step: {one.advice}"):
            if line not in said:
                said.add(line)
                console.print(Text(line, "dim"), soft_wrap=True)


def _numbers(summary: Summary) -> Text:
    text = Text()
    for value, words in headline_numbers(summary):
        text.append(f"  {value} ", "bold").append(f"{words}   ")
    return text


def _slo_table(summary: Summary) -> Table:
    """Return the table of SLOs; where the run has no verdict, all marks are dim: they mean
    nothing.
    """
    phases, slos = by_phase(summary)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("SLO", no_wrap=True)
    for phase in phases:
        table.add_column(phase, justify="right", no_wrap=True)
    for slo, row in slos:
        mark = mark_of_all(row)
        style = "dim" if summary.why_no_verdict else _MARKS[mark]
        cells = [Text(cell_text(one), style if mark != "ok" else "") for one in row]
        table.add_row(Text(mark, style), Text(str(slo)), *cells)
    return table


def _print_comparisons(console: Console, summary: Summary) -> None:
    for one in summary.comparisons:
        if one.is_worse:
            console.print(
                Text(
                    f"worse than the baseline: {one.phase} {one.metric} {one.statistic}:"
                    f" {figure(one.before)} → {figure(one.now)} ({one.level})",
                    "yellow" if not one.fails else "bold red",
                ),
                soft_wrap=True,
            )
