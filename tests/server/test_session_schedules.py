"""Random schedules of everything that can happen to conversations: sessions, replays, take-overs, slow and dead sockets, a failing store.

Two server processes over one log and one store, each with its relay, hub and gateway; up to four clients. Time, reads of the log,
transactions and sockets move when Hypothesis says so. The clients (`promise_keeper`) know what must come.
"""

# ruff: noqa: D102 - the names of the rules say what happens
import asyncio
import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rtdash.broker.base import Notice
from rtdash.protocol.channels import Channel, Stream
from rtdash.store.database import StoreUnavailable
from tests.fakes import BOOKINGS, NOTES, STATS, FakeLog
from tests.server.promise_keeper import Client, Dialog
from tests.server.steered_store import Door, SteeredLoop, Store, count_sessions
from tests.server.steering import TTL_S, Process

SCHEDULES = 2_500 if os.environ.get("RTDASH_FULL") == "1" else 200
MAX_CLIENTS = 4
TABLES = Stream("harbour-grill", Channel.RESTAURANT_RESERVATIONS)
EVENTS = [BOOKINGS, NOTES, TABLES]

numbers = st.integers(0, 1)
picks = st.integers(0, 50)
some_streams = st.sets(st.sampled_from([BOOKINGS, BOOKINGS, NOTES, TABLES, STATS]), min_size=1, max_size=3)
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


