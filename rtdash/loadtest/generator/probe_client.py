"""Client on asyncio beside the generator: few messages and an idle loop, so that what it measures
is the server's latency.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from rtdash.client import connection_events as events
from rtdash.client.api_errors import NotAllowed
from rtdash.client.connection_loop import ConnectionLoop, Delivery
from rtdash.client.timing import NEVER, Timing
from rtdash.client.websocket_connection import ConnectionRejected
from rtdash.loadtest.generator.client_stats import ClientStats
from rtdash.loadtest.generator.figures_clock import FiguresClock
from rtdash.loadtest.generator.follower import Follower
from rtdash.loadtest.generator.message_reader import MessageReader
from rtdash.loadtest.generator.run_config import TargetVenue
from rtdash.protocol.channels import Channel
from rtdash.protocol.client_session import ClientSession

_PING_EVERY_S = 1.0
_TIMING = Timing(
    frozen_after_s=10, first_delay_s=0.1, longest_delay_s=2, polling_after=NEVER, wake_every_s=0
)


class ProbeClient:
    """Client on asyncio that measures delivery latency. `heard` gets the latency of each event in
    seconds. It stands between its follower and the shell, and looks at what comes for `clock`.
    """

    def __init__(
        self,
        url: str,
        token: str,
        channels: tuple[Channel, ...],
        run_id: str,
        *,
        heard: Callable[[float], None],
        rng: random.Random,
        venues: Iterable[TargetVenue] = (),
    ) -> None:
        self.clock = FiguresClock(venues)
        self.stats = ClientStats(heard)
        self.reader = MessageReader(run_id)
        session = ClientSession(channels)
        self.follower = Follower("probe", session, self.reader, self.stats, timing=_TIMING, rng=rng)
        self._loop = ConnectionLoop(
            url,
            session,
            token,
            _Nowhere(),
            self,
            timing=_TIMING,
            clock=time.monotonic,
            compression=None,
        )

    @property
    def due_at(self) -> float | None:
        """When a `Due` is to come; None while nothing waits for the clock."""
        return self.follower.due_at

    @property
    def reason(self) -> str:
        """Why the last connection or attempt ended."""
        return self.follower.reason

    def handle(self, now: float, event: events.Event) -> list[events.Action]:
        """Take an event in; returns what is to be done, in order."""
        actions = self.follower.handle(now, event)
        if isinstance(event, events.Heard) and event.text is not None:
            self.clock.take(self.reader.read(event.text), now)
        if any(isinstance(action, events.Drop) for action in actions):
            self.clock.interrupt()
        return actions

    async def follow(self) -> None:
        """Follow and reconnect until cancelled, or until the server refuses for good."""
        pinging = asyncio.create_task(self._ping())
        try:
            with suppress(ConnectionRejected, NotAllowed):
                await self._loop.run(None)
        finally:
            self.follower.handle(time.monotonic(), events.Stop())  # not a loss for `clock`
            pinging.cancel()
            await asyncio.gather(pinging, return_exceptions=True)

    async def _ping(self) -> None:
        """Measure the answers to pings, of the protocol and of WebSocket, until cancelled."""
        while True:
            await asyncio.sleep(_PING_EVERY_S)
            self._loop.perform(self.follower.ping(time.monotonic()))


class _Nowhere:
    """Queue of deliveries that keeps none: the follower has entered them."""

    has_room = True

    def put(self, item: Delivery) -> None:
        """Forget an item."""

    async def room(self) -> None:
        """Return at once."""
