"""Figures of a venue at a process that didn't book: schedules that shake announcements, notices,
polls and followers against each other.

Whatever happens, after a poll that succeeded the dashboard of each process knows that its figures
are old, or they are those of the log.
"""

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from rtdash.protocol.channels import Stream
from rtdash.store.database import StoreUnavailable
from tests.conftest import FULL
from tests.fakes import BOOKINGS, NOTES
from tests.relay.cluster import Cluster, Commit
from tests.relay.model_client import Process

processes = st.integers(0, 1)
streams = st.sampled_from([BOOKINGS, NOTES])


class FigureSchedules(RuleBasedStateMachine):
    """Two processes, bookings at both, figures asked for at both."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster()
        self.shown: dict[tuple[int, Stream], tuple[int, int]] = {}

    @initialize()
    def start(self) -> None:  # noqa: D102
        self.cluster.start(1)

    @rule(
        commit=st.builds(
            Commit,
            processes,
            streams,
            st.integers(1, 2),
            st.booleans(),
            st.sampled_from(["now", "late", "lost"]),
        )
    )
    def book(self, commit: Commit) -> None:  # noqa: D102
        self.cluster.commit(commit)

    @rule(process=processes, stream=streams)
    def ask(self, process: int, stream: Stream) -> None:
        """Figures as the process shows them: those at hand unless a change is known."""
        self._show(self.cluster.processes[process], stream)

    @rule(process=processes, stream=streams)
    def subscribe(self, process: int, stream: Stream) -> None:  # noqa: D102
        self.cluster.join(stream, process)

    @rule(pick=st.integers(0, 20))
    def vanish(self, pick: int) -> None:  # noqa: D102
        if self.cluster.clients:
            self.cluster.vanish(self.cluster.clients[pick % len(self.cluster.clients)])

    @rule(process=processes)
    def poll(self, process: int) -> None:
        """A second has passed at one process."""
        one = self.cluster.processes[process]
        self.cluster.loop.run_until_complete(one.relay._poll_if_moved())
        for stream in (BOOKINGS, NOTES):
            assert self._show(one, stream) == self.cluster.log.heads.get(stream, 0)

    @rule(share=st.integers(0, 3))
    def prune(self, share: int) -> None:  # noqa: D102
        self.cluster.log.prune(BOOKINGS, self.cluster.log.heads.get(BOOKINGS, 0) * share // 4)

    @rule()
    def a_poll_fails(self) -> None:  # noqa: D102
        self.cluster.log.fault = StoreUnavailable("away", reason="test")
        with pytest.raises(StoreUnavailable):
            self.cluster.loop.run_until_complete(self.cluster.processes[0].relay._poll_if_moved())
        self.cluster.log.fault = None

    def teardown(self) -> None:
        """All settles."""
        self.cluster.settle()
        self.cluster.leave()
        self.cluster.loop.close()

    def _show(self, process: Process, stream: Stream) -> int:
        """As `Dashboard.fresh` decides it."""
        count = process.changes[stream]
        known = self.shown.get((process.number, stream))
        if known is None or known[0] != count:
            known = self.shown[process.number, stream] = (
                count,
                self.cluster.log.heads.get(stream, 0),
            )
        return known[1]


TestFigureSchedules = pytest.mark.timeout(1_800)(FigureSchedules.TestCase)
TestFigureSchedules.settings = settings(
    max_examples=1_000 if FULL else 60,
    stateful_step_count=40,
    deadline=None,
    database=None,
    phases=[Phase.generate],
)
