"""Client on asyncio beside the generator: few messages and an idle loop, so that what it measures
is the server's latency.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from rtdash.client.addresses import is_this_machine
from rtdash.loadtest.generator.client_stats import ClientStats
from rtdash.loadtest.generator.figures_clock import FiguresClock
from rtdash.loadtest.generator.follower import Follower
from rtdash.loadtest.generator.message_reader import MessageReader
from rtdash.loadtest.generator.run_config import TargetVenue
from rtdash.protocol.backoff import Backoff
from rtdash.protocol.channels import Channel

_FROZEN_S = 10.0
_PING_EVERY_S = 1.0
_MAX_MESSAGE_BYTES = 4 * 1024 * 1024


class ProbeClient:
    """Client on asyncio that measures delivery latency. `heard` gets the latency of each event in
    seconds.
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
        self.follower = Follower("probe", list(channels), self.reader, self.stats)
        self._url = url
        self._token = token
        self._rng = rng

    async def run(self) -> None:
        """Follow and reconnect until cancelled."""
        backoff = Backoff(self._rng, time.monotonic, first_s=0.1, longest_s=2)
        while not self.follower.is_turned_away:
            self.follower.attempting()
            with suppress(OSError, TimeoutError, InvalidHandshake):
                await self._follow()
            farewell, self.follower.farewell = self.follower.farewell, None
            asked_s = (
                farewell.retry_after_s + self._rng.uniform(0, farewell.jitter_s)
                if farewell
                else 0.0
            )
            await asyncio.sleep(asked_s + backoff.next_delay_s())

    async def _follow(self) -> None:
        async with connect(
            self._url,
            additional_headers={"Authorization": f"Bearer {self._token}"},
            proxy=None if is_this_machine(self._url) else True,
            compression=None,
            ping_interval=_FROZEN_S / 2,
            ping_timeout=_FROZEN_S / 2,
            close_timeout=1,
            max_size=_MAX_MESSAGE_BYTES,
        ) as socket:
            port = socket.local_address[1]
            await _say(socket, self.follower.connected(time.monotonic()))
            pinging = asyncio.create_task(self._ping(socket))
            try:
                while True:
                    payload = await socket.recv(decode=False)
                    now = time.monotonic()
                    await _say(socket, self.follower.receive(payload, now))
                    self.clock.take(self.reader.read(payload), now)
            except ConnectionClosed:
                self.clock.interrupt()
                self.follower.lost(time.monotonic(), port=port)
            except asyncio.CancelledError:
                self.follower.ended()
                raise
            finally:
                pinging.cancel()
                await asyncio.gather(pinging, return_exceptions=True)

    async def _ping(self, socket: ClientConnection) -> None:
        """Measure both answers to a ping, of the protocol and of WebSocket, until the connection
        ends.
        """
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(_PING_EVERY_S)
                await _say(socket, self.follower.ping(time.monotonic()))
                began = time.monotonic()
                await (await socket.ping())
                self.stats.pong_time.record(time.monotonic() - began)


async def _say(socket: ClientConnection, texts: list[str]) -> None:
    for text in texts:
        await socket.send(text)
