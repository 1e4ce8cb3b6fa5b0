"""Accounts of one client: each stream, the last states, and latencies. Messages are entered as they
come, decoded once for all clients of the process, and the client's session says what they mean.
"""

from rtdash.loadtest.generator.account import StreamAccount
from rtdash.loadtest.generator.client_stats import ClientStats
from rtdash.loadtest.generator.message_reader import DecodedMessage, MessageReader
from rtdash.loadtest.generator.recovery import Recovery
from rtdash.loadtest.plan.histogram import Histogram
from rtdash.protocol.channels import Stream
from rtdash.protocol.client_session import ClientSession
from rtdash.protocol.codes import ErrorCode
from rtdash.protocol.received import (
    Answer,
    Message,
    Received,
    Refused,
    Subscribed,
    up_to_gap,
)


class ClientAccounts:
    """Accounts of one client, over all its connections. `now` is set by the client before anything
    comes.
    """

    def __init__(
        self, name: str, session: ClientSession, reader: MessageReader, stats: ClientStats
    ) -> None:
        self.streams: dict[Stream, StreamAccount] = {}
        self.states: dict[tuple[Stream, str], str] = {}
        """Digest of the last state message of each kind."""
        self.latency = Histogram()
        """Of this client's live events."""
        self.recovery: Recovery | None = None
        """From the last loss of a connection, if there was one."""
        self.now = 0.0
        self.pinged_at: float | None = None
        """Instant of the ping that is not answered yet."""
        self.frame_pinged_at: float | None = None
        """The same of a ping of WebSocket."""
        self.is_resumed = False
        self._name = name
        self._session = session
        self._reader = reader
        self._stats = stats
        self._connected_at: str | None = None

    def begin_connection(self) -> None:
        """Expect what the server sends from the session's positions on: also what came behind a gap
        comes again, since a client does not count it as received.
        """
        self.is_resumed = self._session.session_id is not None
        self._connected_at = None
        self.pinged_at, self.frame_pinged_at = self.now, None
        for stream, position in self._session.positions.items():
            if stream in self.streams:
                self.streams[stream].rewind(position.seq)

    def receive(self, payload: str | bytes) -> list[Received]:
        """Enter a frame and return what it means to the session, up to a gap. Raises ValueError for
        what is not of the protocol.
        """
        frame = self._reader.read(payload)
        self._stats.bytes += len(payload)
        if frame.inner is None:
            return self._take(frame)
        self._stats.batches += 1
        coming = iter(frame.inner)
        received = up_to_gap(one for message in coming for one in self._take(message))
        for behind_a_gap in coming:
            self._enter(behind_a_gap)
        return received

    def enter_only(self, payload: str | bytes) -> None:
        """Enter a frame of a connection that the client has given up: evidence for the ledger."""
        frame = self._reader.read(payload)
        for message in (frame,) if frame.inner is None else frame.inner:
            self._enter(message)

    def note_pong(self) -> None:
        """Measure the answer to a ping of WebSocket, where one was sent to be measured."""
        if self.frame_pinged_at is not None:
            self._stats.pong_time.record(self.now - self.frame_pinged_at)
            self.frame_pinged_at = None

    def _take(self, message: DecodedMessage) -> list[Received]:
        is_right = self._enter(message)
        try:
            received = self._session.accept(message.body)
        except ValueError as error:
            if is_right:
                self._stats.find("invalid", f"{self._name}: {error}")
            raise
        for one in received:
            if type(one) is Message:
                self._deliver(one, message)
            else:
                self._note(one)
        return received

    def _enter(self, message: DecodedMessage) -> bool:
        """Count a message; enter an event into the account of its stream. Returns whether nothing
        is wrong with it by itself.
        """
        stats = self._stats
        stats.received += 1
        stats.messages[message.label] += 1
        if message.flaw is not None:
            stats.find("invalid", f"{self._name}: {message.flaw}")
        if message.seq is not None:
            return self._enter_event(message.seq, message) and message.flaw is None
        if message.body.get("code") == ErrorCode.SESSION_UNKNOWN:
            # The session subscribes anew by itself, and says nothing of it.
            text = f"{message.body['code']}: {message.body.get('message')}"
            stats.find("sessions_forgotten", f"{self._name}: {text}")
        return message.flaw is None

    def _enter_event(self, seq: int, message: DecodedMessage) -> bool:
        account = self.streams.get(message.stream) if message.stream else None
        if account is None:
            self._find_unexpected(f"seq {seq} of {message.stream}")
            return False
        if not account.is_plausible(seq):
            where = f"{message.stream}, where {account.next_seq} must come next"
            self._stats.find("invalid", f"{self._name}: seq {seq} of {where}")
            return False
        is_new = seq >= account.next_seq
        account.record(seq)
        # Before the first pong the server's time is unknown: what comes until then was waiting.
        is_missed = self.is_resumed and (
            self._connected_at is None or message.body["timestamp"] < self._connected_at
        )
        if is_missed:
            account.recovered += is_new
            if self.recovery is not None:
                self.recovery.consistent_at = self.now
        elif is_new and message.scheduled is not None:
            self._stats.hear(self.now - message.scheduled, self.latency)
        return True

    def _deliver(self, delivered: Message, message: DecodedMessage) -> None:
        """Take a message in place of an application."""
        stream, position = delivered.stream, delivered.position
        if position is None:
            self._take_state(stream, message)
        elif message.body.get("type") == "reset" and stream in self.streams:
            self.streams[stream].reset(position.seq)

    def _note(self, received: Received) -> None:
        """Note what the session made of anything but a message."""
        match received:
            case Subscribed(starts=starts):
                for stream, position in starts.items():
                    self.streams.setdefault(stream, StreamAccount.opened(position.seq))
            case Answer(status="pong", body=body):
                self._take_pong(body["timestamp"])
            case Refused():
                text = f"{self._name}: {received.code}: {received.text}"
                self._stats.find("errors", text)

    def _take_state(self, stream: Stream, message: DecodedMessage) -> None:
        if stream not in self._session.followed:
            self._find_unexpected(f"{message.body.get('type')} of {stream}")
            return
        key = (stream, message.body["type"])
        if self.states.get(key, message.digest) != message.digest:
            self._stats.state_changes[stream.channel] += 1
        self.states[key] = message.digest

    def _take_pong(self, server_time: str) -> None:
        self._connected_at = self._connected_at or server_time
        if self.pinged_at is not None:
            self._stats.pong_time.record(self.now - self.pinged_at)
            self.pinged_at = None

    def _find_unexpected(self, what: str) -> None:
        self._stats.find("unexpected", f"{self._name}: {what}, which it doesn't follow")
