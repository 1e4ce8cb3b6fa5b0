"""What the independent server decides, and what it knows of a client."""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from starlette.websockets import WebSocket

if TYPE_CHECKING:
    from tests.loadtest.independent_server import IndependentServer

Json = dict[str, Any]


class Behaviour:
    """What a server decides; each method is honest until it is overridden."""

    ping_interval_s: float | None = 2.0
    open_files = 20
    has_venues = True
    memory_bytes: float = 1e8
    cpu_s: float = 1.0
    """As it publishes it."""
    session_ttl_s = 600.0
    most_waiting = 300
    """Messages for one client, beyond which it is a slow consumer."""

    def deliver(self, client: int, message: Json) -> list[tuple[float, Json]]:
        """What a client gets of a message, each after so many seconds."""
        return [(0.0, message)]

    def answer_delay_s(self, action: str) -> float:
        """How late an answer on the socket is."""
        return 0.0

    def publish_delay_s(self, message: Json) -> float:
        """How late a message is published to all."""
        return 0.0

    def upgrade_delay_s(self) -> float:
        """How late a connection is accepted."""
        return 0.0

    def turns_away(self, client: int) -> bool:
        """Whether a connection is refused, by its number."""
        return False

    def acknowledge_delay_s(self) -> float:
        """How late operations are answered."""
        return 0.0

    def list_delay_s(self) -> float:
        """How late a list is answered."""
        return 0.0

    def list_status(self) -> int:
        """The status of a list."""
        return 200

    def list_seq(self, seq: int) -> int:
        """The position of a list."""
        return seq

    def answers(self, action: str) -> bool:
        """Whether a message on the socket is answered."""
        return True

    def leaves(self) -> bool:
        """Whether an unsubscribe has an effect."""
        return True

    def follows(self, streams: set[tuple[str, str]], venue: str, channel: str) -> bool:
        """Whether a client that follows these streams gets a message of that one."""
        return (venue, channel) in streams

    def replay(self, missed: list[Json]) -> list[Json]:
        """What a client gets of what it missed."""
        return missed

    def replay_delay_s(self) -> float:
        """How late it gets it."""
        return 0.0

    def refuses(self, operation: Json) -> bool:
        """Whether an operation is refused."""
        return False

    def stores(self, operation: Json) -> bool:
        """Whether an operation that is acknowledged is also stored."""
        return True

    def new_id(self, number: int) -> str:
        """The id of the reservation of that number."""
        return f"x{number}"

    def free_rooms(self, free: int) -> int:
        """The free rooms of a night, as REST and socket show them."""
        return free

    def show_one(self, reservation: Json) -> Json:
        """A reservation as REST shows it by itself."""
        return reservation

    def event(self, event: Json) -> Json | None:
        """An event as it is logged and sent."""
        return event

    def show(self, reservation: Json) -> Json | None:
        """A reservation as REST shows it."""
        return reservation

    def stats(self, stats: Json) -> Json:
        """Figures as REST and socket show them."""
        return stats

    def outcome(self, outcome: Json) -> Json:
        """The answer to an operation."""
        return outcome

    def batch(self, messages: list[Json]) -> list[Json]:
        """The messages of a batch."""
        return messages

    def batch_delay_s(self) -> float:
        """Beyond the window."""
        return 0.0

    def session(self, own: str) -> str:
        """The id of a client's session."""
        return own

    def session_rows(self, rows: int) -> int:
        """The number of sessions that are stored, as it publishes it."""
        return rows

    def may_read(self, kind: str, reads: set[str]) -> bool:
        """Whether a token with those rights may read that kind."""
        return kind in reads

    def may_write(self, kind: str, writes: set[str]) -> bool:
        """Whether a token with those rights may write to that kind."""
        return kind in writes

    def copies(self, times_asked: int) -> int:
        """How often a client gets a message of what it asked for so many times."""
        return 1

    def binds_sessions(self) -> bool:
        """Whether a session is only given to the user that made it."""
        return True

    def is_repeat(self, *, was_known: bool, is_known: bool) -> bool:
        """Whether an operation is one that was applied: as it came, and as it is carried out."""
        return is_known

    def page(self, shown: list[Json], offset: int, limit: int) -> tuple[list[Json], int]:
        """One page of a list, and where the next begins."""
        return shown[offset : offset + limit], offset + limit

    def times_announced(self) -> int:
        """How often a start is announced."""
        return 1

    def dropped(self, server: "IndependentServer", client: "Client") -> None:
        """A slow consumer was closed."""

    def opened(self, server: "IndependentServer", client: "Client") -> None:
        """A client has subscribed."""


class Client:
    """One connection: what it follows, and its queue."""

    def __init__(self, number: int, socket: WebSocket) -> None:
        self.number = number
        self.socket = socket
        self.session = uuid4().hex
        self.streams: set[tuple[str, str]] = set()
        self.asked: Counter[tuple[str, str]] = Counter()
        """How often it has subscribed to each."""
        self.user: str | None = None
        self.reads: set[str] = set()
        self.sending: asyncio.Task[None] | None = None
        self.batch_s: float | None = None
        self.queue: asyncio.Queue[Json] = asyncio.Queue(maxsize=10_000)
