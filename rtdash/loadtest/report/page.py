"""report.html: one file that needs nothing else: the verdict, what was found, the curves, every
measure.
"""

from collections.abc import Iterable, Iterator
from html import escape

from rtdash.loadtest.measuring import Judged
from rtdash.loadtest.metrics import METRICS, Kind
from rtdash.loadtest.report.charts import Line, figure, line_chart
from rtdash.loadtest.report.tables import ENDINGS, by_phase, mark_of_all, measured_text
from rtdash.loadtest.samples import Sample
from rtdash.loadtest.slo import Outcome, Verdict
from rtdash.loadtest.summary import Ending, Summary

_STYLE = """
:root{color-scheme:light dark;--ink:#1b2733;--soft:#5d6b7a;--line:#d9e0e7;--ground:#fff;--c0:#0b6bcb;--c1:#c2410c;--c2:#6d28d9;--ok:#15803d;--bad:#b91c1c}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa7b4;--line:#30404f;--ground:#10171f;--c0:#58a6ff;--c1:#fb923c;--c2:#c4b5fd;--ok:#4ade80;--bad:#f87171}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);max-width:1340px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}summary{font-size:1.1rem;font-weight:700;margin:1.2rem 0 .5rem;cursor:pointer}h2{font-size:1.1rem;margin:2rem 0 .5rem}p,li,small{color:var(--soft)}
.ending{font-size:1.15rem;font-weight:600;margin:.5rem 0}.held{color:var(--ok)}.broken,.invalid,.interrupted,.unreachable{color:var(--bad)}.badge{text-transform:uppercase;font-size:.8rem;white-space:nowrap}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:.2rem .8rem .2rem 0;border-bottom:1px solid var(--line);text-align:left}
td.n,th.n{text-align:right}.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(460px,1fr));gap:1rem}figure{margin:0}
figcaption{font-weight:600}figcaption span{margin-left:.9rem;font-weight:400}i{display:inline-block;width:.8rem;height:.2rem;margin-right:.3rem;vertical-align:middle}
svg{width:100%;height:auto}svg text{font-size:11px;fill:var(--soft)}.grid{stroke:var(--line)}.mark{stroke:var(--soft);stroke-dasharray:3 3}text.mark{stroke:none}
path{fill:none;stroke-width:1.6}path.s0{stroke:var(--c0)}path.s1{stroke:var(--c1)}path.s2{stroke:var(--c2)}i.s0{background:var(--c0)}i.s1{background:var(--c1)}i.s2{background:var(--c2)}
"""
_RECOVERY = ("t_detect", "t_reconnect", "t_subscribed", "t_consistent", "bystander_latency")
_GLANCE = (
    ("connections", "max", "connections"),
    ("publish_rate", "mean", "operations/s"),
    ("delivery_rate", "mean", "messages verified/s"),
    ("delivery_latency", "p50", "latency p50, ms"),
    ("delivery_latency", "p99", "p99, ms"),
    ("lost", "total", "lost"),
    ("drops", "total", "connections dropped"),
    ("server_cpu", "mean", "server, cores"),
    ("generator_cpu", "mean", "generator, cores"),
)
_SCROLL = "overflow-x:auto"


