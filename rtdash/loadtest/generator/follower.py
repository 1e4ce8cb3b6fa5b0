"""Client under test, without I/O: the session's rules, the ledger's accounts, and how long each
recovery took. The gevent user and the asyncio probe are shells around it. Times are seconds of the
monotonic clock, given by the shell.
"""

import json
from typing import Any

from rtdash.loadtest.generator.account import StreamAccount
from rtdash.loadtest.generator.client_stats import ClientStats
from rtdash.loadtest.generator.message_reader import DecodedMessage, MessageReader
from rtdash.loadtest.generator.recovery import Recovery
from rtdash.loadtest.plan.histogram import Histogram
from rtdash.protocol.channels import Position, Stream
from rtdash.protocol.client_requests import Wanted
from rtdash.protocol.client_session import ClientSession
from rtdash.protocol.codes import ErrorCode
from rtdash.protocol.received import Answer, Disconnect, Gap, Message, Received, Refused, Subscribed


class Follower:
    """Client under test with its session, over all its connections."""

    def __init__(
        self,
        name: str,
        wanted: list[Wanted],
        reader: MessageReader,
        stats: ClientStats,
        *,
        batch_ms: int | None = None,
    ) -> None:
        self.name = name
        self.accounts: dict[Stream, StreamAccount] = {}
        self.states: dict[tuple[Stream, str], str] = {}
        """Digest of the last state message of each kind."""
        self.latency = Histogram()
        """Of this client's live events."""
        self.is_disturbed = False
        """Whether a fault hit this client, so that its latency says nothing about fairness."""
        self.is_current_at_end = False
        """Whether it was connected and subscribed when the run ended."""
        self.farewell: Disconnect | None = None
        self.is_turned_away = False
        self._session = ClientSession(wanted, batch_ms=batch_ms)
        self._reader = reader
        self._stats = stats
        self._recovery: Recovery | None = None
        self._connected_at: str | None = None
        self._asked_at = 0.0
        self._pinged_at: float | None = None
        self._was_subscribed = False
        self._is_resumed = False

    @property
    def is_subscribed(self) -> bool:
        """Return whether a connection is open and all subscriptions are confirmed."""
        return self._session.is_subscribed

    @property
    def is_recovering(self) -> bool:
        """Return whether a connection was lost before, so that the next one is a reconnection."""
        return self._recovery is not None

    @property
    def followed(self) -> frozenset[Stream]:
        """Return the streams that the server has confirmed."""
        return self._session.followed

    def is_at(self, heads: dict[Stream, int]) -> bool:
        """Return whether everything up to those heads has come, or was given up by a reset."""
        return self.is_subscribed and all(
            account.next_seq > heads.get(stream, 0) for stream, account in self.accounts.items()
        )

    def attempting(self) -> None:
        """Record an attempt to connect."""
        if self._recovery is not None:
            self._recovery.attempts += 1

    def connected(self, now: float) -> list[str]:
        """Record a new connection; return the messages to send first."""
        self._stats.connected += 1
        self._connected_at = None
        self._is_resumed = self._session.session_id is not None
        self._stats.fresh += not self._is_resumed
        self._asked_at = self._pinged_at = now
        self.farewell = None
        self._session.connected()
        if self._recovery is not None:
            self._recovery.reconnected_at = now
        return self._session.outgoing()

    def ping(self, now: float) -> list[str]:
        """Return a ping to send. One that is still unanswered counts each time with its age: a
        server that never answers would else have no late answer.
        """
        if not self.is_subscribed:
            return []
        if self._pinged_at is not None:
            self._stats.pong_time.record(now - self._pinged_at)
            return []
        self._pinged_at = now
        return [json.dumps({"action": "ping"})]

    def lost(
        self, now: float, *, port: int, cause: str = "lost", began_at: float | None = None
    ) -> None:
        """Record the loss of the connection, noticed at `now`."""
        self._stats.connected -= 1
        self._session.disconnected()
        self._was_subscribed, self._pinged_at = False, None
        self.is_disturbed = True
        self._recovery = Recovery(port, now, cause, began_at, client=self.name)
        self._stats.recoveries.append(self._recovery)

    def ended(self) -> None:
        """Record the orderly end of the run."""
        self._stats.connected -= 1
        self.is_current_at_end = self._session.is_subscribed
        self._session.disconnected()

    def receive(self, payload: bytes, now: float) -> list[str]:
        """Take a frame; return the messages to send in answer."""
        frame = self._reader.read(payload)
        self._stats.bytes += len(payload)
        if frame.inner is not None:
            self._stats.batches += 1
        for message in (frame,) if frame.inner is None else frame.inner:
            self._take(message, now)
        if not self._was_subscribed and self._session.is_subscribed:
            self._subscribed(now)
        return self._session.outgoing()

    def _take(self, message: DecodedMessage, now: float) -> None:
        stats = self._stats
        stats.received += 1
        stats.messages[message.label] += 1
        if message.flaw is not None:
            stats.find("invalid", f"{self.name}: {message.flaw}")
        if message.seq is not None and not self._account(message, now):
            return
        if message.body.get("code") == ErrorCode.SESSION_UNKNOWN:
            # The session subscribes anew by itself, and says nothing of it.
            text = f"{message.body['code']}: {message.body.get('message')}"
            stats.find("sessions_forgotten", f"{self.name}: {text}")
        try:
            for received in self._session.accept(message.body):
                self._act_on(received, message, now)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if message.flaw is None:
                stats.find(
                    "invalid",
                    f"{self.name}: an answer that is not of the protocol ({type(error).__name__}:"
                    f" {error})",
                )

    def _account(self, message: DecodedMessage, now: float) -> bool:
        """Enter an event into its account; return whether this client follows its stream."""
        assert message.seq is not None, "only events are entered"
        account = self.accounts.get(message.stream) if message.stream else None
        if account is None:
            self._stats.find(
                "unexpected",
                f"{self.name}: seq {message.seq} of {message.stream}, which it doesn't follow",
            )
            return False
        if not account.is_plausible(message.seq):
            self._stats.find(
                "invalid",
                f"{self.name}: seq {message.seq} of {message.stream}, where {account.next_seq} must"
                " come next",
            )
            return False
        is_new = message.seq >= account.next_seq
        account.record(message.seq)
        # Before the first pong the server's time is unknown: what comes until then was waiting.
        is_missed = self._is_resumed and (
            self._connected_at is None or message.body["timestamp"] < self._connected_at
        )
        if is_missed:
            account.recovered += is_new
            if self._recovery is not None:
                self._recovery.consistent_at = now
        elif is_new and message.scheduled is not None:
            self._stats.hear(now - message.scheduled, self.latency)
        return True

    def _act_on(self, received: Received, message: DecodedMessage, now: float) -> None:
        match received:
            case Gap(stream, position, seq):
                # A real client would come back for it; here it stays missing, so that it is found.
                self._session.positions[stream] = Position(position.epoch, seq)
            case Message(body, stream, position):
                if body.get("type") == "reset" and position is not None and stream in self.accounts:
                    self.accounts[stream].reset(position.seq)
                elif position is None:
                    self._take_state(stream, message)
            case Subscribed(starts=starts):
                for stream, position in starts.items():
                    self.accounts.setdefault(stream, StreamAccount.opened(position.seq))
            case Answer(status="pong", body=body):
                self._take_pong(body, now)
            case Refused():
                self._stats.find("errors", f"{self.name}: {received.code}: {received.text}")
            case Disconnect():
                self.farewell = received
                self.is_turned_away = not received.may_return

    def _take_state(self, stream: Stream, message: DecodedMessage) -> None:
        if stream not in self._session.followed:
            self._stats.find(
                "unexpected",
                f"{self.name}: {message.body.get('type')} of {stream}, which it doesn't follow",
            )
            return
        key = (stream, message.body["type"])
        if self.states.get(key, message.digest) != message.digest:
            self._stats.state_changes[stream.channel] += 1
        self.states[key] = message.digest

    def _take_pong(self, body: dict[str, Any], now: float) -> None:
        if self._connected_at is None:
            self._connected_at = body["timestamp"]
        if self._pinged_at is not None:
            self._stats.pong_time.record(now - self._pinged_at)
            self._pinged_at = None

    def _subscribed(self, now: float) -> None:
        self._was_subscribed = True
        answered = self._stats.resume_time if self._is_resumed else self._stats.subscribe_time
        answered.record(now - self._asked_at)
        if self._recovery is not None and self._recovery.subscribed_at is None:
            self._recovery.subscribed_at = now
            # What was missed comes after the answer, and moves this on.
            self._recovery.consistent_at = max(now, self._recovery.consistent_at or now)
