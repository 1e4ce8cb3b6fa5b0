"""`rtdash loadtest`: load, faults and a verdict, by exit code and report."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtdash.cli.credentials import DataOption, find_url
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.loadtest_run import (
    LoadOptions,
    RunOne,
    failures_in_words,
    make_folder,
    make_request,
    require_locust,
    run_requests,
)
from rtdash.cli.options import option

if TYPE_CHECKING:
    from rtdash.loadtest.run.runner import RunRequest
    from rtdash.loadtest.verdict.summary import Summary

COMPARE, TREND = "compare", "trend"


def loadtest(
    scenario: Annotated[
        str,
        typer.Argument(
            help=(
                "ci, fanout, throughput, ingest, polling, mixed, drops, storm, soak, slow-consumers,"
                " pixels, or a file of your own; or compare A B, or trend SUMMARY…"
            )
        ),
    ] = "ci",
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[A B | SUMMARY...]",
            help="compare: two URLs or two installed builds; trend: stored summary.json files.",
            show_default=False,
        ),
    ] = None,
    url: Annotated[
        str | None,
        option(
            metavar="URL",
            help="The server. [default: starts its own, with limits of users lifted]",
        ),
    ] = None,
    users: Annotated[
        int | None,
        option(
            min=1,
            metavar="NUMBER",
            help="Users of each phase instead of the scenario's.",
        ),
    ] = None,
    duration: Annotated[
        str | None,
        option(
            metavar="TIME",
            help="Traffic of all phases together, e.g. 30s, 10m.",
        ),
    ] = None,
    spawn_rate: Annotated[
        float | None,
        option(
            min=0.1,
            metavar="NUMBER",
            help="Users that start a second.",
        ),
    ] = None,
    slo: Annotated[
        Path | None,
        option(metavar="FILE", help="SLOs instead of the scenario's."),
    ] = None,
    report: Annotated[Path | None, option(metavar="DIR", help="Write the report there.")] = None,
    baseline: Annotated[
        Path | None,
        option(metavar="FILE", help="A summary.json to compare with."),
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, max=64, metavar="NUMBER", help="Processes of the generator.")
    ] = 1,
    seed: Annotated[
        int, typer.Option(metavar="NUMBER", help="Operations and faults are drawn from it.")
    ] = 1,
    tokens: Annotated[
        Path | None,
        option(
            metavar="FILE",
            help=(
                "Tokens for the users, one a line, in turns. [default: RTDASH_TOKEN, else one of"
                " this machine]"
            ),
        ),
    ] = None,
    repeat: Annotated[
        int, typer.Option(min=3, max=50, metavar="NUMBER", help="compare: runs of each side.")
    ] = 3,
    allow: Annotated[
        float,
        typer.Option(min=0, metavar="SHARE", help="compare: by which share B may be worse than A."),
    ] = 0.1,
    load: Annotated[
        str, typer.Option(metavar="SCENARIO", help="compare: what both sides run.")
    ] = "fanout",
    ui: Annotated[
        bool,
        typer.Option("--ui", help="Keep locust's web UI at http://127.0.0.1:8089 while it runs."),
    ] = False,
    data: DataOption = None,
) -> None:
    """Put load on a server, drop its connections, and judge.

    Exit codes: 0 every SLO held, 99 one is broken, 98 the run says nothing. Without --url it starts
    a server of its own.

    Examples: rtdash loadtest · rtdash loadtest fanout --users 200 --report out · rtdash loadtest
    drops --url https://dash.example --tokens tokens.txt · rtdash loadtest compare old/.venv
    new/.venv · rtdash loadtest trend runs/
    """
    options = LoadOptions(users, duration, spawn_rate, slo, processes, seed, tokens, data)
    if scenario == TREND:
        with failures_in_words():
            _write_trend([Path(one) for one in targets or ()], report)
        return
    require_locust()
    if scenario == COMPARE:
        with failures_in_words():
            _compare(targets or [], load, options, report, repeat=repeat, allow=allow)
        return
    if targets:
        raise CommandFailed(
            f"{' '.join(targets)} can't stand behind a scenario",
            hint=f"one scenario a run: rtdash loadtest {scenario}",
            code=Exit.USAGE,
        )
    with failures_in_words():
        request = make_request(scenario, find_url(data, url) if url else None, options)
        _run_and_exit(replace(request, with_ui=ui), baseline, report)


def _run_and_exit(request: "RunRequest", baseline: Path | None, report: Path | None) -> None:
    from rtdash.loadtest.verdict.baseline import read_baseline
    from rtdash.loadtest.verdict.report import publish
    from rtdash.loadtest.verdict.summary import EXIT_CODES

    if baseline is not None:
        request = replace(request, baseline=read_baseline(baseline))
    make_folder(report)

    async def work(run: RunOne, _say: Callable[[str], None]) -> "Summary":
        summary = await run(request)
        publish(summary, report, out=sys.stdout)
        return summary

    if code := EXIT_CODES[run_requests(work).ending]:
        raise typer.Exit(code)


def _compare(
    sides: list[str],
    load: str,
    options: LoadOptions,
    report: Path | None,
    *,
    repeat: int,
    allow: float,
) -> None:
    from rtdash.loadtest.run.sides import alternate, parse_side
    from rtdash.loadtest.verdict.report.comparing import publish_contest

    if len(sides) != 2:
        raise CommandFailed(
            "compare needs two sides: URLs, or builds (a virtual environment, or its python)",
            hint="as in: rtdash loadtest compare http://127.0.0.1:8000 http://127.0.0.1:8001",
            code=Exit.USAGE,
        )
    a, b = (parse_side(side) for side in sides)
    requests = [
        replace(make_request(load, side.url, options), program=side.program or sys.executable)
        for side in (a, b)
    ]
    make_folder(report)
    contest = run_requests(
        lambda run, say: alternate(requests[0], requests[1], run, say, repeat=repeat, allow=allow)
    )
    publish_contest(contest, (a.name, b.name), report, out=sys.stdout)
    if code := contest.exit_code:
        raise typer.Exit(code)


def _write_trend(paths: list[Path], report: Path | None) -> None:
    from rtdash.loadtest.verdict.report.history import read_history, write_history

    if not paths:
        raise CommandFailed(
            "trend needs stored summaries: files, or directories that hold some",
            hint="as in: rtdash loadtest trend runs/ --report out",
            code=Exit.USAGE,
        )
    make_folder(report)
    write_history(read_history(paths), report or Path(), out=sys.stdout)