def html_page(summary: Summary) -> str:
    """The whole document."""
    title = f"rtdash loadtest {summary.scenario}"
    body = "".join(
        (
            (
                f'<h1>{escape(title)}</h1><p class="ending'
                f' {summary.ending}">{escape(_headline(summary))}</p>'
            ),
            f"<p>{escape(summary.about)}. {escape(_circumstances(summary))}</p>",
            _list("Why there is no verdict", summary.untold),
            _glance(summary.phases),
            _slo_table(summary),
            _list(
                "What was found",
                [
                    f"{phase.name}: {text}"
                    for phase in summary.phases
                    for text in (*phase.findings, *phase.notes)
                ],
            ),
            _recoveries(summary.phases),
            "<h2>Over time</h2>",
            f'<div class="charts">{"".join(_charts(summary.phases))}</div>',
            _baseline_table(summary),
            "".join(_measures(phase) for phase in summary.phases),
        )
    )
    head = (
        '<meta charset="utf-8"><meta name="viewport"'
        f' content="width=device-width"><title>{escape(title)}</title><style>{_STYLE}</style>'
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def _headline(summary: Summary) -> str:
    broken = sum(verdict.fails for verdict in summary.verdicts)
    return (
        f"{broken} SLOs are broken"
        if summary.ending is Ending.BROKEN and broken > 1
        else ENDINGS[summary.ending]
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


def _glance(phases: list[Judged]) -> str:
    """The figures that one looks for first, a line a phase."""

    def line(phase: Judged) -> Iterator[str]:
        yield f"<b>{escape(phase.name)}</b>"
        for metric, statistic, _ in _GLANCE:
            value = phase.measures.get(metric, statistic)
            yield "-" if value is None else figure(value)

    return _table(("phase", *(title for _, _, title in _GLANCE)), map(line, phases), numbers_from=1)


def _slo_table(summary: Summary) -> str:
    """A line an SLO, a column a phase; those that are broken first."""
    phases, slos = by_phase(summary)
    rows = [
        (
            _badge(row),
            f"<b>{escape(str(slo))}</b>",
            f"<small>{METRICS[slo.metric].meaning}</small>",
            *(_cell(verdict) for verdict in row),
        )
        for slo, row in slos
    ]
    return "<h2>SLOs</h2>" + _table(
        ("", "what must hold", "", *map(escape, phases)), rows, numbers_from=3
    )


def _badge(verdicts: Iterable[Verdict | None]) -> str:
    worst = mark_of_all(verdicts)
    is_bad = any(verdict is not None and verdict.fails for verdict in verdicts)
    return f'<b class="badge {"broken" if is_bad else "held"}">{worst}</b>'


def _cell(verdict: Verdict | None) -> str:
    text = measured_text(verdict)
    return (
        f'<b class="broken">{text}</b>'
        if verdict is not None and verdict.outcome is Outcome.BROKEN
        else text
    )


def _recoveries(phases: list[Judged]) -> str:
    """How long it took from a fault to the present state, where there were faults."""
    columns = ("count", "p50", "p95", "p99", "max")
    rows = [
        (
            escape(phase.name),
            f"<b>{name}</b>",
            METRICS[name].meaning,
            *(figure(values[column]) for column in columns),
        )
        for phase in phases
        for name, _, values in phase.measures.items()
        if name in _RECOVERY
    ]
    head = ("phase", "", "milliseconds", *columns)
    return "<h2>Recoveries</h2>" + _table(head, rows, numbers_from=3) if rows else ""


def _baseline_table(summary: Summary) -> str:
    if not summary.comparisons:
        return ""
    rows = [
        (
            '<b class="broken">worse</b>' if one.is_worse else "",
            escape(one.phase),
            f"{one.metric} {one.statistic}",
            figure(one.before),
            figure(one.now),
            f"{one.change:+.0%}" if one.before else "",
        )
        for one in summary.comparisons
    ]
    worse = sum(one.is_worse for one in summary.comparisons)
    table = _table(("", "phase", "metric", "before", "now", "change"), rows, numbers_from=3)
    return _folded(f"Against the baseline: {worse} of {len(rows)} values are worse", table)


def _charts(phases: list[Judged]) -> Iterator[str]:
    """All phases on one axis of time, a mark where each begins."""
    samples, marks = _on_one_axis(phases)

    def curve(name: str, field: str) -> Line:
        return Line(name, [(at, getattr(sample, field)) for at, sample in samples])

    yield line_chart("Published operations", "/s", [curve("acknowledged", "published")], marks)
    yield line_chart(
        "Verified messages", "/s", [curve("received by all clients", "received")], marks
    )
    yield line_chart(
        "Latency at the canary",
        "ms",
        [curve("p50", "p50_ms"), curve("p99", "p99_ms"), curve("max", "max_ms")],
        marks,
    )
    yield line_chart(
        "Connections",
        "",
        [curve("connected", "connected"), curve("recovering", "recovering")],
        marks,
    )
    yield line_chart("Drops", "/s", [curve("connections lost", "drops")], marks)
    yield line_chart(
        "CPU",
        "cores",
        [curve("server", "server_cpu"), curve("busiest generator process", "generator_cpu")],
        marks,
    )
    yield line_chart("Memory of the server", "MiB", [curve("resident", "server_memory_mib")], marks)


def _on_one_axis(
    phases: list[Judged],
) -> tuple[list[tuple[float, Sample]], list[tuple[float, str]]]:
    samples: list[tuple[float, Sample]] = []
    marks: list[tuple[float, str]] = []
    offset = 0.0
    for phase in phases:
        marks.append((offset, phase.name))
        samples += [(offset + sample.at_s, sample) for sample in phase.samples]
        offset += phase.samples[-1].at_s + 1 if phase.samples else 1
    return samples, marks


def _measures(phase: Judged) -> str:
    """Every measure of a phase, durations and the rest in tables of their own."""
    durations = [
        (name, values)
        for name, _, values in phase.measures.items()
        if METRICS[name].kind is Kind.DURATION
    ]
    others = [
        (name, scope, values)
        for name, scope, values in phase.measures.items()
        if METRICS[name].kind is not Kind.DURATION
    ]
    columns = Kind.DURATION.value
    rows = [
        (_named(name), *(figure(values[column]) for column in columns))
        for name, values in durations
    ]
    tables = _table(("milliseconds", *columns), rows, numbers_from=1)
    counted = [
        (
            _named(name),
            escape(scope or "all"),
            ", ".join(f"{key} {figure(value)}" for key, value in values.items()),
            METRICS[name].unit,
        )
        for name, scope, values in others
    ]
    tables += "<br>" + _table(("metric", "scope", "measured", "unit"), counted, numbers_from=9)
    return _folded(f"{phase.name}: every measure", tables)


def _named(name: str) -> str:
    return f'<span title="{escape(METRICS[name].meaning, quote=True)}">{name}</span>'


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def _list(title: str, items: list[str]) -> str:
    return (
        f"<h2>{escape(title)}</h2><ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"
        if items
        else ""
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], *, numbers_from: int) -> str:
    def line(cells: Iterable[str], tag: str) -> str:
        marked = (
            f"<{tag}{' class=n' if number >= numbers_from else ''}>{cell}</{tag}>"
            for number, cell in enumerate(cells)
        )
        return f"<tr>{''.join(marked)}</tr>"

    return (
        "<div"
        f' style="{_SCROLL}"><table>{line(head, "th")}{"".join(line(row, "td") for row in rows)}</table></div>'
    )
