"""A server whose time, store and sockets do what a schedule says: real relay, hub, gateway and SQL, no thread and no port.

The store is a real SQLite database in memory behind a door of its own, since threads would make a schedule come out differently each
time: what `Database.write` promises (order, one transaction each, written although the caller has gone) is kept, and steered.
"""

# ruff: noqa: D102 - a link's methods are described where the seam is: rtdash/server/socket/link.py
import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

from sqlalchemy import Connection as StoreConnection
from sqlalchemy import create_engine, delete, func, select
from sqlalchemy.pool import StaticPool

from rtdash.broker.memory import MemoryBroker
from rtdash.domain.instants import from_ms
from rtdash.hub import Hub, Parcel
from rtdash.protocol.channels import Stream
from rtdash.relay import Relay
from rtdash.server.auth import Principal
from rtdash.server.metrics import Metrics
from rtdash.server.parts import Parts
from rtdash.server.revocations import Revocations
from rtdash.server.socket.connection import Connection
from rtdash.server.socket.gateway import Gateway
from rtdash.settings import Limits, Settings
from rtdash.store.database import Database, OutcomeUnknown, StoreUnavailable
from rtdash.store.event_log import StoredEvent
from rtdash.store.schema import leases, metadata, processes, sessions
from tests.fakes import FakeLog, Turns
from tests.stores import VENUES

Result = TypeVar("Result")

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
KERNEL_BYTES = 500
"""What a client may leave unread before the server's own buffer fills."""

HIGH_WATER_BYTES = 100


class SteeredLoop(asyncio.SelectorEventLoop):
    """Its time moves when told."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1_000.0

    def time(self) -> float:
        """Seconds."""
        return self.now_s


class Store:
    """One database for all processes. Writes run in their order; `faults` says what becomes of the next ones: refused or unknown."""

    def __init__(self, loop: SteeredLoop) -> None:
        self.is_held = False
        self.faults: deque[str] = deque()
        self.failed_at = float("-inf")
        self._loop = loop
        self._engine = _engine()
        self._queue: deque[tuple[Door, Callable[[StoreConnection], Any], asyncio.Future[Any]]] = deque()
        self.run(_empty)

    def submit(self, door: "Door", fn: Callable[[StoreConnection], Result]) -> asyncio.Future[Result]:
        """As Database.submit."""
        future: asyncio.Future[Result] = self._loop.create_future()
        self._queue.append((door, fn, future))
        self._loop.call_soon(self._work)
        return future

    def release(self) -> None:
        """Write on. While it was held no process could say that it lived."""
        if self.is_held:
            self.failed_at = self._loop.now_s
        self.is_held = False
        self._loop.call_soon(self._work)

    def forget(self, door: "Door") -> None:
        """A process died before its transaction."""
        self._queue = deque(waiting for waiting in self._queue if waiting[0] is not door)

    def run(self, fn: Callable[[StoreConnection], Result]) -> Result:
        """One transaction."""
        with self._engine.begin() as conn:
            return fn(conn)

    @property
    def waiting(self) -> int:
        """Writes that are under way."""
        return len(self._queue)

    def _work(self) -> None:
        while self._queue and not self.is_held:
            _, fn, future = self._queue.popleft()
            fault = self.faults.popleft() if self.faults else None
            if fault is not None:
                self.failed_at = self._loop.now_s
            result = None if fault == "refused" else self.run(fn)
            if future.done():  # the caller has gone; what it wanted is written all the same
                continue
            if fault is None:
                future.set_result(result)
            else:
                future.set_exception((OutcomeUnknown if fault == "unknown" else StoreUnavailable)("a fault of the test", reason=fault))


class Door:
    """What one process has of the store."""

    def __init__(self, store: Store) -> None:
        self.is_shut = False
        self._store = store

    async def write(self, fn: Callable[[StoreConnection], Result]) -> Result:
        """As Database.write."""
        if self.is_shut:
            raise StoreUnavailable("the process is dead", reason="closed")
        return await self._store.submit(self, fn)

    async def read(self, fn: Callable[[StoreConnection], Result]) -> Result:
        """As Database.read; a read sees what is committed."""
        await asyncio.sleep(0)
        if self.is_shut:
            raise StoreUnavailable("the process is dead", reason="closed")
        return self._store.run(fn)


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


@dataclass(frozen=True, slots=True)
class Sent:
    """A frame: text, ping or close, with its body, payload or code."""

    kind: str
    content: Any

    @property
    def size(self) -> int:
        return len(self.content) if isinstance(self.content, bytes) else 4


class SteeredLink:
    """A socket whose peer reads, answers and vanishes when the schedule says so. `wrongs` is what the server did wrong."""

    can_ping = True
    write = None

    def __init__(self, loop: SteeredLoop, wrongs: list[str]) -> None:
        self.receiver: Connection | None = None
        self.down: deque[Sent] = deque()
        self.up: deque[Sent] = deque()
        self.is_cut = False
        self.has_ended = False
        self._loop = loop
        self._wrongs = wrongs
        self._is_paused = False
        self._is_deaf = False
        self._has_closed = False

    def send(self, bodies: Sequence[bytes]) -> None:
        for body in bodies:
            self._write(Sent("text", body))

    def send_parcel(self, parcel: Parcel) -> None:
        self.send(parcel.bodies)

    def ping(self, payload: bytes) -> None:
        self._write(Sent("ping", payload))

    def close(self, code: int, reason: str) -> None:
        del reason
        self._write(Sent("close", int(code)))
        self._has_closed = True

    def abort(self) -> None:
        """What the kernel has may still arrive; what was in our own buffer is gone."""
        if not self.has_ended:
            while self.buffered_bytes():
                self.down.pop()
            self.end()

    def buffered_bytes(self) -> int:
        return max(0, sum(frame.size for frame in self.down) - KERNEL_BYTES)

    def pause_reading(self) -> None:
        self._is_deaf = True

    def resume_reading(self) -> None:
        self._is_deaf = False

    def take(self) -> Sent | None:
        """The peer reads a frame."""
        if not self.down or self.is_cut:
            return None
        frame = self.down.popleft()
        if self._is_paused and not self.buffered_bytes():
            self._is_paused = False
            if not self.has_ended and self.receiver is not None:
                self.receiver.resume_writing()
        return frame

    def carry_up(self) -> None:
        """What the peer has said reaches the server."""
        while self.up and not (self._is_deaf or self.is_cut or self.has_ended):
            frame = self.up.popleft()
            assert self.receiver is not None
            match frame.kind:
                case "text":
                    self.receiver.text_received(frame.content)
                case "pong":
                    self.receiver.pong_received(frame.content)
                case _:
                    self.receiver.close_received(frame.content)
                    self.end()

    def end(self) -> None:
        """The socket has ended, and the server hears of it in the next turn."""
        if not self.has_ended:
            self.has_ended = True
            assert self.receiver is not None
            self._loop.call_soon(self.receiver.lost)

    def _write(self, frame: Sent) -> None:
        if self.has_ended:
            return
        if self._has_closed:
            self._wrongs.append(f"{frame} was written behind a Close")
        self.down.append(frame)
        if self.buffered_bytes() > HIGH_WATER_BYTES and not self._is_paused:
            self._is_paused = True
            assert self.receiver is not None
            self.receiver.pause_writing()


class SteeredGateway(Gateway):
    """The gateway by the loop's time."""

    @staticmethod
    def now() -> float:
        """Seconds."""
        return asyncio.get_running_loop().time()


