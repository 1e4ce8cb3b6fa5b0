"""Random schedules of everything that can happen between log, setup, hubs and clients: nothing is
lost, repeated or reordered.

Two processes share one log. Their announcements, the notices between them, their flushes, looks and
reads run when Hypothesis says so;
notices are lost, late and repeated; clients come, pause, vanish and come back elsewhere, from where
they were or from nowhere.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rtdash.protocol.channels import Position, Stream
from rtdash.store.database import StoreUnavailable
from tests.fakes import BOOKINGS, NOTES
from tests.relay.cluster import Cluster, Commit

SCHEDULES = 2_500 if os.environ.get("RTDASH_FULL") == "1" else 200

streams = st.sampled_from([BOOKINGS, NOTES])
processes = st.integers(0, 1)
picks = st.integers(0, 50)
commits = st.lists(
    st.builds(
        Commit,
        processes,
        streams,
        st.integers(1, 3),
        st.booleans(),
        st.sampled_from(["now", "late", "lost"]),
    ),
    min_size=1,
    max_size=4,
)


class Schedules(RuleBasedStateMachine):
    """The schedule; Hypothesis shortens one that goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster()

    @initialize(
        history=st.integers(0, 3), clients=st.lists(st.tuples(processes, streams), max_size=4)
    )
    def start(self, history: int, clients: list[tuple[int, Stream]]) -> None:  # noqa: D102
        self.cluster.start(history)
        for number, stream in clients:
            self.cluster.join(stream, number)

    @rule(commits=commits)
    def traffic(self, commits: list[Commit]) -> None:  # noqa: D102
        for commit in commits:
            self.cluster.commit(commit)

    @rule(commits=commits, flush_between=st.booleans())
    def busy_traffic(self, commits: list[Commit], *, flush_between: bool) -> None:  # noqa: D102
        for commit in commits * 2:
            self.cluster.commit(commit)
            if flush_between:
                self.flush(commit.process)

    @rule()
    def calm(self) -> None:  # noqa: D102
        self.cluster.calm()

    @precondition(lambda self: self.cluster.notices)
    @rule(pick=picks, count=st.integers(1, 3), again=st.booleans())
    def notices_arrive(self, pick: int, count: int, *, again: bool) -> None:  # noqa: D102
        for _ in range(min(count, len(self.cluster.notices))):
            index = pick % len(self.cluster.notices)
            self.cluster.receive(
                *(self.cluster.notices[index] if again else self.cluster.notices.pop(index))
            )

    @rule(process=processes)
    def flush(self, process: int) -> None:  # noqa: D102
        self.cluster.processes[process].turns.turn(1)

    @rule(turns=st.integers(1, 4))
    def loop_turns(self, turns: int) -> None:  # noqa: D102
        self.cluster.spin(turns)

    @rule(count=st.integers(1, 3))
    def reads_take_long(self, count: int) -> None:  # noqa: D102
        self.cluster.log.hold(count)

    @precondition(lambda self: self.cluster.log.waiting)
    @rule(count=st.none() | st.integers(1, 3))
    def reads_come_back(self, count: int | None) -> None:  # noqa: D102
        self.cluster.log.release(count)
        self.cluster.spin(2)

    @precondition(lambda self: self.cluster.log.waiting)
    @rule()
    def a_read_fails(self) -> None:  # noqa: D102
        self.cluster.log.fault = StoreUnavailable("the disk is away", reason="test")
        self.cluster.log.release(1)
        self.cluster.spin(1)
        self.cluster.log.fault = None

    @rule(stream=streams, share=st.sampled_from([0, 0, 0, 1, 2, 3, 4]))
    def prune(self, stream: Stream, share: int) -> None:  # noqa: D102
        self.cluster.log.prune(stream, self.cluster.log.heads.get(stream, 0) * share // 4)

    @rule(process=processes)
    def look(self, process: int) -> None:  # noqa: D102
        self.cluster.look(self.cluster.processes[process])

    @precondition(lambda self: not any(process.is_polling for process in self.cluster.processes))
    @rule(share=st.integers(0, 3), chance=st.integers(0, 4))
    def backup_is_restored(self, share: int, chance: int) -> None:
        """What was committed since is gone."""
        if not chance:
            self.cluster.restore(share)

    @rule(process=processes, stream=streams)
    def subscribe(self, process: int, stream: Stream) -> None:  # noqa: D102
        self.cluster.join(stream, process)

    @precondition(lambda self: any(not client.is_open for client in self.cluster.clients))
    @rule(pick=picks, process=processes, back=st.integers(0, 6))
    def come_back(self, pick: int, process: int, back: int) -> None:
        """With the position kept, or an older one of it, wherever the other process stands."""
        away = [client for client in self.cluster.clients if not client.is_open]
        client = away[pick % len(away)]
        kept = client.position
        self.cluster.connect(
            client, process, kept and Position(kept.epoch, max(0, kept.seq - back))
        )

    @precondition(lambda self: any(client.is_live for client in self.cluster.clients))
    @rule(pick=picks, process=processes, commits=commits, back=st.integers(0, 3))
    def hop(self, pick: int, process: int, commits: list[Commit], back: int) -> None:
        """Drop, miss something, come back."""
        live = [client for client in self.cluster.clients if client.is_live]
        client = live[pick % len(live)]
        self.cluster.vanish(client)
        self.traffic(commits)
        kept = client.position
        self.cluster.connect(
            client, process, kept and Position(kept.epoch, max(0, kept.seq - back))
        )

    @precondition(lambda self: any(not client.is_open for client in self.cluster.clients))
    @rule(
        pick=picks,
        process=processes,
        epoch=st.sampled_from(["e0", "e1", "e2"]),
        seq=st.integers(0, 30),
    )
    def come_back_from_nowhere(self, pick: int, process: int, epoch: str, seq: int) -> None:
        """With a position that no server gave: another epoch's, or far beyond the head."""
        away = [client for client in self.cluster.clients if not client.is_open]
        self.cluster.connect(away[pick % len(away)], process, Position(epoch, seq))

    @precondition(lambda self: any(client.is_open for client in self.cluster.clients))
    @rule(pick=picks)
    def vanish(self, pick: int) -> None:  # noqa: D102
        self.cluster.vanish(self.cluster.clients[pick % len(self.cluster.clients)])

    @precondition(lambda self: self.cluster.clients)
    @rule(pick=picks, reads=st.booleans())
    def change_pace(self, pick: int, *, reads: bool) -> None:  # noqa: D102
        pace = self.cluster.clients[pick % len(self.cluster.clients)].pace
        if reads:
            pace.set()
            self.cluster.spin(2)
        else:
            pace.clear()

    @invariant()
    def nothing_went_wrong(self) -> None:  # noqa: D102
        assert self.cluster.wrongs == []
        assert all(process.hub.faults == 0 for process in self.cluster.processes)

    def teardown(self) -> None:
        """Everything settles: all that are connected have everything up to the head; once they have
        left, nothing is held any more.
        """
        try:
            if self.cluster.processes:
                self.cluster.settle()
                for client in self.cluster.clients:
                    if client.is_open:
                        assert client.is_live
                        assert client.position == Position(
                            self.cluster.log.epoch, self.cluster.log.heads.get(client.stream, 0)
                        )
                self.cluster.leave()
            self.nothing_went_wrong()
        finally:
            self.cluster.loop.close()


TestSchedules = pytest.mark.timeout(1_800)(Schedules.TestCase)
TestSchedules.settings = settings(
    max_examples=SCHEDULES,
    stateful_step_count=100,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
)
