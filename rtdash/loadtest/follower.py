"""One client under test, without I/O: the session's rules, the ledger's accounts, and how long each
recovery took.

The gevent user and the asyncio canary are shells around it. Times are seconds of the monotonic
clock, given by the shell.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from rtdash.loadtest.histogram import Histogram
from rtdash.loadtest.ledger import EXAMPLES, Account
from rtdash.loadtest.reading import Reader, Seen
from rtdash.protocol.channels import Position, Stream
from rtdash.protocol.client_session import ClientSession, Wanted
from rtdash.protocol.codes import ErrorCode
from rtdash.protocol.received import Answer, Disconnect, Gap, Message, Received, Refused, Subscribed


@dataclass(slots=True)
class Recovery:
    """One loss of the connection and what followed. `port`: the client's own port on the connection
    that was lost.
    """

    port: int
    detected_at: float
    cause: str = "lost"
    began_at: float | None = None
    """When the client itself brought it about; faults from outside are matched by port."""
    attempts: int = 0
    reconnected_at: float | None = None
    subscribed_at: float | None = None
    consistent_at: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Everything, for another process."""
        return asdict(self)


class Notes:
    """What the followers of one process saw, together. `heard` gets each live event's latency in
    seconds, beside the histogram.
    """

    def __init__(self, heard: Callable[[float], None] | None = None) -> None:
        self.received = 0
        self.connected = 0
        self.connects = 0
        self.connect_failures = 0
        self._heard = heard
        self.latency = Histogram()
        self.connect_time = Histogram()
        self.recoveries: list[Recovery] = []
        self.counts: Counter[str] = Counter()
        """unexpected, invalid, sessions_forgotten, errors."""
        self.examples: list[str] = []

    def hear(self, latency_s: float) -> None:
        """A live event came so long after its scheduled instant."""
        self.latency.record(latency_s)
        if self._heard is not None:
            self._heard(latency_s)

    def find(self, kind: str, text: str) -> None:
        """Something that should not be."""
        self.counts[kind] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"{kind}: {text}")


class Follower:
    """A client with its session, over all its connections."""

    def __init__(self, name: str, wanted: list[Wanted], reader: Reader, notes: Notes) -> None:
        self.name = name
        self.accounts: dict[Stream, Account] = {}
        self.states: dict[tuple[Stream, str], str] = {}
        """Digest of the last state message of each kind."""
        self.is_current_at_end = False
        """Whether it was connected and subscribed when the run ended."""
        self.farewell: Disconnect | None = None
        self.is_turned_away = False
        self._session = ClientSession(wanted)
        self._reader = reader
        self._notes = notes
        self._recovery: Recovery | None = None
        self._connected_at: str | None = None
        self._was_subscribed = False
        self._is_resumed = False

    @property
    def is_subscribed(self) -> bool:
        """Whether a connection stands and has answered all that was asked for."""
        return self._session.is_subscribed

    @property
    def is_recovering(self) -> bool:
        """Whether it has been connected before, so that a connection now is a reconnection."""
        return self._recovery is not None

    def is_at(self, heads: dict[Stream, int]) -> bool:
        """Whether it has received everything up to those heads, or has been passed over there."""
        return self.is_subscribed and all(
            account.next_seq > heads.get(stream, 0) for stream, account in self.accounts.items()
        )

    def attempting(self) -> None:
        """A connection is being tried."""
        if self._recovery is not None:
            self._recovery.attempts += 1

    def connected(self, now: float) -> list[str]:
        """A connection stands; what is to be sent first."""
        self._notes.connected += 1
        self._connected_at = None
        self._is_resumed = self._session.session_id is not None
        self.farewell = None
        self._session.connected()
        if self._recovery is not None:
            self._recovery.reconnected_at = now
        return self._session.outgoing()

    def lost(
        self, now: float, *, port: int, cause: str = "lost", began_at: float | None = None
    ) -> None:
        """The connection has ended, and it was noticed just now."""
        self._notes.connected -= 1
        self._session.disconnected()
        self._was_subscribed = False
        self._recovery = Recovery(port, now, cause, began_at)
        self._notes.recoveries.append(self._recovery)

    def ended(self) -> None:
        """The run is over, and the connection is closed for that."""
        self._notes.connected -= 1
        self.is_current_at_end = self._session.is_subscribed
        self._session.disconnected()

    def receive(self, payload: bytes, now: float) -> list[str]:
        """A message came; what is to be sent for it."""
        self._notes.received += 1
        seen = self._reader.read(payload)
        if seen.flaw is not None:
            self._notes.find("invalid", f"{self.name}: {seen.flaw}")
        if seen.seq is not None and not self._account(seen, now):
            return []
        if seen.body.get("code") == ErrorCode.SESSION_UNKNOWN:
            # The session subscribes anew by itself, and doesn't tell.
            self._notes.find(
                "sessions_forgotten",
                f"{self.name}: {seen.body['code']}: {seen.body.get('message')}",
            )
        try:
            for received in self._session.accept(seen.body):
                self._take(received, seen)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if seen.flaw is None:
                self._notes.find(
                    "invalid",
                    f"{self.name}: an answer that is not of the protocol ({type(error).__name__}:"
                    f" {error})",
                )
        if not self._was_subscribed and self._session.is_subscribed:
            self._subscribed(now)
        return self._session.outgoing()

    def _account(self, seen: Seen, now: float) -> bool:
        """Enter an event; whether this client follows its stream at all."""
        assert seen.seq is not None, "only events are entered"
        account = self.accounts.get(seen.stream) if seen.stream else None
        if account is None:
            self._notes.find(
                "unexpected",
                f"{self.name}: seq {seen.seq} of {seen.stream}, which it doesn't follow",
            )
            return False
        is_new = seen.seq >= account.next_seq
        account.receive(seen.seq)
        # Before its first pong a connection can't tell: what comes then was waiting for it.
        is_missed = self._is_resumed and (
            self._connected_at is None or seen.body["timestamp"] < self._connected_at
        )
        if is_missed:
            account.recovered += is_new
            if self._recovery is not None:
                self._recovery.consistent_at = now
        elif is_new and seen.scheduled is not None:
            self._notes.hear(now - seen.scheduled)
        return True

    def _take(self, received: Received, seen: Seen) -> None:
        match received:
            case Gap(stream, position, seq):
                # A real client would come back for it; here it stays missing, so that it is found.
                self._session.positions[stream] = Position(position.epoch, seq)
            case Message(body, stream, position):
                if body.get("type") == "reset" and position is not None and stream in self.accounts:
                    self.accounts[stream].reset(position.seq)
                elif position is None:
                    self.states[stream, body["type"]] = seen.digest
            case Subscribed(starts=starts):
                for stream, position in starts.items():
                    self.accounts.setdefault(stream, Account.opened(position.seq))
            case Answer(status="pong", body=body):
                self._connected_at = body["timestamp"]
            case Refused():
                self._notes.find("errors", f"{self.name}: {received.code}: {received.text}")
            case Disconnect():
                self.farewell = received
                self.is_turned_away = not received.may_return

    def _subscribed(self, now: float) -> None:
        self._was_subscribed = True
        if self._recovery is not None and self._recovery.subscribed_at is None:
            self._recovery.subscribed_at = now
            # What was missed comes after the answer, and moves this on.
            self._recovery.consistent_at = max(now, self._recovery.consistent_at or now)