class Process:
    """A server process: hub, relay and gateway over the shared log and store. Make it while the loop runs."""

    def __init__(self, loop: SteeredLoop, log: FakeLog, store: Store) -> None:
        self.loop = loop
        self.turns = Turns()
        self.door = Door(store)
        self.committed: deque[list[StoredEvent]] = deque()
        self.hub = Hub(self.turns.call_soon, self.turns.call_later, self.turns.clock)
        self.relay = Relay(log, self.hub, MemoryBroker(), log.epoch, clock=self.clock, on_accepted=lambda _stream: None)
        self.states = States(self.door)
        self.metrics = Metrics()
        self.gateway = SteeredGateway(self._parts())
        self.running = loop.create_task(self.gateway.run())
        self._store = store

    def clock(self) -> Any:
        """The loop's time as an instant."""
        return from_ms(int(self.loop.now_s * 1000))

    def connect(self, link: SteeredLink, sub: str) -> Connection:
        """What the door does."""
        now = self.clock()
        scopes = frozenset({"hotel:read", "restaurant:read"})
        self.gateway.places.enter(sub)
        link.receiver = self.gateway.admit(link, Principal(sub, None, scopes, ("*",), sub, now, now + timedelta(days=365)))
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
            self._store.forget(self.door)
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

    def _parts(self) -> Parts:
        database: Any = self.door
        unused: Any = None
        return Parts(
            settings=Settings(limits=LIMITS),
            clock=self.clock,
            database=database,
            venues={venue.id: venue for venue in VENUES},
            bookings=unused,
            dashboard=cast("Any", self.states),
            upcoming=unused,
            hub=self.hub,
            relay=self.relay,
            verifier=unused,
            revocations=Revocations(cast("Database", database), self.clock),
            limits=unused,
            metrics=self.metrics,
            crowd=unused,
            own_writes=unused,
            upcoming_lists=unused,
            tasks=unused,
            siblings=None,
        )


def count_sessions(conn: StoreConnection) -> int:
    """Rows."""
    return conn.execute(select(func.count()).select_from(sessions)).scalar_one()


_TABLES = (sessions, leases, processes)
_engines: list[Any] = []


def _engine() -> Any:
    """One for all schedules: making it costs more than a schedule."""
    if not _engines:
        engine = create_engine("sqlite://", poolclass=StaticPool)
        metadata.create_all(engine, tables=_TABLES)
        _engines.append(engine)
    return _engines[0]


def _empty(conn: StoreConnection) -> None:
    for table in _TABLES:
        conn.execute(delete(table))
