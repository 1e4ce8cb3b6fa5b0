"""A server process whose time, store and sockets do what a schedule says: real relay, hub, gateway
and SQL, no thread and no port.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast

from rtdash.broker.memory import MemoryBroker
from rtdash.domain.instants import from_ms
from rtdash.hub import Hub
from rtdash.protocol.channels import Stream
from rtdash.relay import Relay
from rtdash.server.auth import Principal
from rtdash.server.metrics import Metrics
from rtdash.server.revocations import Revocations
from rtdash.server.socket.connection import Connection
from rtdash.server.socket.gateway import Gateway, Services
from rtdash.settings import Limits
from rtdash.store.database import StoreUnavailable
from tests.fakes import FakeLog, Turns
from tests.server.steered_link import SteeredLink
from tests.server.steered_store import Door, SteeredLoop, Store
from tests.stores import VENUES

TTL_S = 30
LIMITS = Limits(
    ping_interval_s=4,
    pong_timeout_s=2,
    idle_timeout_s=6,
    session_ttl_s=TTL_S,
    buffer_limit_bytes=1_500,
    messages_per_second=0,
    drain_window_s=1,
    connections_per_user=0,
)


class States:
    """A dashboard whose figures are numbers that count up."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self.number = 0

    def body(self, stream: Stream) -> bytes:
        """Marked like an event, with `s` for the epoch."""
        return f"s0 {stream.venue} {stream.channel} {self.number}".encode()

    async def current_states(self, stream: Stream) -> tuple[bytes, ...]:
        """As Dashboard.current_states."""
        await self._door.read(lambda _: None)
        return (self.body(stream),)

    def latest_states(self, stream: Stream) -> tuple[bytes, ...]:
        """As Dashboard.latest_states."""
        return (self.body(stream),)


class SteeredGateway(Gateway):
    """The gateway by the loop's time."""

    @staticmethod
    def now() -> float:
        """Seconds."""
        return asyncio.get_running_loop().time()


class Process:
    """A server process: hub, relay and gateway over the shared log and store. Make it while the
    loop runs.
    """

    def __init__(self, loop: SteeredLoop, log: FakeLog, store: Store) -> None:
        self.loop = loop
        self.turns = Turns()
        self.door = store.door()
        self.hub = Hub(self.turns.call_soon, self.turns.call_later, self.turns.clock)
        self.relay = Relay(
            log,
            self.hub,
            MemoryBroker(),
            log.epoch,
            clock=self.clock,
            on_accepted=lambda _stream: None,
        )
        self.states = States(self.door)
        self.metrics = Metrics()
        self.gateway = SteeredGateway(self._services(), allowed_origins="", trusted_proxies="")
        self.running = loop.create_task(self.gateway.run())

    def clock(self) -> Any:
        """The loop's time as an instant."""
        return from_ms(round(self.loop.now_s * 1000))

    def connect(self, link: SteeredLink, sub: str) -> Connection:
        """What the door does."""
        now = self.clock()
        scopes = frozenset({"hotel:read", "restaurant:read"})
        self.gateway.places.enter(sub)
        link.receiver = self.gateway.admit(
            link, Principal(sub, None, scopes, ("*",), sub, now, now + timedelta(days=365))
        )
        return link.receiver

    async def look(self) -> None:
        """Compare with the heads; a fault heals later."""
        try:
            await self.relay.look()
        except StoreUnavailable:
            self.relay._tracks.heal()

    async def die(self, *, writes_are_lost: bool) -> None:
        """SIGKILL: nothing is written any more, but for what had reached the store."""
        self.door.is_shut = True
        if writes_are_lost:
            self.door.forget()
        await self.stop()

    async def stop(self) -> None:
        """End the tasks, as the composition does."""
        self.running.cancel()
        with suppress(asyncio.CancelledError):
            await self.running
        await self.relay.close()

    def leftovers(self) -> dict[str, object]:
        """All counters that are not back to zero."""
        gateway, held = self.gateway, self.gateway.sessions
        counts: dict[str, object] = {
            "connections": len(gateway.connections),
            "places": dict(gateway.places.by_user) or gateway.places._total,
            "tasks": len(gateway._tasks),
            "planned": len(gateway.wheel._planned),
            "sessions held": len(held._holders),
            "sessions to be written": len(held._confirmed) + len(held._ended),
            "followed": self.relay.followed,
            "reads": self.relay.in_flight,
            "streams of the hub": self.hub.streams(),
            "faults of the hub": self.hub.faults,
            "connections metric": self.metrics.connections._value.get(),
            "subscriptions metric": self.metrics.subscriptions._value.get(),
        }
        return {name: count for name, count in counts.items() if count}

    def _services(self) -> Services:
        database: Any = self.door
        return Services(
            limits=LIMITS,
            clock=self.clock,
            database=database,
            venues={venue.id: venue for venue in VENUES},
            dashboard=cast("Any", self.states),
            hub=self.hub,
            relay=self.relay,
            verifier=cast("Any", None),
            revocations=Revocations(database, self.clock),
            metrics=self.metrics,
        )
