"""The schedules of sessions again, with notices that travel by a real broker, which loses its
connections as well.
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from queue import Empty, SimpleQueue
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from rtdash.broker import open_broker
from rtdash.broker.base import Notice
from rtdash.broker.notices import NoticeCodec, derive_key
from rtdash.loadtest.generator.fault_proxy import Fault, FaultProxy
from rtdash.protocol.channels import Stream
from rtdash.relay.broker_connection import BrokerConnection
from tests.conftest import FULL
from tests.server.session_schedules import AT_RANDOM, SessionSchedules, commits
from tests.server.simulated_process import Process
from tests.servers import TestServer

SCHEDULES = 250 if FULL else 6
PATIENCE_S = 60.0

Result = TypeVar("Result")


class Post:
    """Two processes' links to a broker, in a loop of their own: a schedule's time is not the
    drivers'.
    """

    def __init__(self, server: TestServer) -> None:
        self._server = server
        self._inboxes: list[SimpleQueue[Notice]] = [SimpleQueue(), SimpleQueue()]
        self._links: list[BrokerConnection] = []
        self._loop = asyncio.new_event_loop()
        self._is_over = asyncio.Event()
        self._proxy = FaultProxy("127.0.0.1", server.inner_port or server.port)
        self._proxy.port = server.proxy_port

    @contextmanager
    def open(self) -> Iterator["Post"]:
        """Links that hear each other, until behind the block."""
        is_open = threading.Event()
        thread = threading.Thread(
            target=lambda: self._loop.run_until_complete(self._run(is_open)), daemon=True
        )
        thread.start()
        assert is_open.wait(PATIENCE_S), "the links don't hear each other"
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._is_over.set)
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "the links don't end"
            self._loop.close()

    def send(self, number: int, notice: Notice) -> None:
        """As a process does, which doesn't wait for it."""
        self._loop.call_soon_threadsafe(self._links[number].enqueue, (notice,))

    def wait_for(self, notice: Notice) -> list[tuple[int, Notice]]:
        """What each process hears until it has heard this, with the process's number."""
        heard: list[tuple[int, Notice]] = []
        for number, action_queue in enumerate(self._inboxes):
            while not heard or heard[-1] != (number, notice):
                heard.append((number, action_queue.get(timeout=PATIENCE_S)))
        return heard

    def lose(self) -> None:
        """All connections are reset, and no new ones are to be had; returns when both links have
        noticed.
        """

        async def lose() -> None:
            await self._proxy.refuse()
            self._proxy.inject(Fault.RST, self._proxy.connections)
            await self._until("degraded")

        self._do(lose())

    def mend(self) -> list[tuple[int, Notice]]:
        """Connections are to be had again; returns what was heard when both links are well."""

        async def mend() -> None:
            await self._proxy.admit()
            await self._until("ok")

        self._do(mend())
        return [
            (number, notice)
            for number, action_queue in enumerate(self._inboxes)
            for notice in _emptied(action_queue)
        ]

    async def _run(self, is_open: threading.Event) -> None:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._proxy)
            url = urlsplit(self._server.url)
            here = url._replace(
                netloc=url.netloc.replace(str(self._server.port), str(self._proxy.port))
            ).geturl()
            tasks = []
            for action_queue in self._inboxes:
                broker = open_broker(here, NoticeCodec(derive_key("a secret")))
                stack.push_async_callback(broker.close)
                self._links.append(BrokerConnection(broker, action_queue.put))
                tasks.append(asyncio.create_task(self._links[-1].stay_connected()))
            async with asyncio.timeout(PATIENCE_S):
                # set by the canary's way back
                while not all(broker_connection.lag_s for broker_connection in self._links):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            is_open.set()
            await self._is_over.wait()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _until(self, status: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            # a state, seen from outside
            while {link.status for link in self._links} != {status}:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(2 * PATIENCE_S)


class BrokerSchedules(SessionSchedules):
    """What arrives is what the broker has carried; when it arrives, the schedule says."""

    def __init__(self, post: Post) -> None:
        super().__init__()
        self.cluster.carry = self._carry
        self._post = post
        self._was_lost = False

    @precondition(lambda self: not self._was_lost)
    @rule(commits=commits, chance=st.integers(0, 9))
    def the_broker_is_lost(self, commits: list[tuple[int, Stream, int, str]], chance: int) -> None:
        """What is sent meanwhile may come late or never; what came is not lost."""
        if chance:
            return
        self._was_lost = True
        self._post.lose()
        self.cluster.carry = self._send
        for number, stream, count, _ in commits:
            self.cluster.commit(self.cluster.processes[number], stream, count, "late")
        self.cluster.carry = self._carry
        self.cluster.notices += [
            (self.cluster.processes[number], heard) for number, heard in self._post.mend()
        ]

    def _carry(self, sender: Process, notice: Notice) -> list[tuple[Process, Notice]]:
        self._send(sender, notice)
        return [
            (self.cluster.processes[number], heard) for number, heard in self._post.wait_for(notice)
        ]

    def _send(self, sender: Process, notice: Notice) -> list[tuple[Process, Notice]]:
        """The result is not waited for."""
        self._post.send(self.cluster.processes.index(sender), notice)
        return []


@pytest.mark.timeout(3_600 if FULL else 400)
@pytest.mark.parametrize("broker", ["redis", "rabbitmq", "kafka"])
def test_sessions_lose_nothing_by_a_real_broker(
    broker: str, request: pytest.FixtureRequest
) -> None:
    """Two processes' relays, hubs and sessions: nothing is lost, repeated or reordered, whatever
    the schedule and the broker do.
    """
    with Post(request.getfixturevalue(f"{broker}_server")).open() as post:
        run_state_machine_as_test(
            lambda: BrokerSchedules(post), settings=settings(AT_RANDOM, max_examples=SCHEDULES)
        )


def _emptied(action_queue: SimpleQueue[Notice]) -> Iterator[Notice]:
    while True:
        try:
            yield action_queue.get_nowait()
        except Empty:
            return
