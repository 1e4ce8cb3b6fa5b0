"""SLOs that end a run early."""

import asyncio
from collections.abc import Iterable

from rtdash.loadtest.plan.metrics import Measures
from rtdash.loadtest.plan.slo import Slo
from rtdash.loadtest.verdict.observations import Observations

ABORT_AFTER = 5
"""Samples in a row, a second each, in which an SLO that aborts is broken."""


class AbortWatch:
    """Watch over the SLOs that abort while the run goes on."""

    def __init__(self, slos: Iterable[Slo], should_stop: asyncio.Event) -> None:
        self.has_aborted = False
        self._slos = [slo for slo in slos if slo.abort]
        self._broken_for = dict.fromkeys(range(len(self._slos)), 0)
        self._should_stop = should_stop

    def check(self, observations: Observations) -> None:
        """Stop the run when such an SLO has been broken for long enough."""
        measures = observations.measures_so_far() if self._slos else Measures()
        for number, slo in enumerate(self._slos):
            measured = measures.get(slo.metric, slo.statistic)
            is_about = slo.scope in {None, observations.phase.name}
            is_broken = is_about and measured is not None and not slo.holds(measured)
            self._broken_for[number] = self._broken_for[number] + 1 if is_broken else 0
            if self._broken_for[number] >= ABORT_AFTER and not self._should_stop.is_set():
                self.has_aborted = True
                observations.notes.append(f"ended early: {slo} was broken for {ABORT_AFTER} s")
                self._should_stop.set()
