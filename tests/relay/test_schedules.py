"""Random schedules of everything that can happen between log, relays, hubs and clients: nothing is lost, repeated or reordered.

Two processes share one log. Their announcements, the notices between them, their flushes, looks and reads run when Hypothesis says so;
notices are lost, late and repeated; clients come, pause, vanish and come back elsewhere, from where they were or from nowhere.
"""

# ruff: noqa: D102 - the names of the rules say what happens
import asyncio
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rtdash.broker.base import Notice
from rtdash.broker.memory import MemoryBroker
from rtdash.domain.instants import from_ms
from rtdash.hub import Hub, Parcel, Subscription
from rtdash.protocol.channels import Position, Stream
from rtdash.relay import Relay
from rtdash.store.database import StoreUnavailable
from rtdash.store.event_log import StoredEvent
from tests.fakes import BOOKINGS, NOTES, FakeLog, Turns

SCHEDULES = 2_500 if os.environ.get("RTDASH_FULL") == "1" else 200


@dataclass(frozen=True, slots=True)
class Commit:
    """Events committed by a process; its announcement may have to wait, the notice of it may too, or is lost."""

    process: int
    stream: Stream
    count: int
    is_announced: bool
    notice: str


streams = st.sampled_from([BOOKINGS, NOTES])
processes = st.integers(0, 1)
picks = st.integers(0, 50)
commits = st.lists(
    st.builds(Commit, processes, streams, st.integers(1, 3), st.booleans(), st.sampled_from(["now", "late", "lost"])),
    min_size=1,
    max_size=4,
)


class Process:
    """A hub and a relay; its announcements wait in the order of commit."""

    def __init__(self, log: FakeLog, number: int) -> None:
        self.number = number
        self.turns = Turns()
        self.hub = Hub(self.turns.call_soon, self.turns.call_later, self.turns.clock)
        self.relay = Relay(log, self.hub, MemoryBroker(), log.epoch, clock=lambda: from_ms(0), on_accepted=lambda _stream: None)
        self.committed: deque[list[StoredEvent]] = deque()
        self.look: asyncio.Task[None] | None = None

    @property
    def is_looking(self) -> bool:
        return self.look is not None and not self.look.done()


class Client:
    """A dashboard that keeps its position and holds the server to its promise. `wrongs` is what the server did wrong."""

    write = None

    def __init__(self, log: FakeLog, stream: Stream, wrongs: list[str]) -> None:
        self.stream = stream
        self.position: Position | None = None
        self.process: Process | None = None
        self.is_live = False
        self.task: asyncio.Task[None] | None = None
        self.pace = asyncio.Event()
        self.pace.set()
        self._log = log
        self._wrongs = wrongs

    @property
    def is_open(self) -> bool:
        return self.task is not None and not self.task.done()

    def failed(self) -> None:
        self._wrongs.append("the hub has dropped it")

    def deliver(self, parcel: Parcel) -> None:
        """Every event must be the very next one."""
        for offset, body in enumerate(parcel.bodies):
            epoch, venue, channel, seq = body.decode().split()
            due = self.position and Position(self.position.epoch, self.position.seq + 1)
            if (epoch, int(seq)) != due or (venue, channel) != self.stream or parcel.first_seq + offset != int(seq):
                self._wrongs.append(f"{body!r} came where {due} of {self.stream} was due")
            self.position = Position(epoch, int(seq))

    async def drained(self) -> None:
        await self.pace.wait()

    async def connect(self, process: Process, after: Position | None) -> None:
        """What a gateway does for one stream, from the subscribe to the end of the connection."""
        self.process, relay, hub = process, process.relay, process.hub
        subscription: Subscription | None = None
        await relay.follow(self.stream)
        try:
            subscription = await self._begin(relay, hub, after)
            self.is_live = True
            await asyncio.Event().wait()
        finally:
            self.is_live = False
            self.process = None
            if subscription is not None:
                hub.leave(subscription)
            relay.unfollow(self.stream)

    async def _begin(self, relay: Relay, hub: Hub, after: Position | None) -> Subscription:
        epoch, head, floor = self._log.epoch, self._log.heads.get(self.stream, 0), self._log.floors.get(self.stream, 0)
        start = await relay.prepare(self.stream, after)
        if after is not None and start.recovered:
            assert start.after_seq == after.seq
            self.position = after
            subscription = await relay.replay(self.stream, after.seq, self)
            if subscription is not None:
                return subscription
            if self.position.epoch == relay.epoch and self.position.seq >= self._log.floors.get(self.stream, 0):
                self._wrongs.append(f"the replay from {after} gave up at {self.position} although the log had all behind it")
        elif (
            after is not None
            and after.epoch == epoch == self._log.epoch
            and max(floor, self._log.floors.get(self.stream, 0)) <= after.seq <= head
        ):
            self._wrongs.append(f"{after} was refused ({start.reset_reason}) although the log had all behind it")
        self.position = relay.position(self.stream)
        return hub.join(self.stream, self)


