"""Conduct of a whole run: a server if none was named, the phases in order, the verdict."""

import asyncio
import os
import platform
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rtdash.client.api_errors import Problem, Unreachable
from rtdash.file_limit import raise_file_limit
from rtdash.loadtest.generator.locust_process import GeneratorFailed
from rtdash.loadtest.generator.rights import split_by_rights
from rtdash.loadtest.plan.metrics import Measures
from rtdash.loadtest.plan.scenario import Phase, Scenario
from rtdash.loadtest.plan.slo import SloFile, judge
from rtdash.loadtest.run.abort_watch import AbortWatch
from rtdash.loadtest.run.context import RunContext
from rtdash.loadtest.run.machine import describe_machine
from rtdash.loadtest.run.own_server import DATA_FOLDER, HEARTBEAT_S, LIFTED, OwnServer
from rtdash.loadtest.run.phase_runner import run_phase
from rtdash.loadtest.verdict.baseline import compare
from rtdash.loadtest.verdict.measuring import measure
from rtdash.loadtest.verdict.observations import Observations
from rtdash.loadtest.verdict.phase_result import PhaseResult
from rtdash.loadtest.verdict.samples import Sample
from rtdash.loadtest.verdict.summary import Summary
from rtdash.loadtest.verdict.validity import why_no_verdict


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Request of a run. `url` None: a server of our own; `mint` makes a token from its data
    directory.
    """

    name: str
    scenario: Scenario
    slos: SloFile
    mint: Callable[[Path], str]
    mint_limited: Callable[[Path], tuple[str, ...]] | None = None
    """Mints tokens of fewer rights."""
    mint_code: Callable[[Path], str] | None = None
    url: str | None = None
    tokens: tuple[str, ...] = ()
    processes: int = 1
    seed: int = 1
    with_ui: bool = False
    program: str = sys.executable
    """The Python that starts its rtdash as a server of our own."""
    baseline: dict[str, Any] | None = None


async def run(
    request: RunRequest,
    should_stop: asyncio.Event,
    show: Callable[[Sample, Observations], None],
    say: Callable[[str], None],
) -> Summary:
    """Run all phases and leave no process behind. Raises Unreachable, Problem, ServerFailed,
    GeneratorFailed when nothing was measured.
    """
    raise_file_limit()
    started, began = datetime.now(UTC), time.monotonic()
    environment = describe_machine()
    judged: list[PhaseResult] = []
    stops = AbortWatch(request.slos.slos, should_stop)

    def watch(sample: Sample, observations: Observations) -> None:
        show(sample, observations)
        stops.check(observations)

    with tempfile.TemporaryDirectory(prefix="rtdash-loadtest-") as folder:
        server = None if request.url else _own_server(request, Path(folder))
        try:
            if server is not None:
                say("starting a server of our own, with the limits of users and addresses lifted")
                await server.start()
            context = _context(request, server, Path(folder), should_stop, watch)
            try:
                await _run_phases(request, context, judged, say)
            finally:
                await context.stop_silent_client()
        finally:
            if server is not None:
                await server.stop()
    is_interrupted = should_stop.is_set() and not stops.has_aborted
    summary = _summary(request, judged, started, time.monotonic() - began)
    return replace(summary, is_interrupted=is_interrupted, environment=environment)


async def _run_phases(
    request: RunRequest,
    context: RunContext,
    judged: list[PhaseResult],
    say: Callable[[str], None],
) -> None:
    """Run the phases in order; what was measured stands in `judged`, however this ends."""
    for phase in request.scenario.phase:
        if context.should_stop.is_set():
            return
        say(f"{phase.name}: {phase.users} users, {phase.duration_s:g} s")
        judged.append(await _judge(request, context, phase, say, is_first=not judged))
        if not judged[-1].is_whole:
            return  # what is lost for good doesn't come back in the next phase


def _summary(
    request: RunRequest,
    judged: list[PhaseResult],
    started: datetime,
    duration_s: float,
) -> Summary:
    measures = {phase.name: phase.measures for phase in judged}
    return Summary(
        scenario=request.name,
        about=request.scenario.summary,
        started_at=started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        duration_s=duration_s,
        server=_about_server(request),
        generator={
            "processes": request.processes,
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "seed": request.seed,
        },
        phases=judged,
        verdicts=judge(request.slos.slos, measures),
        comparisons=(
            compare(request.baseline, measures, request.slos.allowance) if request.baseline else []
        ),
    )


async def _judge(
    request: RunRequest,
    context: RunContext,
    phase: Phase,
    say: Callable[[str], None],
    *,
    is_first: bool,
) -> PhaseResult:
    """Run and measure one phase, again when the generator was the bottleneck; a later phase that
    can't begin counts as one that ended early, so that the earlier ones aren't lost.
    """
    generator = request.scenario.generator
    notes: list[str] = []
    try:
        while True:
            judged = measure(await run_phase(context, phase), generator)
            verdicts = judge(request.slos.slos, {phase.name: judged.measures})
            reasons = why_no_verdict([judged], verdicts)
            if not (reasons and judged.may_repeat) or len(notes) + 1 >= generator.tries:
                return replace(judged, notes=notes + judged.notes)
            notes.append(
                f"measured again, because this said nothing about the server: {reasons[0]}"
            )
            say(notes[-1])
    except (Unreachable, Problem, GeneratorFailed) as failure:
        if is_first:
            raise
        gone = str(failure) if isinstance(failure, Unreachable) else None
        return PhaseResult(
            phase.name,
            Measures(),
            [],
            [] if gone else [f"{phase.name}: {failure}"],
            [],
            [],
            server_gone=gone,
            is_whole=False,
        )


def _own_server(request: RunRequest, folder: Path) -> OwnServer:
    limit = request.scenario.buffer_limit_bytes
    settings = {} if limit is None else {"RTDASH_BUFFER_LIMIT_BYTES": str(limit)}
    return OwnServer(folder, request.mint, program=request.program, settings=settings)


def _context(
    request: RunRequest,
    server: OwnServer | None,
    folder: Path,
    should_stop: asyncio.Event,
    show: Callable[[Sample, Observations], None],
) -> RunContext:
    url = server.url if server is not None else (request.url or "")
    parts = urlsplit(url)
    given = request.tokens or ((server.token,) if server is not None else ())
    tokens, limited = split_by_rights(given)
    if server is not None and not limited and request.mint_limited is not None:
        limited = request.mint_limited(folder / DATA_FOLDER)
    return RunContext(
        url=url,
        tokens=tokens,
        limited_tokens=limited,
        folder=folder,
        run_id=uuid.uuid4().hex[:8],
        seed=request.seed,
        processes=request.processes,
        with_ui=request.with_ui,
        server=server,
        should_stop=should_stop,
        show=show,
        proxy_target=(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)),
        gone_after_s=request.scenario.gone_after_s,
        mint_code=_code_of(request, folder) if server is not None else None,
        session_ttl_s=request.scenario.session_ttl_s,
        heartbeat_s=HEARTBEAT_S if server is not None else request.scenario.heartbeat_s,
    )


def _code_of(request: RunRequest, folder: Path) -> Callable[[], str] | None:
    mint = request.mint_code
    return None if mint is None else lambda: mint(folder / DATA_FOLDER)


def _about_server(request: RunRequest) -> dict[str, Any]:
    if request.url:
        return {"url": request.url, "own": False}
    return {"url": None, "own": True, "limitsLifted": sorted(LIFTED)}
