"""Two server processes over one log and one store, and the clients of both: they move when a
schedule says so.
"""

import asyncio
from collections.abc import Callable

from rtdash.broker.base import Notice
from rtdash.protocol.channels import Stream
from tests.fakes import BOOKINGS, FakeLog
from tests.server.dialog import Dialog
from tests.server.model_client import Client
from tests.server.simulated_process import TTL_S, Process
from tests.server.steered_store import SteeredLoop, Store, count_sessions

Carry = Callable[[Process, Notice], list[tuple[Process, Notice]]]
"""What comes of a notice that a process has sent, and where."""


class Cluster:
    """Nothing happens between its methods: the loop turns only inside them. `wrongs` is what was
    done wrong.
    """

    def __init__(self) -> None:
        self.loop = SteeredLoop()
        self.log = FakeLog()
        self.store = Store(self.loop)
        self.wrongs: list[str] = []
        self.loop.set_exception_handler(lambda _, context: self.wrongs.append(str(context)))
        self.clients: list[Client] = []
        self.processes: list[Process] = []
        self.notices: list[tuple[Process, Notice]] = []
        self.carry: Carry = lambda _sender, notice: [
            (process, notice) for process in self.processes
        ]

    def start(self, history: int) -> None:
        """Both processes, on a log that has a past."""
        self.log.append(BOOKINGS, history)
        self.processes = [self._new_process() for _ in range(2)]

    def new_client(self, *, keeps_positions: bool) -> Client:
        """Another client, which isn't connected yet."""
        client = Client(
            len(self.clients),
            self.loop,
            self.log,
            self.store,
            self.wrongs,
            keeps_positions=keeps_positions,
        )
        self.clients.append(client)
        return client

    def commit(self, committer: Process, stream: Stream, count: int, fate: str) -> None:
        """Into the log; `fate` says what becomes of the notice: "now", "late" or "lost"."""
        events = self.log.append(stream, count)
        notice = Notice(
            stream, self.log.epoch, events[0].seq, tuple(event.body for event in events)
        )
        self.do(lambda: committer.relay.announce(events))
        if fate == "lost":
            return
        for process, arrived in self.carry(committer, notice):
            if fate == "now":
                self.do(lambda process=process, arrived=arrived: process.relay._receive(arrived))
            else:
                self.notices.append((process, arrived))

    def kill(self, number: int, *, writes_are_lost: bool, how: str) -> None:
        """SIGKILL; its sockets end as `how` says, and another process takes its place."""
        self.loop.run_until_complete(self.processes[number].die(writes_are_lost=writes_are_lost))
        self._replace(number, how)

    def drain(self, number: int) -> None:
        """SIGTERM; another process takes its place."""
        process = self.processes[number]
        drained = self.loop.create_task(process.connection_manager.drain())
        while not drained.done():
            self.wait(0.25)
        self.store.release()
        stopped = self.loop.create_task(process.stop())
        while not stopped.done():
            self.spin(1)
            self.log.release()
        self._replace(number, "read to the end")

    def restore(self, share: int) -> None:
        """A backup that has so many quarters of the log; every process finds out before anything
        else happens.
        """
        self.log.release()
        self.log.restore({stream: head * share // 4 for stream, head in self.log.heads.items()})
        fault, self.log.fault = self.log.fault, None
        self.loop.run_until_complete(self.log.draw_epoch(self.log.epoch))
        for process in (*self.processes, *self.processes):
            self.loop.run_until_complete(process.relay.poll_heads())
        self.log.fault = fault

    def break_off(self, client: Client, dialog: Dialog, how: str) -> None:
        """The connection ends: "half open", by a "reset", or is "read to the end"."""
        transport = dialog.transport
        if how == "half open":
            transport.is_cut = True
        elif how == "reset":
            transport.down.clear()
            transport.up.clear()
            transport.end()
        else:
            transport.end()
            client.read(dialog)
        client.give_up(dialog)

    def settle(self) -> None:
        """Nothing is slow or fails any more, and all clients are back."""
        self.store.faults.clear()
        self.store.release()
        self.log.fault = None
        self.log.release()
        for process in self.processes:
            process.is_storm = False
        for client in self.clients:
            client.reads = client.answers_pings = client.answers_close = True
        self.spin(10)
        for round_ in range(8):
            for process in self.processes:
                self.loop.run_until_complete(process.look())
            for client in self.clients:
                self.do(lambda client=client, round_=round_: self._bring_back(client, round_))
            self.wait(0.5)
            for process in self.processes:
                self.do(lambda process=process: process.turns.turn(1))
            self.spin(5)

    def check_settled(self, client: Client) -> None:
        """Check that each client has all up to the head."""
        dialog = client.dialog
        if dialog is None and not client.expected.wants:
            return  # it followed nothing, and was closed as idle
        assert dialog is not None
        assert dialog.has_entered
        assert not dialog.asked
        assert not dialog.due_resets
        assert client.expected.wants - dialog.chain.keys() <= client.expected.maybe
        for stream, position in dialog.chain.items():
            if position is None:
                assert dialog.states.get(stream) == dialog.process.states.number
            else:
                assert position == (
                    self.log.epoch,
                    self.log.heads.get(stream, 0),
                ), f"{client.sub} {stream}"
                assert client.expected.has[stream] == position

    def leave(self) -> None:
        """All clients leave: nothing is held any more, and sessions expire."""
        for client in self.clients:
            for dialog in client.dialogs:
                if not dialog.is_over:
                    client.leave(dialog)
        for _ in range(30):
            self.wait(0.5)
        leftovers = [process.leftovers() for process in self.processes]
        assert leftovers == [{}, {}], leftovers
        assert self.log.waiting == self.store.waiting == 0
        self.wait(TTL_S + 1)
        self.loop.run_until_complete(self.processes[0].connection_manager.sessions.writer.expire())
        assert self.store.run(count_sessions) == 0, "a session that nobody holds doesn't expire"
        for process in self.processes:
            self.loop.run_until_complete(process.stop())
        assert asyncio.all_tasks(self.loop) == set()

    def abandon(self) -> None:
        """Whatever a failure has left: it must not talk into the next schedule."""
        for process in self.processes:
            process.admission.is_shut = True
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.spin(5)
        self.loop.close()

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.loop.now_s += seconds
        self.spin(4)

    def do(self, act: Callable[[], object]) -> None:
        """Act inside a turn of the loop, and let what it set off begin."""
        self.loop.call_soon(act)
        self.spin(1)

    def spin(self, turns: int = 4) -> None:
        """Turns of the loop, with what the sockets carry meanwhile."""
        self.loop.run_until_complete(self._turns(turns))

    async def _turns(self, turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
            self.loop.now_s += 0.001
            for client in self.clients:
                for dialog in client.dialogs:
                    dialog.transport.carry_up()
                    if client.reads:
                        client.read(dialog)

    def _new_process(self) -> Process:
        async def make() -> Process:
            return Process(self.loop, self.log, self.store)

        return self.loop.run_until_complete(make())

    def _replace(self, number: int, how: str) -> None:
        """The process has ended, its sockets too."""
        old, self.processes[number] = self.processes[number], self._new_process()
        self.notices = [(process, notice) for process, notice in self.notices if process is not old]
        for client in self.clients:
            for dialog in client.dialogs:
                if dialog.process is old:
                    dialog.transport.has_ended = True
                    self.break_off(client, dialog, how)

    def _bring_back(self, client: Client, round_: int) -> None:
        dialog = client.dialog
        if dialog is None or dialog.transport.has_ended:
            dialog = client.connect(self.processes[round_ % 2])
        if not dialog.has_entered:
            client.enter(dialog, [BOOKINGS])
