"""What can happen to conversations: sessions, replays, take-overs, slow and dead sockets, a failing
store.

Time, reads of the log, transactions and sockets of a `Cluster` move when Hypothesis says so. Its
clients (`model_client`) know what
must come.
"""

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rtdash.protocol.channels import Channel, Stream
from rtdash.store.database import StoreUnavailable
from tests.fakes import BOOKINGS, NOTES, STATS
from tests.server.cluster import Cluster
from tests.server.dialog import Dialog
from tests.server.model_client import Client
from tests.server.simulated_process import TTL_S
from tests.server.steered_store import Door, Store

MAX_CLIENTS = 4
TABLES = Stream("harbour-grill", Channel.RESTAURANT_RESERVATIONS)
EVENTS = [BOOKINGS, NOTES, TABLES]

numbers = st.integers(0, 1)
picks = st.integers(0, 50)
some_streams = st.sets(
    st.sampled_from([BOOKINGS, BOOKINGS, NOTES, TABLES, STATS]), min_size=1, max_size=3
)
commits = st.lists(
    st.tuples(
        numbers,
        st.sampled_from([BOOKINGS, BOOKINGS, NOTES, TABLES]),
        st.sampled_from([1, 1, 2, 3, 12]),
        st.sampled_from(["now", "late", "lost"]),
    ),
    min_size=1,
    max_size=4,
)


AT_RANDOM = settings(
    stateful_step_count=60,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
)
"""How Hypothesis makes them up."""