class SessionSchedules(RuleBasedStateMachine):
    """The schedule; Hypothesis shortens one that goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = SteeredLoop()
        self.log = FakeLog()
        self.store = Store(self.loop)
        self.wrongs: list[str] = []
        self.loop.set_exception_handler(lambda _, context: self.wrongs.append(str(context)))
        self.clients: list[Client] = []
        self.processes: list[Process] = []
        self.notices: list[tuple[Process, Notice]] = []

    @initialize(history=st.integers(0, 3), first=some_streams, keeps=st.booleans())
    def start(self, history: int, first: set[Stream], *, keeps: bool) -> None:
        self.log.append(BOOKINGS, history)
        self.processes = [self._new_process() for _ in range(2)]
        self.come(0, first, keeps=keeps)
        self._spin()

    @precondition(lambda self: len(self.clients) < MAX_CLIENTS)
    @rule(process=numbers, streams=some_streams, keeps=st.booleans())
    def come(self, process: int, streams: set[Stream], *, keeps: bool) -> None:
        client = Client(len(self.clients), self.loop, self.log, self.store, self.wrongs, keeps_positions=keeps)
        self.clients.append(client)
        self._do(lambda: client.subscribe(client.connect(self.processes[process]), streams))

    @rule(commits=commits, flushed=st.booleans())
    def traffic(self, commits: list[tuple[int, Stream, int, str]], *, flushed: bool) -> None:
        for number, stream, count, notice in commits:
            self._commit(self.processes[number], stream, count, notice)
            if flushed:
                self._do(lambda process=self.processes[number]: process.turns.turn(1))

    @rule(process=numbers)
    def figures_change(self, process: int) -> None:
        states, hub = self.processes[process].states, self.processes[process].hub
        states.number += 1
        self._do(lambda: hub.publish_state(STATS, "stats", states.body(STATS)))

    @precondition(lambda self: self.notices)
    @rule(pick=picks, again=st.booleans())
    def a_notice_arrives(self, pick: int, *, again: bool) -> None:
        index = pick % len(self.notices)
        process, notice = self.notices[index] if again else self.notices.pop(index)
        self._do(lambda: process.relay._receive(notice))

    @rule(process=numbers)
    def flush(self, process: int) -> None:
        self._do(lambda: self.processes[process].turns.turn(1))

    @rule(process=numbers)
    def look(self, process: int) -> None:
        self.loop.create_task(self.processes[process].look())
        self._spin(2)

    @rule(turns=st.integers(1, 6))
    def turn(self, turns: int) -> None:
        self._spin(turns)

    @rule(stream=st.sampled_from(EVENTS), share=st.sampled_from([0, 0, 1, 2, 3, 4]))
    def prune(self, stream: Stream, share: int) -> None:
        self.log.prune(stream, self.log.heads.get(stream, 0) * share // 4)

    @rule(seconds=st.integers(1, 8))
    def time_passes(self, seconds: int) -> None:
        for _ in range(2 * seconds):
            self._wait(0.5)

    @rule(chance=st.integers(0, 3))
    def a_long_time_passes(self, chance: int) -> None:
        """The clock jumps: the process stood still, sessions may be over."""
        if not chance:
            self.loop.now_s += TTL_S + 10
            self.store.failed_at = self.loop.now_s  # no process has beaten: until one does, sessions may count as over
            self._spin(4)

    @rule(count=st.integers(1, 3))
    def reads_of_the_log_take_long(self, count: int) -> None:
        self.log.hold(count)

    @rule(count=st.integers(1, 3))
    def reads_of_the_log_end(self, count: int) -> None:
        self.log.release(count)
        self._spin(2)

    @rule(fails=st.booleans())
    def the_log_fails(self, *, fails: bool) -> None:
        self.log.fault = StoreUnavailable("a fault of the test", reason="test") if fails else None
        if fails:
            self.store.failed_at = self.loop.now_s

    @rule(process=st.sampled_from([None, 0, 1]))
    def writes_take_long(self, process: int | None = None) -> None:
        for one in self.processes if process is None else [self.processes[process]]:
            one.door.hold()

    @rule(process=st.sampled_from([None, 0, 1]))
    def writes_end(self, process: int | None = None) -> None:
        """Of one process, or of all, the dead ones as well."""
        door: Door | Store = self.store if process is None else self.processes[process].door
        door.release()
        self._spin(2)

    @rule(faults=st.lists(st.sampled_from(["refused", "unknown", None]), max_size=4))
    def writes_fail(self, faults: list[str | None]) -> None:
        self.store.faults.clear()
        self.store.faults.extend(faults)  # type: ignore[arg-type]

    @rule(pick=picks, process=numbers, first=st.sampled_from([None, None, None, TABLES, NOTES]))
    def come_back(self, pick: int, process: int, first: Stream | None) -> None:
        """After the connection ended, or while it stands: then the session is taken over. `first` is subscribed before."""
        client = self._client(pick)

        def come() -> None:
            dialog = client.connect(self.processes[process])
            if first is not None and first not in client.wants:
                client.subscribe(dialog, [first])
            client.enter(dialog, [BOOKINGS])

        self._do(come)

    @rule(pick=picks)
    def try_again(self, pick: int) -> None:
        """A resume on the connection that stands, be it for the second time."""
        self._with_dialog(pick, lambda client, dialog: client.enter(dialog, [BOOKINGS]))

    @rule(pick=picks, streams=some_streams, batch=st.sampled_from([None, None, 50]), keeps=st.booleans())
    def subscribe(self, pick: int, streams: set[Stream], batch: int | None, *, keeps: bool) -> None:
        self._with_dialog(
            pick, lambda client, dialog: client.can_ask and client.subscribe(dialog, streams, with_positions=keeps, batch_ms=batch)
        )

    @rule(pick=picks, streams=some_streams)
    def unsubscribe(self, pick: int, streams: set[Stream]) -> None:
        self._with_dialog(pick, lambda client, dialog: client.can_ask and client.unsubscribe(dialog, streams))

    @rule(pick=picks)
    def leave(self, pick: int) -> None:
        self._with_dialog(pick, lambda client, dialog: client.leave(dialog))

    @rule(pick=picks, how=st.sampled_from(["reset", "read to the end", "half open"]))
    def the_connection_breaks(self, pick: int, how: str) -> None:
        self._with_dialog(pick, lambda client, dialog: self._break(client, dialog, how))

    @rule(pick=picks, reads=st.booleans(), pongs=st.booleans(), closes=st.booleans())
    def manners_change(self, pick: int, *, reads: bool, pongs: bool, closes: bool) -> None:
        client = self._client(pick)
        client.reads, client.answers_pings, client.answers_close = reads, pongs, closes
        self._spin(1)

    @rule(pick=picks, count=st.integers(1, 4))
    def read_a_little(self, pick: int, count: int) -> None:
        self._with_dialog(pick, lambda client, dialog: client.read(dialog, count))

    @rule(number=numbers, lost=st.booleans(), read=st.booleans(), chance=st.integers(0, 1))
    def a_process_is_killed(self, number: int, chance: int, *, lost: bool, read: bool) -> None:
        if not chance:
            process = self.processes[number]
            self.loop.run_until_complete(process.die(writes_are_lost=lost))
            self._replace(number, how="read to the end" if read else "reset")

    @rule(number=numbers, chance=st.integers(0, 1))
    def a_process_drains(self, number: int, chance: int) -> None:
        if chance:
            return
        process = self.processes[number]
        drained = self.loop.create_task(process.gateway.drain())
        while not drained.done():
            self._wait(0.25)
        self.store.release()
        stopped = self.loop.create_task(process.stop())
        while not stopped.done():
            self._spin(1)
            self.log.release()
        self._replace(number, how="read to the end")

    @precondition(lambda self: self.log.epoch < "e4")
    @rule(share=st.integers(0, 3), chance=st.integers(0, 5))
    def a_backup_is_restored(self, share: int, chance: int) -> None:
        """What was committed since is gone; every process finds out before anything else happens."""
        if chance:
            return
        self.log.release()
        self.log.restore({stream: head * share // 4 for stream, head in self.log.heads.items()})
        fault, self.log.fault = self.log.fault, None
        self.loop.run_until_complete(self.log.draw_epoch(self.log.epoch))
        for process in (*self.processes, *self.processes):
            process.committed.clear()
            self.loop.run_until_complete(process.relay.look())
        self.log.fault = fault

    @invariant()
    def nothing_went_wrong(self) -> None:
        assert not self.wrongs, self.wrongs[:3]

    def teardown(self) -> None:
        """Everything settles: whoever comes back has all up to the head; once all have left, nothing is held any more."""
        try:
            if self.processes:
                self._settle()
                self.nothing_went_wrong()
                self._leave()
            self.nothing_went_wrong()
        finally:
            self._abandon()

    def _abandon(self) -> None:
        """Whatever a failure has left: it must not talk into the next schedule."""
        for process in self.processes:
            process.door.is_shut = True
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self._spin(5)
        self.loop.close()

    def _settle(self) -> None:
        self.store.faults.clear()
        self.store.release()
        self.log.fault = None
        self.log.release()
        for client in self.clients:
            client.reads = client.answers_pings = client.answers_close = True
        self._spin(10)
        for round_ in range(8):
            for process in self.processes:
                self.loop.run_until_complete(process.look())
            for client in self.clients:
                self._do(lambda client=client, round_=round_: self._bring_back(client, round_))
            self._wait(0.5)
            for process in self.processes:
                self._do(lambda process=process: process.turns.turn(1))
            self._spin(5)
        self.nothing_went_wrong()
        for client in self.clients:
            self._check_settled(client)

    def _bring_back(self, client: Client, round_: int) -> None:
        dialog = client.dialog
        if dialog is None or dialog.link.has_ended:
            dialog = client.connect(self.processes[round_ % 2])
        if not dialog.has_entered:
            client.enter(dialog, [BOOKINGS])

    def _check_settled(self, client: Client) -> None:
        dialog = client.dialog
        if dialog is None and not client.wants | client.maybe:
            return  # it followed nothing, and was closed as idle
        assert dialog is not None
        assert dialog.has_entered
        assert not dialog.asked
        assert not dialog.due_resets
        assert client.wants - dialog.chain.keys() <= client.maybe
        for stream, position in dialog.chain.items():
            if position is None:
                assert dialog.states.get(stream) == dialog.process.states.number
            else:
                assert position == (self.log.epoch, self.log.heads.get(stream, 0)), f"{client.sub} {stream}"
                assert client.has[stream] == position

    def _leave(self) -> None:
        for client in self.clients:
            for dialog in client.dialogs:
                if not dialog.is_over:
                    client.leave(dialog)
        for _ in range(30):
            self._wait(0.5)
        leftovers = [process.leftovers() for process in self.processes]
        assert leftovers == [{}, {}], leftovers
        assert self.log.waiting == self.store.waiting == 0
        self._wait(TTL_S + 1)
        self.loop.run_until_complete(self.processes[0].gateway.sessions._expire())
        assert self.store.run(count_sessions) == 0, "a session that nobody holds doesn't expire"
        for process in self.processes:
            self.loop.run_until_complete(process.stop())
        assert asyncio.all_tasks(self.loop) == set()

    def _new_process(self) -> Process:
        async def make() -> Process:
            return Process(self.loop, self.log, self.store)

        return self.loop.run_until_complete(make())

    def _replace(self, number: int, *, how: str) -> None:
        """The process has ended: its sockets too, and another one takes its place."""
        old, self.processes[number] = self.processes[number], self._new_process()
        self.notices = [(process, notice) for process, notice in self.notices if process is not old]
        for client in self.clients:
            for dialog in client.dialogs:
                if dialog.process is old:
                    dialog.link.has_ended = True
                    self._break(client, dialog, how)

    def _break(self, client: Client, dialog: Dialog, how: str) -> None:
        link = dialog.link
        if how == "half open":
            link.is_cut = True
        elif how == "reset":
            link.down.clear()
            link.up.clear()
            link.end()
        else:
            link.end()
            client.read(dialog)
        client.give_up(dialog)

    def _client(self, pick: int) -> Client:
        return self.clients[pick % len(self.clients)]

    def _with_dialog(self, pick: int, act: Callable[[Client, Dialog], object]) -> None:
        client = self._client(pick)
        dialog = client.dialog
        if dialog is not None:
            self._do(lambda: act(client, dialog))

    def _commit(self, committer: Process, stream: Stream, count: int, fate: str) -> None:
        events = self.log.append(stream, count)
        notice = Notice(stream, self.log.epoch, events[0].seq, tuple(event.body for event in events))
        self._do(lambda: committer.relay.announce(events))
        if fate == "lost":
            return
        for process, arrived in self.carry(committer, notice):
            if fate == "now":
                self._do(lambda process=process, arrived=arrived: process.relay._receive(arrived))
            else:
                self.notices.append((process, arrived))

    def carry(self, _sender: Process, notice: Notice) -> list[tuple[Process, Notice]]:
        """What comes of it, and where."""
        return [(process, notice) for process in self.processes]

    def _wait(self, seconds: float) -> None:
        self.loop.now_s += seconds
        self._spin(4)

    def _do(self, act: Callable[[], None]) -> None:
        """Act inside a turn of the loop, and let what it set off begin."""
        self.loop.call_soon(act)
        self._spin(1)

    def _spin(self, turns: int = 4) -> None:
        self.loop.run_until_complete(self._turns(turns))

    async def _turns(self, turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
            self.loop.now_s += 0.001
            for client in self.clients:
                for dialog in client.dialogs:
                    dialog.link.carry_up()
                    if client.reads:
                        client.read(dialog)


TestSessionSchedules = pytest.mark.timeout(1_800)(SessionSchedules.TestCase)
TestSessionSchedules.settings = settings(
    max_examples=SCHEDULES,
    stateful_step_count=60,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.fixture
def schedule() -> Iterator[SessionSchedules]:
    """A schedule by hand; it settles behind the test."""
    machine = SessionSchedules()
    yield machine
    machine.teardown()


def test_a_connection_lost_in_its_first_subscribe_leaves_no_session(schedule: SessionSchedules) -> None:
    """Its row was written for nobody: it must expire."""
    schedule.start(0, {BOOKINGS}, keeps=True)
    schedule.writes_take_long()
    schedule.come(0, {NOTES}, keeps=True)
    schedule.turn(4)
    schedule.the_connection_breaks(1, "reset")


def test_a_connection_lost_in_its_resume_leaves_no_session(schedule: SessionSchedules) -> None:
    """The session was taken over for nobody: it must expire."""
    schedule.start(0, {BOOKINGS}, keeps=False)
    schedule.the_connection_breaks(0, "reset")
    schedule.turn(4)
    schedule.writes_take_long()
    schedule.come_back(0, 1, None)
    schedule.turn(4)
    schedule.the_connection_breaks(0, "reset")


def test_what_was_followed_before_a_resume_is_resumed_with_it(schedule: SessionSchedules) -> None:
    """It came into the session with the position from which it was followed."""
    schedule.start(0, {BOOKINGS}, keeps=False)
    schedule.the_connection_breaks(0, "reset")
    schedule.come_back(0, 0, TABLES)
    schedule.turn(6)
    schedule.the_connection_breaks(0, "reset")
    schedule.traffic([(0, TABLES, 3, "now")], flushed=True)
    schedule.come_back(0, 1, None)


def test_a_reset_that_nobody_read_is_told_again(schedule: SessionSchedules) -> None:
    """A session goes on from its reset only once that has arrived."""
    schedule.start(0, {BOOKINGS}, keeps=False)
    schedule.the_connection_breaks(0, "reset")
    schedule.traffic([(0, BOOKINGS, 3, "lost")], flushed=True)
    schedule.prune(BOOKINGS, 4)
    schedule.manners_change(0, reads=False, pongs=True, closes=True)
    schedule.come_back(0, 0, None)
    schedule.turn(6)
    schedule.the_connection_breaks(0, "reset")
    schedule.manners_change(0, reads=True, pongs=True, closes=True)
    schedule.come_back(0, 0, None)
    schedule.turn(6)
    schedule.nothing_went_wrong()


@pytest.mark.parametrize("keeps", [True, False])
def test_a_new_epoch_during_a_resume_resets(schedule: SessionSchedules, *, keeps: bool) -> None:
    """A position that was good when it was looked at says nothing about a log of another name."""
    schedule.start(3, {BOOKINGS}, keeps=keeps)
    schedule.the_connection_breaks(0, "reset")
    schedule.traffic([(0, BOOKINGS, 3, "lost")], flushed=True)
    schedule.look(0)
    schedule.writes_take_long()
    schedule.come_back(0, 0, None)
    schedule.turn(6)
    schedule.writes_end()
    schedule.writes_take_long()
    schedule.turn(4)
    schedule.a_backup_is_restored(3, 0)
    schedule.writes_end()
    schedule.turn(6)


def test_an_unsubscribe_holds_after_a_subscribe_of_unknown_outcome(schedule: SessionSchedules) -> None:
    """The row may follow what nobody follows here: the unsubscribe is stored all the same."""
    schedule.start(0, {BOOKINGS}, keeps=True)
    schedule.turn(6)
    schedule.writes_fail(["unknown"])
    schedule.subscribe(pick=0, streams={NOTES}, keeps=True, batch=None)
    schedule.turn(80)
    schedule.unsubscribe(pick=0, streams={NOTES})
    schedule.turn(80)
    schedule.the_connection_breaks(0, "reset")
    schedule.come_back(0, 0, None)
    schedule.turn(80)
    schedule.nothing_went_wrong()


def test_a_subscribe_holds_after_an_unsubscribe_of_unknown_outcome(schedule: SessionSchedules) -> None:
    """The row may have forgotten what is followed here: the subscribe is stored all the same."""
    schedule.start(0, {BOOKINGS, NOTES}, keeps=True)
    schedule.turn(80)
    schedule.writes_fail(["unknown"])
    schedule.unsubscribe(pick=0, streams={NOTES})
    schedule.turn(80)
    schedule.subscribe(pick=0, streams={NOTES}, keeps=True, batch=None)
    schedule.turn(80)
    schedule.the_connection_breaks(0, "reset")
    schedule.come_back(0, 0, None)
    schedule.turn(80)
    schedule.nothing_went_wrong()
    assert NOTES in schedule.clients[0].dialogs[-1].chain


def test_a_session_that_expired_during_a_standstill_is_stored_again(schedule: SessionSchedules) -> None:
    """Another process, which starts before ours has said that it lives, takes it for abandoned: the next beat finds that it is gone."""
    schedule.start(0, {BOOKINGS}, keeps=False)
    schedule.a_long_time_passes(chance=0)
    schedule.a_process_drains(number=1, chance=0)
    schedule.subscribe(pick=0, streams={BOOKINGS}, batch=None, keeps=False)
    schedule.time_passes(seconds=6)
    schedule.time_passes(seconds=8)
    schedule.come_back(pick=0, process=0, first=None)
    schedule.writes_end()


def test_a_replay_that_a_restored_backup_overtakes_is_reset(schedule: SessionSchedules) -> None:
    """What it was to read next is gone before its process has found out; the new epoch's own reset follows."""
    schedule.start(0, {BOOKINGS, STATS}, keeps=False)
    schedule.figures_change(process=0)
    schedule.traffic([(0, BOOKINGS, 1, "late")], flushed=False)
    schedule.come_back(pick=0, process=0, first=None)
    schedule.figures_change(process=0)
    schedule.figures_change(process=0)
    schedule.a_notice_arrives(pick=0, again=False)
    schedule.figures_change(process=0)
    schedule.a_backup_is_restored(share=0, chance=0)


@pytest.mark.parametrize("how", ["half open", "reset"])
def test_a_resume_that_is_carried_out_late_takes_nothing(schedule: SessionSchedules, how: str) -> None:
    """An older connection, be it known to be dead or not, had asked for the session before the one that holds it by now."""
    schedule.start(0, {BOOKINGS}, keeps=False)
    schedule.turn(6)
    schedule.the_connection_breaks(0, "reset")
    schedule.time_passes(seconds=2)
    schedule.writes_take_long(process=0)
    schedule.come_back(pick=0, process=0, first=None)
    schedule.turn(6)
    schedule.the_connection_breaks(0, how)
    schedule.come_back(pick=0, process=1, first=None)
    schedule.turn(6)
    holder = schedule.clients[0].dialogs[-1]
    assert holder.has_entered
    schedule.writes_end(process=0)
    schedule.time_passes(seconds=6)
    schedule.nothing_went_wrong()
    assert not holder.is_over
