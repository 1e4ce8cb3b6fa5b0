"""Two processes that share one log, and the clients of both: they move when a schedule says so, and
what goes wrong is kept.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from rtdash.broker.base import Notice
from rtdash.protocol.channels import Position, Stream
from rtdash.store.database import StoreUnavailable
from tests.fakes import BOOKINGS, FakeLog
from tests.relay.model_client import Client, Process


@dataclass(frozen=True, slots=True)
class Commit:
    """Events committed by a process; its announcement may have to wait, the notice of it may too,
    or is lost.
    """

    process: int
    stream: Stream
    count: int
    is_announced: bool
    notice: str


class Cluster:
    """Nothing happens between its methods: the loop turns only inside them. `wrongs` is what was
    done wrong.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.log = FakeLog()
        self.wrongs: list[str] = []
        self.notices: list[tuple[Process, Notice]] = []
        self.clients: list[Client] = []
        self.processes: list[Process] = []

    def start(self, history: int) -> None:
        """Both processes, on a log that has a past."""
        self.log.append(BOOKINGS, history)
        self.processes = [Process(self.log, number) for number in range(2)]
        for process in self.processes:
            process.relay.on_reset = self._reset_of(process)

    def commit(self, commit: Commit) -> None:
        """Append to the log; the announcement and the notices are sent, or wait."""
        committer, events = (
            self.processes[commit.process],
            self.log.append(commit.stream, commit.count),
        )
        committer.committed.append(events)
        notice = Notice(
            commit.stream, self.log.epoch, events[0].seq, tuple(event.body for event in events)
        )
        if commit.is_announced:
            self._do(committer.announce)
        for receiver in self.processes:
            if commit.notice == "now":
                self.receive(receiver, notice)
            elif commit.notice == "late":
                self.notices.append((receiver, notice))

    def receive(self, process: Process, notice: Notice) -> None:
        """The notice arrives."""
        self._do(lambda: process.relay._receive(notice))

    def calm(self) -> None:
        """For a moment everything is as it should be."""
        for process in self.processes:
            self._do(process.announce)
        for process in self.processes:
            self.spin(3)
            process.turns.turn(1)

    def look(self, process: Process) -> None:
        """A look begins, unless one is under way."""
        if not process.is_polling:
            process.polling = self.loop.create_task(process.look())
            self.spin(2)

    def restore(self, share: int) -> None:
        """A backup of so many quarters of the log: both processes find out before anything else
        happens.
        """
        heads = {stream: head * share // 4 for stream, head in self.log.heads.items()}
        behind = any(
            heads.get(stream, 0) < seq
            for process in self.processes
            for stream, seq in process.relay._sequencer.accepted().items()
        )
        self.log.restore(heads)
        to_hold, self.log._to_hold = self.log._to_hold, 0
        if not behind:
            self.loop.run_until_complete(
                self.log.draw_epoch(self.log.epoch)
            )  # this can't be noticed: the operator must say so
        for process in (*self.processes, *self.processes):
            process.committed.clear()
            self.loop.run_until_complete(process.relay.poll_heads())
        self.log._to_hold = to_hold

    def join(self, stream: Stream, process: int) -> None:
        """A new client follows the stream from its head."""
        client = Client(self.log, stream, self.wrongs)
        self.clients.append(client)
        self.connect(client, process, None)

    def connect(self, client: Client, process: int, after: Position | None) -> None:
        """The client comes to the process, behind that position."""
        client.task = self.loop.create_task(client.connect(self.processes[process], after))
        client.task.add_done_callback(self._check_end)
        self.spin(3)

    def vanish(self, client: Client) -> None:
        """Cancelled wherever it is: in the queue for the head, in a replay, while live."""
        if client.task is not None:
            client.task.cancel()
            self.spin(3)

    def settle(self) -> None:
        """Everything that waits goes on, and all relays look at what has changed since their last
        poll: one that compares everything would hide what these miss.
        """
        self.log.release()
        for client in self.clients:
            client.pace.set()
        self.spin(20)
        for process in (*self.processes, *self.processes):
            self.loop.run_until_complete(process.look())
        for _ in range(5):
            self.spin(20)
            for process in self.processes:
                process.turns.turn(1)

    def leave(self) -> None:
        """All clients go, and nothing is held for them any more."""
        for client in self.clients:
            if client.task is not None:
                client.task.cancel()
        self.spin(10)
        for process in self.processes:
            assert process.relay.followed == 0
            assert process.relay.in_flight == 0
            assert process.hub.streams() == ()
            assert process.hub._due == {} or not any(
                feed.pending for feed in process.hub._due.values()
            )
        assert self.log.waiting == 0
        assert asyncio.all_tasks(self.loop) == set()

    def spin(self, turns: int) -> None:
        """So many turns of the loop."""
        self.loop.run_until_complete(_turn(turns))

    def _do(self, act: Callable[[], None]) -> None:
        """Act inside a turn of the loop, and let what it set off begin."""
        self.loop.call_soon(act)
        self.spin(1)

    def _check_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and not isinstance(task.exception(), StoreUnavailable):
            self.wrongs.append(f"a client ended with {task.exception()!r}")

    def _reset_of(self, process: Process) -> Callable[[Stream, str], None]:
        def reset(stream: Stream, _reason: str) -> None:
            for client in self.clients:
                if client.is_live and client.process is process and client.stream == stream:
                    client.position = process.relay.position(stream)

        return reset


async def _turn(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)