class SessionSchedules(RuleBasedStateMachine):
    """The schedule; Hypothesis shortens one that goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster()

    @initialize(history=st.integers(0, 3), first=some_streams, keeps=st.booleans())
    def start(self, history: int, first: set[Stream], *, keeps: bool) -> None:  # noqa: D102
        self.cluster.start(history)
        self.come(0, first, keeps=keeps)
        self.cluster.spin()

    @precondition(lambda self: len(self.cluster.clients) < MAX_CLIENTS)
    @rule(process=numbers, streams=some_streams, keeps=st.booleans())
    def come(self, process: int, streams: set[Stream], *, keeps: bool) -> None:  # noqa: D102
        client = self.cluster.new_client(keeps_positions=keeps)
        self.cluster.do(
            lambda: client.subscribe(client.connect(self.cluster.processes[process]), streams)
        )

    @rule(commits=commits, flushed=st.booleans())
    def traffic(self, commits: list[tuple[int, Stream, int, str]], *, flushed: bool) -> None:  # noqa: D102
        for number, stream, count, notice in commits:
            self.cluster.commit(self.cluster.processes[number], stream, count, notice)
            if flushed:
                self.cluster.do(
                    lambda process=self.cluster.processes[number]: process.turns.turn(1)
                )

    @rule(process=numbers)
    def figures_change(self, process: int) -> None:  # noqa: D102
        states, hub = self.cluster.processes[process].states, self.cluster.processes[process].hub
        states.number += 1
        self.cluster.do(lambda: hub.publish_state(STATS, "stats", states.body(STATS)))

    @precondition(lambda self: self.cluster.notices)
    @rule(pick=picks, again=st.booleans())
    def a_notice_arrives(self, pick: int, *, again: bool) -> None:  # noqa: D102
        index = pick % len(self.cluster.notices)
        process, notice = self.cluster.notices[index] if again else self.cluster.notices.pop(index)
        self.cluster.do(lambda: process.relay._receive(notice))

    @rule(process=numbers)
    def flush(self, process: int) -> None:  # noqa: D102
        self.cluster.do(lambda: self.cluster.processes[process].turns.turn(1))

    @rule(process=numbers)
    def look(self, process: int) -> None:  # noqa: D102
        self.cluster.loop.create_task(self.cluster.processes[process].look())
        self.cluster.spin(2)

    @rule(process=numbers, is_storm=st.booleans())
    def a_storm_breaks_or_ends(self, process: int, *, is_storm: bool) -> None:  # noqa: D102
        self.cluster.processes[process].is_storm = is_storm

    @rule(turns=st.integers(1, 6))
    def turn(self, turns: int) -> None:  # noqa: D102
        self.cluster.spin(turns)

    @rule(stream=st.sampled_from(EVENTS), share=st.sampled_from([0, 0, 1, 2, 3, 4]))
    def prune(self, stream: Stream, share: int) -> None:  # noqa: D102
        self.cluster.log.prune(stream, self.cluster.log.heads.get(stream, 0) * share // 4)

    @rule(seconds=st.integers(1, 8))
    def time_passes(self, seconds: int) -> None:  # noqa: D102
        for _ in range(2 * seconds):
            self.cluster.wait(0.5)

    @rule(chance=st.integers(0, 3))
    def a_long_time_passes(self, chance: int) -> None:
        """The clock jumps: the process stood still, sessions may be over."""
        if not chance:
            self.cluster.loop.now_s += TTL_S + 10
            self.cluster.store.failed_at = (
                self.cluster.loop.now_s
            )  # no process has beaten: until one does, sessions may count as over
            self.cluster.spin(4)

    @rule(count=st.integers(1, 3))
    def reads_of_the_log_take_long(self, count: int) -> None:  # noqa: D102
        self.cluster.log.hold(count)

    @rule(count=st.integers(1, 3))
    def reads_of_the_log_end(self, count: int) -> None:  # noqa: D102
        self.cluster.log.release(count)
        self.cluster.spin(2)

    @rule(fails=st.booleans())
    def the_log_fails(self, *, fails: bool) -> None:  # noqa: D102
        self.cluster.log.fault = (
            StoreUnavailable("a fault of the test", reason="test") if fails else None
        )
        if fails:
            self.cluster.store.failed_at = self.cluster.loop.now_s

    @rule(process=st.sampled_from([None, 0, 1]))
    def writes_take_long(self, process: int | None = None) -> None:  # noqa: D102
        for one in self.cluster.processes if process is None else [self.cluster.processes[process]]:
            one.admission.hold()

    @rule(process=st.sampled_from([None, 0, 1]))
    def writes_end(self, process: int | None = None) -> None:
        """Of one process, or of all, the dead ones as well."""
        admission: Door | Store = (
            self.cluster.store if process is None else self.cluster.processes[process].admission
        )
        admission.release()
        self.cluster.spin(2)

    @rule(faults=st.lists(st.sampled_from(["refused", "unknown", None]), max_size=4))
    def writes_fail(self, faults: list[str | None]) -> None:  # noqa: D102
        self.cluster.store.faults.clear()
        self.cluster.store.faults.extend(faults)  # type: ignore[arg-type]

    @rule(pick=picks, process=numbers, first=st.sampled_from([None, None, None, TABLES, NOTES]))
    def come_back(self, pick: int, process: int, first: Stream | None) -> None:
        """After the connection ended, or while it stands: then the session is taken over. `first`
        is subscribed before.
        """
        client = self._client(pick)

        def come() -> None:
            dialog = client.connect(self.cluster.processes[process])
            if first is not None and first not in client.expected.wants:
                client.subscribe(dialog, [first])
            client.enter(dialog, [BOOKINGS])

        self.cluster.do(come)

    @rule(pick=picks)
    def try_again(self, pick: int) -> None:
        """A resume on the connection that stands, be it for the second time."""
        self._with_dialog(pick, lambda client, dialog: client.enter(dialog, [BOOKINGS]))

    @rule(
        pick=picks,
        streams=some_streams,
        batch=st.sampled_from([None, None, 50]),
        keeps=st.booleans(),
    )
    def subscribe(  # noqa: D102
        self,
        pick: int,
        streams: set[Stream],
        batch: int | None,
        *,
        keeps: bool,
    ) -> None:
        self._with_dialog(
            pick,
            lambda client, dialog: (
                client.can_ask
                and client.subscribe(dialog, streams, with_positions=keeps, batch_ms=batch)
            ),
        )

    @rule(pick=picks, streams=some_streams)
    def unsubscribe(self, pick: int, streams: set[Stream]) -> None:  # noqa: D102
        self._with_dialog(
            pick, lambda client, dialog: client.can_ask and client.unsubscribe(dialog, streams)
        )

    @rule(pick=picks)
    def leave(self, pick: int) -> None:  # noqa: D102
        self._with_dialog(pick, lambda client, dialog: client.leave(dialog))

    @rule(pick=picks, how=st.sampled_from(["reset", "read to the end", "half open"]))
    def the_connection_breaks(self, pick: int, how: str) -> None:  # noqa: D102
        self._with_dialog(pick, lambda client, dialog: self.cluster.break_off(client, dialog, how))

    @rule(pick=picks, reads=st.booleans(), pongs=st.booleans(), closes=st.booleans())
    def manners_change(self, pick: int, *, reads: bool, pongs: bool, closes: bool) -> None:  # noqa: D102
        client = self._client(pick)
        client.reads, client.answers_pings, client.answers_close = reads, pongs, closes
        self.cluster.spin(1)

    @rule(pick=picks, count=st.integers(1, 4))
    def read_a_little(self, pick: int, count: int) -> None:  # noqa: D102
        self._with_dialog(pick, lambda client, dialog: client.read(dialog, count))

    @rule(number=numbers, lost=st.booleans(), read=st.booleans(), chance=st.integers(0, 1))
    def a_process_is_killed(self, number: int, chance: int, *, lost: bool, read: bool) -> None:  # noqa: D102
        if not chance:
            self.cluster.kill(
                number, writes_are_lost=lost, how="read to the end" if read else "reset"
            )

    @rule(number=numbers, chance=st.integers(0, 1))
    def a_process_drains(self, number: int, chance: int) -> None:  # noqa: D102
        if not chance:
            self.cluster.drain(number)

    @precondition(lambda self: self.cluster.log.epoch < "e4")
    @rule(share=st.integers(0, 3), chance=st.integers(0, 5))
    def a_backup_is_restored(self, share: int, chance: int) -> None:
        """What was committed since is gone."""
        if not chance:
            self.cluster.restore(share)

    @invariant()
    def nothing_went_wrong(self) -> None:  # noqa: D102
        assert not self.cluster.wrongs, self.cluster.wrongs[:3]

    def teardown(self) -> None:
        """Everything settles: clients that come back have all up to the head; once all have left,
        nothing is held any more.
        """
        try:
            if self.cluster.processes:
                self.cluster.settle()
                self.nothing_went_wrong()
                for client in self.cluster.clients:
                    self.cluster.check_settled(client)
                self.cluster.leave()
            self.nothing_went_wrong()
        finally:
            self.cluster.abandon()

    def _client(self, pick: int) -> Client:
        return self.cluster.clients[pick % len(self.cluster.clients)]

    def _with_dialog(self, pick: int, act: Callable[[Client, Dialog], object]) -> None:
        client = self._client(pick)
        dialog = client.dialog
        if dialog is not None:
            self.cluster.do(lambda: act(client, dialog))
