"""Client under test, without I/O: a reconnector decides, as in every client of rtdash, and what it
decides and receives is entered for the verdict. The gevent user and the asyncio probe are shells
around it. Times are seconds of the monotonic clock, given by the shell.
"""

import json
import math
import random

from rtdash.client import connection_events as events
from rtdash.client.connection_events import Action, Event
from rtdash.client.connection_states import State
from rtdash.client.reconnector import Reconnector
from rtdash.client.timing import Timing
from rtdash.loadtest.generator.account import StreamAccount
from rtdash.loadtest.generator.client_accounts import ClientAccounts
from rtdash.loadtest.generator.client_stats import ClientStats
from rtdash.loadtest.generator.message_reader import MessageReader
from rtdash.loadtest.generator.recovery import Recovery
from rtdash.loadtest.plan.histogram import Histogram
from rtdash.protocol.channels import Stream
from rtdash.protocol.client_requests import by_venue, subscribe_request
from rtdash.protocol.client_session import ClientSession

SLOW_COUNTS_S = 30.0
"""A client that stopped reading so long ago may still be closed for it."""
_ABNORMAL = 1006


class Follower:
    """Client under test with its session, over all its connections. A `ReconnectMachine`: `handle`
    gives the reconnector's actions, unchanged.
    """

    def __init__(
        self,
        name: str,
        session: ClientSession,
        reader: MessageReader,
        stats: ClientStats,
        *,
        timing: Timing,
        rng: random.Random,
        is_renewable: bool = False,
        leaves_when_hidden: bool = True,
        asks_twice: bool = False,
    ) -> None:
        self.name = name
        self.is_disturbed = False
        """Whether a fault hit this client, so that its latency says nothing about fairness."""
        self.is_current_at_end = False
        """Whether it was connected and subscribed when the run ended."""
        self.is_turned_away = False
        """Whether the server refused for good, so that there will be no further attempt."""
        self.port = 0
        """The client's own port on its connection, by which faults from outside are matched."""
        self._session = session
        self._stats = stats
        self._book = ClientAccounts(name, session, reader, stats)
        self._reconnector = Reconnector(
            session,
            timing=timing,
            rng=rng,
            is_renewable=is_renewable,
            leaves_when_hidden=leaves_when_hidden,
            receive=self._book.receive,
        )
        self._asks_twice = asks_twice
        """Whether it is still to subscribe again to what it follows."""
        self._attempt = 0
        self._is_open = self._is_stopped = False
        self._opened_at = 0.0
        self._was_subscribed = False
        self._detail: str | None = None
        self._own_end: tuple[str, float] | None = None
        self._paused_at = -math.inf

    @property
    def due_at(self) -> float | None:
        """When a `Due` is to come; None while nothing waits for the clock."""
        return self._reconnector.due_at

    @property
    def reason(self) -> str:
        """Why the last connection or attempt ended."""
        return self._reconnector.reason

    @property
    def accounts(self) -> dict[Stream, StreamAccount]:
        """Return what it received of each stream that it was given a position in."""
        return self._book.streams

    @property
    def states(self) -> dict[tuple[Stream, str], str]:
        """Return the digest of the last state message of each kind."""
        return self._book.states

    @property
    def latency(self) -> Histogram:
        """Return the latencies of its live events."""
        return self._book.latency

    @property
    def is_subscribed(self) -> bool:
        """Return whether a connection is open and all subscriptions are confirmed."""
        return self._session.is_subscribed

    @property
    def ends_itself(self) -> bool:
        """Return whether the client itself is about to end its connection."""
        return self._own_end is not None

    @property
    def followed(self) -> frozenset[Stream]:
        """Return the streams that the server has confirmed."""
        return self._session.followed

    def is_at(self, heads: dict[Stream, int]) -> bool:
        """Return whether everything up to those heads has come, or was given up by a reset."""
        return self.is_subscribed and all(
            account.next_seq > heads.get(stream, 0) for stream, account in self.accounts.items()
        )

    def handle(self, now: float, event: Event) -> list[Action]:
        """Take an event in; returns what is to be done, in order."""
        self._book.now = now
        if type(event) is not events.Heard or event.text is None or not self._is_open:
            self._note_event(event)
        actions = self._reconnector.handle(now, event)
        for action in actions:
            if type(action) is not events.Deliver:
                self._note_action(action)
        is_open = self._reconnector.is_open
        if is_open and not self._is_open:
            self._note_opened(now)
        elif self._is_open and not is_open:
            self._note_end(now, event)
        if not self._was_subscribed and self._session.is_subscribed:
            self._note_subscribed(now)
            return [*actions, *self._ask_again()]
        return actions

    def ping(self, now: float) -> list[Action]:
        """Return the pings to send, of the protocol and of WebSocket. One that is still unanswered
        counts each time with its age: a server that never answers would else have no late answer.
        """
        if not self.is_subscribed:
            return []
        if self._book.pinged_at is not None:
            self._stats.pong_time.record(now - self._book.pinged_at)
            return []
        self._book.pinged_at = self._book.frame_pinged_at = now
        return [events.Send(json.dumps({"action": "ping"})), events.SendPing()]

    def note_own_end(self, cause: str, now: float) -> None:
        """Record that the client itself is about to end its connection."""
        self._own_end = (cause, now)

    def note_pause(self, now: float) -> None:
        """Record that the client stops reading for a while."""
        self._paused_at = now
        self.is_disturbed = True

    def _note_event(self, event: Event) -> None:
        match event:
            case events.Heard(text=None):
                self._book.note_pong()
            case events.Heard(attempt, text):
                if attempt == self._attempt and text is not None:
                    self._book.enter_only(text)
            case events.Closed(attempt) if attempt == self._attempt and not self._is_open:
                self._note_failed(event)
            case events.Stop():
                self.is_current_at_end, self._is_stopped = self.is_subscribed, True

    def _note_opened(self, now: float) -> None:
        self._is_open, self._opened_at = True, now
        self._book.begin_connection()
        self._stats.connected += 1
        self._stats.fresh += not self._book.is_resumed
        if self._book.recovery is not None:
            self._book.recovery.reconnected_at = now

    def _note_failed(self, closed: events.Closed) -> None:
        """Count an attempt that failed, unless it is one of a recovery: a dropped client may meet
        anything on its way back.
        """
        if self._book.recovery is None:
            self._stats.connect_failures += 1
            detail = closed.detail or f"close {closed.code}"
            self._stats.find("connect_failures", f"{self.name}: {detail}")

    def _note_action(self, action: Action) -> None:
        match action:
            case events.Open(attempt=attempt):
                self._attempt = attempt
                if self._book.recovery is not None:
                    self._book.recovery.attempts += 1
            case events.Show(state=state, detail=detail):
                self._detail = detail
                self.is_turned_away |= state is State.CLOSED and not self._is_stopped

    def _note_end(self, now: float, event: Event) -> None:
        """Record the end of a connection: a loss, unless the run has ended."""
        self._is_open = self._was_subscribed = False
        self._book.pinged_at = None
        self._stats.connected -= 1
        if type(event) is events.Stop:
            return
        self.is_disturbed = True
        is_by_pause = now - self._paused_at < SLOW_COUNTS_S
        cause, began_at = self._own_end or (
            self._cause_of(event),
            self._paused_at if is_by_pause else None,
        )
        self._own_end = None
        recovery = Recovery(self.port, now, cause, began_at, client=self.name)
        self._book.recovery = recovery
        self._stats.recoveries.append(recovery)

    def _note_subscribed(self, now: float) -> None:
        self._was_subscribed = True
        is_resumed, recovery = self._book.is_resumed, self._book.recovery
        answered = "resume_time" if is_resumed else "subscribe_time"
        self._stats.took(answered, now - self._opened_at, self.name)
        if recovery is not None and recovery.subscribed_at is None:
            recovery.subscribed_at = now
            # What was missed comes after the answer, and moves this on.
            recovery.consistent_at = max(now, recovery.consistent_at or now)

    def _ask_again(self) -> list[Action]:
        """Return, once, requests for what is followed already: the answer must change nothing."""
        if not self._asks_twice:
            return []
        self._asks_twice = False
        groups = by_venue(sorted(self._session.followed))
        return [
            events.Send(subscribe_request(venue, channels, {}, batch_ms=None))
            for venue, channels in groups.items()
        ]

    def _cause_of(self, event: Event) -> str:
        """Return why a connection ended, in words that many connections share."""
        if type(event) is events.Closed:
            by_itself = event.detail or "end of stream"
            return by_itself if event.code == _ABNORMAL else f"close {event.code}"
        if any(account.missing for account in self.accounts.values()):
            return "gap"
        return self._detail or self.reason