class Schedules(RuleBasedStateMachine):
    """The schedule; Hypothesis shortens one that goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.log = FakeLog()
        self.wrongs: list[str] = []
        self.notices: list[tuple[Process, Notice]] = []
        self.clients: list[Client] = []
        self.processes: list[Process] = []

    @initialize(history=st.integers(0, 3), clients=st.lists(st.tuples(processes, streams), max_size=4))
    def start(self, history: int, clients: list[tuple[int, Stream]]) -> None:
        self.log.append(BOOKINGS, history)
        self.processes = [Process(self.log, number) for number in range(2)]
        for process in self.processes:
            process.relay.on_reset = self._reset_of(process)
        for number, stream in clients:
            self.subscribe(number, stream)

    @rule(commits=commits)
    def traffic(self, commits: list[Commit]) -> None:
        for commit in commits:
            self._commit(commit)

    @rule(commits=commits, flush_between=st.booleans())
    def busy_traffic(self, commits: list[Commit], *, flush_between: bool) -> None:
        for commit in commits * 2:
            self._commit(commit)
            if flush_between:
                self.flush(commit.process)

    @rule()
    def calm(self) -> None:
        """For a moment everything is as it should be."""
        for process in self.processes:
            self._do(partial(self._announce, process))
        for process in self.processes:
            self._spin(3)
            process.turns.turn(1)

    @precondition(lambda self: self.notices)
    @rule(pick=picks, count=st.integers(1, 3), again=st.booleans())
    def notices_arrive(self, pick: int, count: int, *, again: bool) -> None:
        for _ in range(min(count, len(self.notices))):
            index = pick % len(self.notices)
            self._receive(*(self.notices[index] if again else self.notices.pop(index)))

    @rule(process=processes)
    def flush(self, process: int) -> None:
        self.processes[process].turns.turn(1)

    @rule(turns=st.integers(1, 4))
    def loop_turns(self, turns: int) -> None:
        self._spin(turns)

    @rule(count=st.integers(1, 3))
    def reads_take_long(self, count: int) -> None:
        self.log.hold(count)

    @precondition(lambda self: self.log.waiting)
    @rule(count=st.none() | st.integers(1, 3))
    def reads_come_back(self, count: int | None) -> None:
        self.log.release(count)
        self._spin(2)

    @precondition(lambda self: self.log.waiting)
    @rule()
    def a_read_fails(self) -> None:
        self.log.fault = StoreUnavailable("the disk is away", reason="test")
        self.log.release(1)
        self._spin(1)
        self.log.fault = None

    @rule(stream=streams, share=st.sampled_from([0, 0, 0, 1, 2, 3, 4]))
    def prune(self, stream: Stream, share: int) -> None:
        self.log.prune(stream, self.log.heads.get(stream, 0) * share // 4)

    @rule(process=processes)
    def look(self, process: int) -> None:
        looking = self.processes[process]
        if not looking.is_looking:
            looking.look = self.loop.create_task(self._look(looking))
            self._spin(2)

    @precondition(lambda self: not any(process.is_looking for process in self.processes))
    @rule(share=st.integers(0, 3), chance=st.integers(0, 4))
    def backup_is_restored(self, share: int, chance: int) -> None:
        """What was committed since is gone; both processes find out before anything else happens."""
        if chance:
            return
        heads = {stream: head * share // 4 for stream, head in self.log.heads.items()}
        behind = any(heads.get(stream, 0) < seq for process in self.processes for stream, seq in process.relay._tracks.accepted().items())
        self.log.restore(heads)
        to_hold, self.log._to_hold = self.log._to_hold, 0
        if not behind:
            self.loop.run_until_complete(self.log.draw_epoch(self.log.epoch))  # nobody could tell: the operator must say so
        for process in (*self.processes, *self.processes):
            process.committed.clear()
            self.loop.run_until_complete(process.relay.look())
        self.log._to_hold = to_hold

    @rule(process=processes, stream=streams)
    def subscribe(self, process: int, stream: Stream) -> None:
        client = Client(self.log, stream, self.wrongs)
        self.clients.append(client)
        self._connect(client, process, None)

    @precondition(lambda self: any(not client.is_open for client in self.clients))
    @rule(pick=picks, process=processes, back=st.integers(0, 6))
    def come_back(self, pick: int, process: int, back: int) -> None:
        """With the position kept, or an older one of it, wherever the other process stands."""
        away = [client for client in self.clients if not client.is_open]
        client = away[pick % len(away)]
        kept = client.position
        self._connect(client, process, kept and Position(kept.epoch, max(0, kept.seq - back)))

    @precondition(lambda self: any(client.is_live for client in self.clients))
    @rule(pick=picks, process=processes, commits=commits, back=st.integers(0, 3))
    def hop(self, pick: int, process: int, commits: list[Commit], back: int) -> None:
        """Drop, miss something, come back."""
        live = [client for client in self.clients if client.is_live]
        client = live[pick % len(live)]
        self.vanish(self.clients.index(client))
        self.traffic(commits)
        kept = client.position
        self._connect(client, process, kept and Position(kept.epoch, max(0, kept.seq - back)))

    @precondition(lambda self: any(not client.is_open for client in self.clients))
    @rule(pick=picks, process=processes, epoch=st.sampled_from(["e0", "e1", "e2"]), seq=st.integers(0, 30))
    def come_back_from_nowhere(self, pick: int, process: int, epoch: str, seq: int) -> None:
        """With a position that nobody gave: another epoch's, or far beyond the head."""
        away = [client for client in self.clients if not client.is_open]
        self._connect(away[pick % len(away)], process, Position(epoch, seq))

    @precondition(lambda self: any(client.is_open for client in self.clients))
    @rule(pick=picks)
    def vanish(self, pick: int) -> None:
        """Cancelled wherever it is: in the queue for the head, in a replay, while live."""
        client = self.clients[pick % len(self.clients)]
        if client.task is not None:
            client.task.cancel()
            self._spin(3)

    @precondition(lambda self: self.clients)
    @rule(pick=picks, reads=st.booleans())
    def change_pace(self, pick: int, *, reads: bool) -> None:
        pace = self.clients[pick % len(self.clients)].pace
        if reads:
            pace.set()
            self._spin(2)
        else:
            pace.clear()

    @invariant()
    def nothing_went_wrong(self) -> None:
        assert self.wrongs == []
        assert all(process.hub.faults == 0 for process in self.processes)

    def teardown(self) -> None:
        """Everything settles: whoever is connected has all up to the head; once they have left, nothing is held any more."""
        try:
            if self.processes:
                self._settle()
                for client in self.clients:
                    if client.is_open:
                        assert client.is_live
                        assert client.position == Position(self.log.epoch, self.log.heads.get(client.stream, 0))
                self._leave()
            self.nothing_went_wrong()
        finally:
            self.loop.close()

    def _settle(self) -> None:
        self.log.release()
        for client in self.clients:
            client.pace.set()
        self._spin(20)
        for process in (*self.processes, *self.processes):
            self.loop.run_until_complete(process.relay.look())
        for _ in range(5):
            self._spin(20)
            for process in self.processes:
                process.turns.turn(1)

    def _leave(self) -> None:
        for client in self.clients:
            if client.task is not None:
                client.task.cancel()
        self._spin(10)
        for process in self.processes:
            assert process.relay.followed == 0
            assert process.relay.in_flight == 0
            assert process.hub.streams() == ()
            assert process.hub._due == {} or not any(feed.pending for feed in process.hub._due.values())
        assert self.log.waiting == 0
        assert asyncio.all_tasks(self.loop) == set()

    def _commit(self, commit: Commit) -> None:
        committer, events = self.processes[commit.process], self.log.append(commit.stream, commit.count)
        committer.committed.append(events)
        notice = Notice(commit.stream, self.log.epoch, events[0].seq, tuple(event.body for event in events))
        if commit.is_announced:
            self._do(lambda: self._announce(committer))
        for receiver in self.processes:
            if commit.notice == "now":
                self._receive(receiver, notice)
            elif commit.notice == "late":
                self.notices.append((receiver, notice))

    def _announce(self, process: Process) -> None:
        """In the order of commit: that much the bookings promise."""
        while process.committed:
            process.relay.announce(process.committed.popleft())

    def _connect(self, client: Client, process: int, after: Position | None) -> None:
        client.task = self.loop.create_task(client.connect(self.processes[process], after))
        client.task.add_done_callback(self._check_end)
        self._spin(3)

    def _check_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and not isinstance(task.exception(), StoreUnavailable):
            self.wrongs.append(f"a client ended with {task.exception()!r}")

    async def _look(self, process: Process) -> None:
        try:
            await process.relay.look()
        except StoreUnavailable:
            process.relay._tracks.heal()

    def _reset_of(self, process: Process) -> Callable[[Stream, str], None]:
        def reset(stream: Stream, _reason: str) -> None:
            for client in self.clients:
                if client.is_live and client.process is process and client.stream == stream:
                    client.position = process.relay.position(stream)

        return reset

    def _receive(self, process: Process, notice: Notice) -> None:
        self._do(lambda: process.relay._receive(notice))

    def _do(self, act: Callable[[], None]) -> None:
        """Act inside a turn of the loop, and let what it set off begin."""
        self.loop.call_soon(act)
        self._spin(1)

    def _spin(self, turns: int) -> None:
        self.loop.run_until_complete(_turn(turns))


async def _turn(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


TestSchedules = pytest.mark.timeout(1_800)(Schedules.TestCase)
TestSchedules.settings = settings(
    max_examples=SCHEDULES,
    stateful_step_count=100,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
