"""Random schedules of everything that can happen between log, relays, hubs and clients: nothing is
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
from tests.relay.company import Commit, Company

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
        self.company = Company()

    @initialize(
        history=st.integers(0, 3), clients=st.lists(st.tuples(processes, streams), max_size=4)
    )
    def start(self, history: int, clients: list[tuple[int, Stream]]) -> None:  # noqa: D102
        self.company.start(history)
        for number, stream in clients:
            self.company.join(stream, number)

    @rule(commits=commits)
    def traffic(self, commits: list[Commit]) -> None:  # noqa: D102
        for commit in commits:
            self.company.commit(commit)

    @rule(commits=commits, flush_between=st.booleans())
    def busy_traffic(self, commits: list[Commit], *, flush_between: bool) -> None:  # noqa: D102
        for commit in commits * 2:
            self.company.commit(commit)
            if flush_between:
                self.flush(commit.process)

    @rule()
    def calm(self) -> None:  # noqa: D102
        self.company.calm()

    @precondition(lambda self: self.company.notices)
    @rule(pick=picks, count=st.integers(1, 3), again=st.booleans())
    def notices_arrive(self, pick: int, count: int, *, again: bool) -> None:  # noqa: D102
        for _ in range(min(count, len(self.company.notices))):
            index = pick % len(self.company.notices)
            self.company.receive(
                *(self.company.notices[index] if again else self.company.notices.pop(index))
            )

    @rule(process=processes)
    def flush(self, process: int) -> None:  # noqa: D102
        self.company.processes[process].turns.turn(1)

    @rule(turns=st.integers(1, 4))
    def loop_turns(self, turns: int) -> None:  # noqa: D102
        self.company.spin(turns)

    @rule(count=st.integers(1, 3))
    def reads_take_long(self, count: int) -> None:  # noqa: D102
        self.company.log.hold(count)

    @precondition(lambda self: self.company.log.waiting)
    @rule(count=st.none() | st.integers(1, 3))
    def reads_come_back(self, count: int | None) -> None:  # noqa: D102
        self.company.log.release(count)
        self.company.spin(2)

    @precondition(lambda self: self.company.log.waiting)
    @rule()
    def a_read_fails(self) -> None:  # noqa: D102
        self.company.log.fault = StoreUnavailable("the disk is away", reason="test")
        self.company.log.release(1)
        self.company.spin(1)
        self.company.log.fault = None

    @rule(stream=streams, share=st.sampled_from([0, 0, 0, 1, 2, 3, 4]))
    def prune(self, stream: Stream, share: int) -> None:  # noqa: D102
        self.company.log.prune(stream, self.company.log.heads.get(stream, 0) * share // 4)

    @rule(process=processes)
    def look(self, process: int) -> None:  # noqa: D102
        self.company.look(self.company.processes[process])

    @precondition(lambda self: not any(process.is_looking for process in self.company.processes))
    @rule(share=st.integers(0, 3), chance=st.integers(0, 4))
    def backup_is_restored(self, share: int, chance: int) -> None:
        """What was committed since is gone."""
        if not chance:
            self.company.restore(share)

    @rule(process=processes, stream=streams)
    def subscribe(self, process: int, stream: Stream) -> None:  # noqa: D102
        self.company.join(stream, process)

    @precondition(lambda self: any(not client.is_open for client in self.company.clients))
    @rule(pick=picks, process=processes, back=st.integers(0, 6))
    def come_back(self, pick: int, process: int, back: int) -> None:
        """With the position kept, or an older one of it, wherever the other process stands."""
        away = [client for client in self.company.clients if not client.is_open]
        client = away[pick % len(away)]
        kept = client.position
        self.company.connect(
            client, process, kept and Position(kept.epoch, max(0, kept.seq - back))
        )

    @precondition(lambda self: any(client.is_live for client in self.company.clients))
    @rule(pick=picks, process=processes, commits=commits, back=st.integers(0, 3))
    def hop(self, pick: int, process: int, commits: list[Commit], back: int) -> None:
        """Drop, miss something, come back."""
        live = [client for client in self.company.clients if client.is_live]
        client = live[pick % len(live)]
        self.company.vanish(client)
        self.traffic(commits)
        kept = client.position
        self.company.connect(
            client, process, kept and Position(kept.epoch, max(0, kept.seq - back))
        )

    @precondition(lambda self: any(not client.is_open for client in self.company.clients))
    @rule(
        pick=picks,
        process=processes,
        epoch=st.sampled_from(["e0", "e1", "e2"]),
        seq=st.integers(0, 30),
    )
    def come_back_from_nowhere(self, pick: int, process: int, epoch: str, seq: int) -> None:
        """With a position that nobody gave: another epoch's, or far beyond the head."""
        away = [client for client in self.company.clients if not client.is_open]
        self.company.connect(away[pick % len(away)], process, Position(epoch, seq))

    @precondition(lambda self: any(client.is_open for client in self.company.clients))
    @rule(pick=picks)
    def vanish(self, pick: int) -> None:  # noqa: D102
        self.company.vanish(self.company.clients[pick % len(self.company.clients)])

    @precondition(lambda self: self.company.clients)
    @rule(pick=picks, reads=st.booleans())
    def change_pace(self, pick: int, *, reads: bool) -> None:  # noqa: D102
        pace = self.company.clients[pick % len(self.company.clients)].pace
        if reads:
            pace.set()
            self.company.spin(2)
        else:
            pace.clear()

    @invariant()
    def nothing_went_wrong(self) -> None:  # noqa: D102
        assert self.company.wrongs == []
        assert all(process.hub.faults == 0 for process in self.company.processes)

    def teardown(self) -> None:
        """Everything settles: whoever is connected has all up to the head; once they have left,
        nothing is held any more.
        """
        try:
            if self.company.processes:
                self.company.settle()
                for client in self.company.clients:
                    if client.is_open:
                        assert client.is_live
                        assert client.position == Position(
                            self.company.log.epoch, self.company.log.heads.get(client.stream, 0)
                        )
                self.company.leave()
            self.nothing_went_wrong()
        finally:
            self.company.loop.close()


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
