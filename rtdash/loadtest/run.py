"""The whole run: a server if none was named, the phases one after the other, the verdict."""

import asyncio
import os
import platform
import resource
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rtdash.client.failures import Problem, Unreachable
from rtdash.loadtest.baseline import compare
from rtdash.loadtest.evidence import Evidence
from rtdash.loadtest.generator import GeneratorFailed
from rtdash.loadtest.measuring import Judged, measure
from rtdash.loadtest.metrics import Measures
from rtdash.loadtest.own_server import LIFTED, OwnServer
from rtdash.loadtest.phase_run import run_phase
from rtdash.loadtest.samples import Sample
from rtdash.loadtest.scenario import Phase, Scenario
from rtdash.loadtest.setting import Setting
from rtdash.loadtest.slo import SloFile, judge
from rtdash.loadtest.summary import Summary

ABORT_AFTER = 5
"""Samples in a row, a second each, in which an SLO that aborts is broken."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to run. `url` None: a server of our own, whose token `mint` makes from its data
    directory.
    """

    name: str
    scenario: Scenario
    slos: SloFile
    mint: Callable[[Path], str]
    url: str | None = None
    tokens: tuple[str, ...] = ()
    processes: int = 1
    seed: int = 1
    with_ui: bool = False
    baseline: dict[str, Any] | None = None


async def run(
    order: Order,
    should_stop: asyncio.Event,
    show: Callable[[Sample, Evidence], None],
    say: Callable[[str], None],
) -> Summary:
    """Run it all, and leave no process behind. Raises Unreachable, Problem, ServerFailed,
    GeneratorFailed when nothing was measured.
    """
    _allow_many_sockets()
    started, began = datetime.now(UTC), time.monotonic()
    judged: list[Judged] = []
    stops = _Stops(order, should_stop)

    def watch(sample: Sample, evidence: Evidence) -> None:
        show(sample, evidence)
        stops.look(evidence)

    with tempfile.TemporaryDirectory(prefix="rtdash-loadtest-") as folder:
        server = None if order.url else OwnServer(Path(folder), order.mint)
        try:
            if server is not None:
                say("starting a server of our own, with the limits of users and addresses lifted")
                await server.start()
            setting = _setting(order, server, Path(folder), should_stop, watch)
            for phase in order.scenario.phase:
                if should_stop.is_set():
                    break
                say(f"{phase.name}: {phase.users} users, {phase.duration_s:g} s")
                judged.append(await _judge(order, setting, phase, say, is_first=not judged))
                if not judged[-1].is_whole:
                    break  # what is lost for good doesn't come back in the next phase
        finally:
            if server is not None:
                await server.stop()
    is_interrupted = should_stop.is_set() and not stops.has_aborted
    return _summary(order, judged, started, time.monotonic() - began, is_interrupted=is_interrupted)


def _summary(
    order: Order,
    judged: list[Judged],
    started: datetime,
    duration_s: float,
    *,
    is_interrupted: bool,
) -> Summary:
    measures = {phase.name: phase.measures for phase in judged}
    return Summary(
        scenario=order.name,
        about=order.scenario.summary,
        started_at=started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        duration_s=duration_s,
        server=_about_server(order),
        generator={
            "processes": order.processes,
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "seed": order.seed,
        },
        phases=judged,
        verdicts=judge(order.slos.slos, measures),
        is_interrupted=is_interrupted,
        comparisons=(
            compare(order.baseline, measures, order.slos.allowance) if order.baseline else []
        ),
    )


async def _judge(
    order: Order, setting: Setting, phase: Phase, say: Callable[[str], None], *, is_first: bool
) -> Judged:
    """One phase, measured; one that can't begin any more is told like one that ends early, so that
    what went before isn't lost.
    """
    generator = order.scenario.generator
    notes: list[str] = []
    try:
        while True:
            judged = measure(await run_phase(setting, phase), generator)
            if not (judged.is_starved and judged.is_whole) or len(notes) + 1 >= generator.tries:
                return replace(judged, notes=notes + judged.notes)
            notes.append(
                f"measured again, because this said nothing about the server: {judged.invalid[0]}"
            )
            say(notes[-1])
    except (Unreachable, Problem, GeneratorFailed) as failure:
        if is_first:
            raise
        gone = str(failure) if isinstance(failure, Unreachable) else None
        return Judged(
            phase.name,
            Measures(),
            [],
            [] if gone else [f"{phase.name}: {failure}"],
            [],
            [],
            gone,
            is_whole=False,
        )


class _Stops:
    """SLOs that abort, looked at while the run goes on."""

    def __init__(self, order: Order, should_stop: asyncio.Event) -> None:
        self.has_aborted = False
        self._slos = [slo for slo in order.slos.slos if slo.abort]
        self._broken_for = dict.fromkeys(range(len(self._slos)), 0)
        self._should_stop = should_stop

    def look(self, evidence: Evidence) -> None:
        """Stop the run when one has been broken for long enough."""
        measures = evidence.measures_so_far() if self._slos else Measures()
        for number, slo in enumerate(self._slos):
            measured = measures.get(slo.metric, slo.statistic)
            is_about = slo.scope in {None, evidence.phase.name}
            is_broken = is_about and measured is not None and not slo.holds(measured)
            self._broken_for[number] = self._broken_for[number] + 1 if is_broken else 0
            if self._broken_for[number] >= ABORT_AFTER and not self._should_stop.is_set():
                self.has_aborted = True
                evidence.notes.append(f"ended early: {slo} was broken for {ABORT_AFTER} s")
                self._should_stop.set()


def _setting(
    order: Order,
    server: OwnServer | None,
    folder: Path,
    should_stop: asyncio.Event,
    show: Callable[[Sample, Evidence], None],
) -> Setting:
    url = server.url if server is not None else (order.url or "")
    parts = urlsplit(url)
    return Setting(
        url=url,
        tokens=order.tokens or ((server.token,) if server is not None else ()),
        folder=folder,
        run_id=uuid.uuid4().hex[:8],
        seed=order.seed,
        processes=order.processes,
        with_ui=order.with_ui,
        server=server,
        should_stop=should_stop,
        show=show,
        proxy_target=(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)),
        gone_after_s=order.scenario.gone_after_s,
    )


def _about_server(order: Order) -> dict[str, Any]:
    if order.url:
        return {"url": order.url, "own": False}
    return {"url": None, "own": True, "limitsLifted": sorted(LIFTED)}


def _allow_many_sockets() -> None:
    """As many descriptors as this process may have at all; children inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
