"""Report of a contest: on the terminal, as compare.json and compare.md."""

import json
import os
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rtdash.domain.printable import printable
from rtdash.loadtest.verdict.contest import Contest, Ratio
from rtdash.loadtest.verdict.report.charts import figure
from rtdash.loadtest.verdict.report.publishing import STEP_SUMMARY
from rtdash.loadtest.verdict.report.tables import markdown_text
from rtdash.loadtest.verdict.summary import RunEnding, Summary

_PIPE_WIDTH = 140
_WORDS = {
    0: "B is no worse than A",
    99: "B is worse than A",
    98: "the runs say nothing about the servers",
    130: "interrupted",
    3: "a server was lost in mid-run",
}


def publish_contest(
    contest: Contest, names: tuple[str, str], folder: Path | None, *, out: TextIO
) -> None:
    """Write the result to `out`, the files into `folder`, if there is one, and the summary where
    GitHub asks for it.
    """
    _print(contest, names, out)
    text = _markdown(contest, names)
    if path := os.environ.get(STEP_SUMMARY):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    if folder is not None:
        content = json.dumps(_json(contest, names), indent=1, allow_nan=False) + "\n"
        (folder / "compare.json").write_text(content, encoding="utf-8")
        (folder / "compare.md").write_text(text, encoding="utf-8")
        out.write(f"report: {folder / 'compare.md'}\n")


def _print(contest: Contest, names: tuple[str, str], out: TextIO) -> None:
    console = Console(
        file=out, highlight=False, emoji=False, width=None if out.isatty() else _PIPE_WIDTH
    )
    code = contest.exit_code
    tone = {0: "bold white on green", 99: "bold white on red"}.get(code, "bold black on yellow")
    console.print(Text(f"  {_WORDS[code]}  ", tone), Text(f"(exit {code})", "dim"))
    for side, name in zip("AB", names, strict=True):
        console.print(Text(f"{side}: {printable(name)}"), soft_wrap=True)
    for number, one in enumerate(contest.rounds, 1):
        ended = f"A {_ending_in_words(one.a)}, B {_ending_in_words(one.b)}"
        console.print(f"round {number}: {ended}", soft_wrap=True)
    for reason in _reasons(contest):
        console.print(Text(printable(reason)), soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("", "phase", "measure", "A", "B", "B/A", "95 %"):
        table.add_column(title, justify="right" if title in {"A", "B", "B/A", "95 %"} else "left")
    for ratio in contest.ratios:
        style = "bold red" if ratio.is_worse else ""
        table.add_row(*(Text(cell, style) for cell in _cells(ratio)))
    console.print(table)


def _ending_in_words(summary: Summary) -> str:
    """Return how a run ended, with the metrics that broke."""
    broken = dict.fromkeys(one.slo.metric for one in summary.verdicts if one.fails)
    if summary.ending is not RunEnding.BROKEN:
        return summary.ending
    return f"{summary.ending} ({', '.join(broken)})"


def _reasons(contest: Contest) -> list[str]:
    """Return why the contest ended as it did: each in a line."""
    worse = [
        f"worse: {ratio.phase}: {ratio.name} of B is {ratio.mean:.2f} times that of A, for sure"
        f" {_surely(ratio)}; {contest.allow:.0%} are allowed"
        for ratio in contest.ratios
        if ratio.is_worse
    ]
    broken = [f"broken by B alone: {text}" for text in contest.broken_by_b]
    return [*broken, *worse, *(f"invalid: {reason}" for reason in contest.void)]


def _surely(ratio: Ratio) -> str:
    return f"at least {ratio.low:.2f}" if ratio.low > 1 else f"at most {ratio.high:.2f}"


def _cells(ratio: Ratio) -> tuple[str, ...]:
    interval = f"{ratio.low:.2f} to {ratio.high:.2f}"
    mark = "worse" if ratio.is_worse else ""
    sides = (figure(ratio.a), figure(ratio.b))
    return (mark, ratio.phase, ratio.name, *sides, f"{ratio.mean:.2f}", interval)


def _markdown(contest: Contest, names: tuple[str, str]) -> str:
    a, b = map(markdown_text, names)
    about = f"A: {a}; B: {b}; {len(contest.rounds)} rounds in turns"
    lines = [
        f"## rtdash loadtest compare: {_WORDS[contest.exit_code]}",
        "",
        f"{about}; B may be worse by {contest.allow:.0%}.",
        "",
        *(f"- {reason}" for reason in _reasons(contest)),
        "",
        "| | phase | measure | A | B | B/A | 95 % |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    lines += [f"| {' | '.join(_cells(ratio))} |" for ratio in contest.ratios]
    return "\n".join(lines) + "\n\n"


def _json(contest: Contest, names: tuple[str, str]) -> dict[str, Any]:
    return {
        "schema": "rtdash.loadtest-compare/1",
        "a": names[0],
        "b": names[1],
        "allow": contest.allow,
        "exitCode": contest.exit_code,
        "rounds": [{"a": one.a.ending.value, "b": one.b.ending.value} for one in contest.rounds],
        "ratios": [
            {
                "phase": one.phase,
                "metric": one.metric,
                "statistic": one.statistic,
                "a": one.a,
                "b": one.b,
                "ratio": one.mean,
                "low": one.low,
                "high": one.high,
                "worse": one.is_worse,
            }
            for one in contest.ratios
        ],
    }
