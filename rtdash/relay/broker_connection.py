"""The relay's way to the broker: sends behind the requests' backs, listens, starts again after a
loss, and knows whether it works.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from random import Random
from typing import Literal
from uuid import uuid4

from rtdash.broker.base import Broker, BrokerUnavailable, Notice
from rtdash.protocol.backoff import Backoff
from rtdash.protocol.channels import Channel, Stream

QUEUE_LIMIT = 500
"""Notices that may wait for the broker; beyond, the oldest are dropped: the log has them."""

PROBE_INTERVAL_S = 1.0
"""How often the process sends a notice to itself."""

SILENCE_S = 10.0
"""Without a canary for so long the broker counts as lost, whatever its driver believes."""

FIRST_RETRY_S = 0.1
LAST_RETRY_S = 5.0

_log = logging.getLogger(__name__)


class BrokerConnection:
    """Notices out and in. `receive` is called on the event loop for each notice that isn't our own
    canary, and must not raise.

    `lag_s` is the last measured way of a canary through the broker; `dropped` counts notices that
    were never sent.
    """

    def __init__(
        self,
        broker: Broker,
        receive: Callable[[Notice], None],
        *,
        clock_monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lag_s = 0.0
        self.dropped = 0
        self._broker = broker
        self._receive = receive
        self._clock = clock_monotonic
        self._queue: deque[Notice] = deque(maxlen=QUEUE_LIMIT)
        self._wake = asyncio.Event()
        self._canary_stream = Stream(f"canary-{uuid4().hex}", Channel.HOTEL_STATS)
        self._canary = 0
        self._canary_sent = self._canary_received = self._clock()
        self._trusted_from = 0
        self._is_up = True

    @property
    def status(self) -> Literal["ok", "degraded"]:
        """`degraded` from a loss until a canary that was sent after it has come back."""
        return (
            "ok"
            if self._is_up and self._clock() - self._canary_received < SILENCE_S
            else "degraded"
        )

    def enqueue(self, notices: tuple[Notice, ...]) -> None:
        """Have them published soon. Never waits."""
        self.dropped += max(0, len(self._queue) + len(notices) - QUEUE_LIMIT)
        self._queue.extend(notices)
        self._wake.set()

    async def stay_connected(self) -> None:
        """Publish, listen and look after both, until cancelled."""
        self._canary_received = self._clock()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._restart_forever(self._publish), name="broker publisher")
            group.create_task(self._restart_forever(self._listen), name="broker listener")
            group.create_task(self._send_canaries(), name="broker canary")

    async def _restart_forever(self, work: Callable[[], Awaitable[None]]) -> None:
        backoff = Backoff(
            Random(),  # noqa: S311
            self._clock,
            first_s=FIRST_RETRY_S,
            longest_s=LAST_RETRY_S,
            settled_s=LAST_RETRY_S,
        )
        while True:
            backoff.stands()
            try:
                await work()
            except asyncio.CancelledError:
                if _is_cancelled():
                    raise
                self._mark_lost(BrokerUnavailable("the driver was cancelled by itself"))
            except Exception as fault:  # noqa: BLE001
                # a task's outermost loop: no broker and no driver may end the relay
                self._mark_lost(fault)
            await asyncio.sleep(backoff.next_delay_s())

    async def _publish(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            notices = tuple(self._queue)
            self._queue.clear()
            try:
                await self._broker.publish(notices)
            except BaseException:
                self.dropped += len(notices)
                raise

    async def _listen(self) -> None:
        async for notice in self._broker.listen():
            if notice.stream == self._canary_stream:
                self._note_canary(notice.first_seq)
            else:
                self._receive(notice)

    async def _send_canaries(self) -> None:
        while True:
            self._canary += 1
            self._canary_sent = self._clock()
            self.enqueue((Notice(self._canary_stream, "", self._canary, ()),))
            await asyncio.sleep(PROBE_INTERVAL_S)

    def _note_canary(self, canary: int) -> None:
        self._canary_received = self._clock()
        if canary == self._canary:
            self.lag_s = self._canary_received - self._canary_sent
        if not self._is_up and canary >= self._trusted_from:
            self._is_up = True
            _log.info("the broker works again")

    def _mark_lost(self, fault: Exception) -> None:
        if self._is_up:
            _log.warning("the broker is lost, events go by way of the log: %s", fault)
        self._is_up = False
        self._trusted_from = self._canary + 1


def _is_cancelled() -> bool:
    """Whether this task itself is to end. A task that ends by a driver's stray CancelledError would
    do so without a word.
    """
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
