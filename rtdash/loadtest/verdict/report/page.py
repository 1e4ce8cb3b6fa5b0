"""report.html: one file that needs no other: the verdict, what was found, the curves, every
measure.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from markupsafe import Markup

from rtdash.loadtest.plan.metrics import METRICS, Kind
from rtdash.loadtest.plan.slo import SloOutcome, Verdict
from rtdash.loadtest.verdict.advice import advice_on
from rtdash.loadtest.verdict.phase_result import PhaseResult
from rtdash.loadtest.verdict.report.charts import Line, figure, line_chart
from rtdash.loadtest.verdict.report.rendering import render
from rtdash.loadtest.verdict.report.tables import (
    WORDS,
    by_phase,
    headline,
    headline_numbers,
    mark_of_all,
    measured_text,
)
from rtdash.loadtest.verdict.samples import Sample
from rtdash.loadtest.verdict.summary import EXIT_CODES, Summary

_RECOVERY = ("t_detect", "t_reconnect", "t_subscribed", "t_consistent", "bystander_latency")
_GLANCE = (
    ("connections", "max", "connections"),
    ("publish_rate", "mean", "operations/s"),
    ("delivery_rate", "mean", "messages verified/s"),
    ("delivery_latency", "p50", "latency p50, ms"),
    ("delivery_latency", "p99", "p99, ms"),
    ("t_paint", "p50", "paint p50, ms"),
    ("t_paint", "p99", "p99, ms"),
    ("lost", "total", "lost"),
    ("drops", "total", "connections dropped"),
    ("server_cpu", "mean", "server, cores"),
    ("generator_cpu", "mean", "generator, cores"),
)
_TONES = {"BROKEN": "bad", "warning": "warn", "not measured": "grey", "ok": "good"}
Table = dict[str, Any]


def html_page(summary: Summary) -> str:
    """Return the whole document."""
    phases, rows = by_phase(summary)
    return render(
        "report.html.j2",
        {
            "title": f"rtdash loadtest {summary.scenario}",
            "ending": summary.ending.value,
            "word": WORDS[summary.ending],
            "exit_code": EXIT_CODES[summary.ending],
            "verdict": headline(summary),
            "headline": [
                {"value": value, "text": text} for value, text in headline_numbers(summary)
            ],
            "about": summary.about,
            "circumstances": _circumstances(summary),
            "reasons": summary.why_no_verdict,
            "findings": [f"{one.name}: {text}" for one in summary.phases for text in one.findings],
            "notes": [f"{one.name}: {text}" for one in summary.phases for text in one.notes],
            "phases": phases,
            "slos": [_slo_row(summary, str(slo), slo.metric, row) for slo, row in rows],
            "charts": [Markup(chart) for chart in _charts(summary.phases)],  # noqa: S704 - ours
            "glance": _glance(summary.phases),
            "recoveries": _recoveries(summary.phases),
            "baseline": _baseline(summary),
            "measures": [_measures(phase) for phase in summary.phases],
            "environment": list(summary.environment.items()),
        },
    )


def _circumstances(summary: Summary) -> str:
    own = (
        "a server of its own on the same machine, limits of users and addresses lifted"
        if summary.server["own"]
        else summary.server["url"]
    )
    generator = summary.generator
    return (
        f"Against {own}. Begun {summary.started_at}, {summary.duration_s:.0f} s; generator:"
        f" {generator['processes']} process{'es' if generator['processes'] > 1 else ''},"
        f" {generator['cpus']} CPUs, seed {generator['seed']}."
    )


def _slo_row(
    summary: Summary, slo: str, metric: str, verdicts: Sequence[Verdict | None]
) -> dict[str, Any]:
    """Return a line of the table. Where the run has no verdict its marks are grey: they mean
    nothing.
    """
    mark = mark_of_all(verdicts)
    return {
        "slo": slo,
        "advice": advice_on(metric)
        if mark in {"BROKEN", "warning"} and not summary.why_no_verdict
        else "",
        "meaning": METRICS[metric].meaning,
        "mark": mark,
        "tone": "grey" if summary.why_no_verdict else _TONES[mark],
        "cells": [
            {
                "text": measured_text(verdict),
                "is_broken": verdict is not None and verdict.outcome is SloOutcome.BROKEN,
            }
            for verdict in verdicts
        ],
    }


def _glance(phases: list[PhaseResult]) -> Table:
    """Return the figures that a reader looks for first, a line for each phase."""
    shown = [
        (metric, statistic, title)
        for metric, statistic, title in _GLANCE
        if any(phase.measures.get(metric, statistic) is not None for phase in phases)
    ]

    def cells(phase: PhaseResult) -> Iterator[str]:
        yield phase.name
        for metric, statistic, _ in shown:
            value = phase.measures.get(metric, statistic)
            yield "-" if value is None else figure(value)

    head = ["phase", *(title for _, _, title in shown)]
    return {"head": head, "rows": [list(cells(phase)) for phase in phases]}


def _recoveries(phases: list[PhaseResult]) -> Table:
    """Return how long it took from a fault to the present state, where there were faults."""
    columns = ("count", "p50", "p95", "p99", "max")
    rows = [
        [phase.name, name, METRICS[name].meaning, *(figure(values[column]) for column in columns)]
        for phase in phases
        for name, _, values in phase.measures.items()
        if name in _RECOVERY
    ]
    return {"head": ["phase", "", "milliseconds", *columns], "rows": rows}


def _baseline(summary: Summary) -> Table:
    rows = [
        [
            "worse" if one.is_worse else "",
            one.phase,
            f"{one.metric} {one.statistic}",
            figure(one.before),
            figure(one.now),
            f"{one.change:+.0%}" if one.before else "",
        ]
        for one in summary.comparisons
    ]
    worse = sum(one.is_worse for one in summary.comparisons)
    return {
        "title": f"Against the baseline: {worse} of {len(rows)} values are worse",
        "head": ["", "phase", "metric", "before", "now", "change"],
        "rows": rows,
    }


def _measures(phase: PhaseResult) -> Table:
    """Return every measure of a phase, durations and the rest in tables of their own."""
    columns = Kind.DURATION.value
    durations: list[Iterable[str]] = []
    others: list[Iterable[str]] = []
    for name, scope, values in phase.measures.items():
        if METRICS[name].kind is Kind.DURATION:
            durations.append([name, *(figure(values[column]) for column in columns)])
        else:
            measured = ", ".join(f"{key} {figure(value)}" for key, value in values.items())
            others.append([name, scope or "all", measured, METRICS[name].unit])
    return {
        "title": phase.name,
        "durations": {"head": ["milliseconds", *columns], "rows": durations},
        "others": {"head": ["metric", "scope", "measured", "unit"], "rows": others},
    }


def _charts(phases: list[PhaseResult]) -> Iterator[str]:
    """Yield the charts: all phases on one axis of time, a mark where each begins."""
    samples, marks = _on_one_axis(phases)

    def curve(name: str, field: str) -> Line:
        return Line(name, [(at, getattr(sample, field)) for at, sample in samples])

    latency = [curve("p50", "p50_ms"), curve("p99", "p99_ms")]
    yield line_chart("Latency, last ten seconds", "ms", latency, marks)
    yield line_chart("Greatest latency", "ms", [curve("of each second", "max_ms")], marks)
    yield line_chart("Published operations", "/s", [curve("acknowledged", "published")], marks)
    received = [curve("received by all clients", "received")]
    yield line_chart("Verified messages", "/s", received, marks)
    connected = [curve("connected", "connected"), curve("recovering", "recovering")]
    yield line_chart("Connections", "", connected, marks)
    yield line_chart("Drops", "/s", [curve("connections lost", "drops")], marks)
    cpu = [curve("server", "server_cpu"), curve("busiest generator process", "generator_cpu")]
    yield line_chart("CPU", "cores", cpu, marks)
    yield line_chart("Memory of the server", "MiB", [curve("resident", "server_memory_mib")], marks)


def _on_one_axis(
    phases: list[PhaseResult],
) -> tuple[list[tuple[float, Sample]], list[tuple[float, str]]]:
    samples: list[tuple[float, Sample]] = []
    marks: list[tuple[float, str]] = []
    offset = 0.0
    for phase in phases:
        marks.append((offset, phase.name))
        samples += [(offset + sample.at_s, sample) for sample in phase.samples]
        offset += phase.samples[-1].at_s + 1 if phase.samples else 1
    return samples, marks
