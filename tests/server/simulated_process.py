"""A server process whose time, store and sockets do what a schedule says: real relay, hub,
connections and SQL, no thread and no port.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast

from rtdash.broker.memory import MemoryBroker
from rtdash.domain.instants import from_ms
from rtdash.hub import Hub
from rtdash.protocol.channels import Stream
from rtdash.protocol.origins import Origins
from rtdash.relay import Relay
from rtdash.server.auth.revocation_list import RevocationList
from rtdash.server.auth.tokens import Principal
from rtdash.server.http.origin_policy import OriginPolicy
from rtdash.server.metrics.registry import Metrics
from rtdash.server.ws.connection import ServerConnection
from rtdash.server.ws.connection_context import ConnectionServices
from rtdash.server.ws.connection_manager import ConnectionManager
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

    def __init__(self, admission: Door) -> None:
        self._admission = admission
        self.number = 0

    def body(self, stream: Stream) -> bytes:
        """Marked like an event, with `s` for the epoch."""
        return f"s0 {stream.venue} {stream.channel} {self.number}".encode()

    async def current_states(self, stream: Stream) -> tuple[bytes, ...]:
        """As Dashboard.current_states."""
        await self._admission.read(lambda _: None)
        return (self.body(stream),)

    def latest_states(self, stream: Stream) -> tuple[bytes, ...]:
        """As Dashboard.latest_states."""
        return (self.body(stream),)


class SteeredManager(ConnectionManager):
    """The connections by the loop's time."""

    @staticmethod
    def now() -> float:
        """Seconds."""
        return asyncio.get_running_loop().time()


class Process:
    """A server process: hub, relay and connections over the shared log and store. Make it while the
    loop runs.
    """

    def __init__(self, loop: SteeredLoop, log: FakeLog, store: Store) -> None:
        self.loop = loop
        self.turns = Turns()
        self.admission = store.admission()
        self.hub = Hub(self.turns.call_soon, self.turns.call_later, self.turns.clock)
        self.relay = Relay(
            log,
            self.hub,
            MemoryBroker(),
            log.epoch,
            clock=self.clock,
            on_changed=lambda _stream: None,
        )
        self.states = States(self.admission)
        self.metrics = Metrics()
        self.connection_manager = SteeredManager(
            self._services(), OriginPolicy(Origins(), lambda: 0.0)
        )
        self.is_storm = False
        self.connection_manager._context.replay_turns._is_storm = lambda: self.is_storm
        self.running = loop.create_task(self.connection_manager.run())

    def clock(self) -> Any:
        """The loop's time as an instant."""
        return from_ms(round(self.loop.now_s * 1000))

    def connect(self, transport: SteeredLink, sub: str) -> ServerConnection:
        """Open a connection as the admission does."""
        now = self.clock()
        scopes = frozenset({"hotel:read", "restaurant:read"})
        self.connection_manager.connection_limits.enter(sub)
        transport.receiver = self.connection_manager.open_connection(
            transport, Principal(sub, None, scopes, ("*",), sub, now, now + timedelta(days=365))
        )
        return transport.receiver

    async def look(self) -> None:
        """Compare with the heads; a fault heals later."""
        try:
            await self.relay.poll_heads()
        except StoreUnavailable:
            self.relay._sequencer.retry_gaps()

    async def die(self, *, writes_are_lost: bool) -> None:
        """SIGKILL: nothing is written any more, but for what had reached the store."""
        self.admission.is_shut = True
        if writes_are_lost:
            self.admission.forget()
        await self.stop()

    async def stop(self) -> None:
        """End the tasks, as the composition does."""
        self.running.cancel()
        with suppress(asyncio.CancelledError):
            await self.running
        await self.relay.cancel_reads()

    def leftovers(self) -> dict[str, object]:
        """All counters that are not back to zero."""
        connection_manager, held = self.connection_manager, self.connection_manager.sessions
        counts: dict[str, object] = {
            "connections": len(connection_manager.connections),
            "connection_limits": dict(connection_manager.connection_limits.by_user)
            or connection_manager.connection_limits._total,
            "tasks": len(connection_manager._tasks),
            "planned": len(connection_manager.timing_wheel._planned),
            "sessions held": len(held._holders),
            "sessions to be written": len(held.writer._confirmed) + len(held.writer._ended),
            "followed": self.relay.followed,
            "reads": self.relay.in_flight,
            "streams of the hub": self.hub.streams(),
            "faults of the hub": self.hub.faults,
            "connections metric": self.metrics.connections._value.get(),
            "subscriptions metric": self.metrics.subscriptions._value.get(),
        }
        return {name: count for name, count in counts.items() if count}

    def _services(self) -> ConnectionServices:
        database: Any = self.admission
        return ConnectionServices(
            limits=LIMITS,
            clock=self.clock,
            database=database,
            venues={venue.id: venue for venue in VENUES},
            dashboard=cast("Any", self.states),
            hub=self.hub,
            relay=self.relay,
            verifier=cast("Any", None),
            revocations=RevocationList(database, self.clock),
            metrics=self.metrics,
        )


async def turn(process: Process) -> None:
    """Let everything happen that needs no time."""
    for _ in range(50):
        await asyncio.sleep(0)
        process.turns.turn()
