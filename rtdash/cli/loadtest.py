"""`rtdash loadtest`: load, faults and a verdict, by exit code and report."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rtdash.cli.credentials import DataOption, find_token, find_url, own_server_token
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.quantities import parse_seconds

if TYPE_CHECKING:
    from rtdash.loadtest.run.runner import RunRequest
    from rtdash.loadtest.verdict.summary import Summary


def loadtest(
    scenario: Annotated[
        str,
        typer.Argument(
            help=(
                "ci, fanout, throughput, ingest, polling, mixed, drops, storm, soak, or a file of"
                " your own."
            )
        ),
    ] = "ci",
    url: Annotated[
        str | None,
        typer.Option(
            help="The server. [default: starts its own, with limits of users lifted]",
            show_default=False,
        ),
    ] = None,
    users: Annotated[
        int | None,
        typer.Option(
            min=1, help="Users of each phase instead of the scenario's.", show_default=False
        ),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option(help="Traffic of all phases together, e.g. 30s, 10m.", show_default=False),
    ] = None,
    spawn_rate: Annotated[
        float | None, typer.Option(min=0.1, help="Users that start a second.", show_default=False)
    ] = None,
    slo: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="SLOs instead of the scenario's.", show_default=False),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the report there.", show_default=False)
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A summary.json to compare with.", show_default=False),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Processes of the generator.")] = 1,
    seed: Annotated[int, typer.Option(help="OperationSource and faults are drawn from it.")] = 1,
    tokens: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=(
                "Tokens for the users, one a line, in turns. [default: RTDASH_TOKEN, else one of"
                " this machine]"
            ),
            show_default=False,
        ),
    ] = None,
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
    drops --url https://dash.example --tokens tokens.txt
    """
    _require_locust()
    with _in_words():
        url = find_url(data, url) if url else None
        request = _order(
            scenario, url, slo, baseline, users=users, duration=duration, spawn_rate=spawn_rate
        )
        request = _who(request, url, tokens, data, processes=processes, seed=seed, ui=ui)
        _make(report)
        summary = _interruptible(_run(request, report))
    from rtdash.loadtest.verdict.summary import EXIT_CODES

    if code := EXIT_CODES[summary.ending]:
        raise typer.Exit(code)


def _require_locust() -> None:
    """Raise CommandFailed where the extra that brings locust is not installed."""
    if find_spec("locust") is None:
        raise CommandFailed(
            "the load test needs locust, which is not installed",
            hint="pip install 'rtdash[loadtest]'",
        )


def _order(
    scenario: str,
    url: str | None,
    slo: Path | None,
    baseline: Path | None,
    *,
    users: int | None,
    duration: str | None,
    spawn_rate: float | None,
) -> "RunRequest":
    from rtdash.loadtest.plan.scenario import Overrides, find_packaged, find_scenario, override
    from rtdash.loadtest.plan.slo import check_scopes, read_slos
    from rtdash.loadtest.run.runner import RunRequest
    from rtdash.loadtest.verdict.baseline import read_baseline

    name, chosen = find_scenario(scenario)
    chosen = override(
        chosen, Overrides(users, None if duration is None else parse_seconds(duration), spawn_rate)
    )
    path = slo or find_packaged("slo", chosen.slo)
    slos = read_slos(path)
    check_scopes(slos.slos, [phase.name for phase in chosen.phase], path)
    kills = [storm.kind for phase in chosen.phase for storm in phase.storms if storm.kind != "rst"]
    if url and kills:
        raise CommandFailed(
            f"{name} restarts the server, and the one at {url} isn't ours to end",
            hint=f"leave --url away, and it starts its own: rtdash loadtest {name}",
            code=Exit.USAGE,
        )
    mint = partial(own_server_token, user="loadtest")
    return RunRequest(
        name,
        chosen,
        slos,
        mint=mint,
        url=url,
        baseline=read_baseline(baseline) if baseline else None,
    )


def _who(
    request: "RunRequest",
    url: str | None,
    tokens: Path | None,
    data: Path | None,
    *,
    processes: int,
    seed: int,
    ui: bool,
) -> "RunRequest":
    from dataclasses import replace

    given: tuple[str, ...] = ()
    if tokens is not None:
        try:
            given = tuple(tokens.read_text(encoding="utf-8").split())
        except OSError as error:
            raise CommandFailed(
                f"the token file {tokens} can't be read: {error.strerror}",
                hint="make one: rtdash token > FILE",
                code=Exit.USAGE,
            ) from None
        if not given:
            raise CommandFailed(
                f"the token file {tokens} holds no token",
                hint="one a line: rtdash token >> FILE",
                code=Exit.USAGE,
            )
    elif url:
        given = (find_token(data, os.environ.get("RTDASH_TOKEN")),)
    return replace(request, tokens=given, processes=processes, seed=seed, with_ui=ui)


def _make(report: Path | None) -> None:
    """Before the run: a report that can't be written would cost all of it."""
    if report is None:
        return
    try:
        report.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(
            f"{report} can't be made: {error.strerror}",
            hint="name a directory that you may write: --report DIR",
            code=Exit.USAGE,
        ) from None


async def _run(request: "RunRequest", report: Path | None) -> "Summary":
    from rtdash.loadtest.run.progress import Progress
    from rtdash.loadtest.run.runner import run
    from rtdash.loadtest.verdict.report import publish

    should_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, should_stop, asyncio.current_task())
    progress = Progress(sys.stderr)
    summary = await run(request, should_stop, progress.show, progress.say)
    progress.end()
    publish(summary, report, out=sys.stdout)
    return summary


def _stop(should_stop: asyncio.Event, task: "asyncio.Task[Any] | None") -> None:
    """The first signal ends the run early, with its report; the second ends it at once."""
    if should_stop.is_set() and task is not None:
        task.cancel()
    should_stop.set()


def _interruptible(work: "Coroutine[Any, Any, Summary]") -> "Summary":
    try:
        return asyncio.run(work)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


@contextmanager
def _in_words() -> Iterator[None]:
    """Return what keeps a run from its verdict, in words for the terminal."""
    from rtdash.client.failures import NotAllowed, Problem, Unreachable
    from rtdash.loadtest.generator.locust_process import GeneratorFailed
    from rtdash.loadtest.plan.slo import NotUsable
    from rtdash.loadtest.run.own_server import ServerFailed

    try:
        yield
    except NotUsable as error:
        raise CommandFailed(
            str(error), hint="see the README, section Load test", code=Exit.USAGE
        ) from None
    except Unreachable as error:
        raise CommandFailed(
            str(error),
            hint="is it running? leave --url away, and it starts its own: rtdash loadtest",
            code=Exit.UNREACHABLE,
        ) from None
    except NotAllowed as error:
        raise CommandFailed(
            f"the server refused: {error}",
            hint="give tokens that may: --tokens FILE",
            code=Exit.NOT_ALLOWED,
        ) from None
    except Problem as error:
        raise CommandFailed(str(error), hint="is it an rtdash server?") from None
    except (ServerFailed, GeneratorFailed) as error:
        raise CommandFailed(
            str(error), hint="see what is wrong with this machine: rtdash doctor"
        ) from None
