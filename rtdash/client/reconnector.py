"""Decides when to connect, ask for a token, ping, wait, poll and give up.

No I/O, no clock and no random numbers of its own: events with an instant go in, actions come out.
Mirrors `rtdash/web/lib/reconnect.js`; both obey the scripts in `fixtures/client`.
"""

import random
from collections.abc import Callable, Sequence
from typing import Protocol

from rtdash.client import connection_events as events
from rtdash.client import reasons
from rtdash.client.connection_events import Action, Event, Show
from rtdash.client.connection_phases import ConnectionPhases
from rtdash.client.connection_states import State
from rtdash.client.deadlines import Deadlines
from rtdash.client.frame_reader import FrameReader
from rtdash.client.liveness import Liveness
from rtdash.client.poll_schedule import PollSchedule
from rtdash.client.retry_schedule import RetrySchedule
from rtdash.client.timing import Timing
from rtdash.protocol.client_session import ClientSession
from rtdash.protocol.codes import CloseCode, may_reconnect
from rtdash.protocol.received import Received


class ReconnectMachine(Protocol):
    """Interface of the decisions that a shell carries out: a reconnector, or the load test's client
    around one, which observes them on their way.
    """

    @property
    def due_at(self) -> float | None:
        """When a `Due` is to come; None while nothing waits for the clock."""

    @property
    def reason(self) -> str:
        """Why the last connection or attempt ended."""

    def handle(self, now: float, event: Event) -> list[Action]:
        """Take an event in; returns what is to be done, in order."""


class Reconnector:
    """The meaning of events for one client's connection. `handle` takes them in the order of their
    instants. `receive` decodes frames for the session, which does so itself otherwise.
    """

    def __init__(
        self,
        session: ClientSession,
        *,
        timing: Timing,
        rng: random.Random,
        is_renewable: bool = True,
        leaves_when_hidden: bool = True,
        receive: Callable[[str | bytes], Sequence[Received]] | None = None,
    ) -> None:
        self._timing = timing
        self._leaves_when_hidden = leaves_when_hidden
        self._now = 0.0
        self._deadlines = Deadlines()
        self._polls = PollSchedule(timing, self._deadlines)
        self._liveness = Liveness(timing, self._deadlines)
        self._retries = RetrySchedule(timing, rng)
        self._phases = ConnectionPhases(
            session,
            timing=timing,
            deadlines=self._deadlines,
            liveness=self._liveness,
            polls=self._polls,
            retries=self._retries,
            reader=FrameReader(receive or session.receive),
            is_renewable=is_renewable,
        )

    @property
    def due_at(self) -> float | None:
        """When a `Due` is to come; None while nothing waits for the clock."""
        return self._deadlines.first

    @property
    def reason(self) -> str:
        """Why the last connection or attempt ended."""
        return self._phases.reason

    @property
    def is_open(self) -> bool:
        """Whether a connection stands."""
        return self._phases.phase == "open"

    def handle(self, now: float, event: Event) -> list[Action]:
        """Take an event in; returns what is to be done, in order."""
        self._now = now
        phases = self._phases
        if type(event) is events.Heard:  # nearly all of them: nothing else is looked at before
            if phases.phase == "open" and event.attempt == phases.attempt:
                phases.hear(now, event.text)
        elif phases.phase != "closed":
            self._dispatch(event)
        return phases.take_actions()

    def _dispatch(self, event: Event) -> None:
        phases = self._phases
        match event:
            case events.Start():
                phases.begin(self._now)
            case events.Due():
                self._fire_due()
            case events.TokenCame(request, token) if request == phases.request:
                phases.use_token(self._now, token)
            case events.NoToken(request, reason) if request == phases.request:
                phases.go_without_token(self._now, reason)
            case events.Polled():
                self._note_round(event)
            case events.Wake(by):
                self._wake(by)
            case events.Stop():
                phases.finish("closed by the application", CloseCode.NORMAL)
            case _:
                self._dispatch_socket(event)

    def _dispatch_socket(self, event: Event) -> None:
        """Ignore what comes from an older socket than the present one."""
        attempt, phase = self._phases.attempt, self._phases.phase
        match event:
            case events.Opened(of) if of == attempt and phase == "opening":
                self._phases.open(self._now)
            case events.Closed(attempt=of) if of == attempt and phase in {"opening", "open"}:
                self._end(event)
            case events.Overflow() if phase == "open":
                self._phases.lose(self._now, "the messages are read too slowly")

    def _end(self, closed: events.Closed) -> None:
        text = reasons.of_close(closed, was_open=self._phases.phase == "open")
        if may_reconnect(closed.code):
            self._phases.lose(self._now, text, code=closed.code, retry_after_s=closed.retry_after_s)
        else:
            self._phases.finish(self._phases.last_words(closed.reason) or text, closed.code)

    def _fire_due(self) -> None:
        if self._liveness.has_slept(self._now) and self._phases.phase == "open":
            self._check()
        for name in self._deadlines.take_due(self._now):
            self._fire(name)

    def _fire(self, name: str) -> None:
        match name:
            case "renewal":
                self._phases.end_renewal()
            case "ping" if self._liveness.wants_ping(self._now):
                self._phases.ping(self._now)
            case "quiet":
                self._phases.end_replay(self._now)
            case "retry":
                self._phases.begin(self._now)
            case "poll":
                self._phases.act(self._polls.next_round(self._now))
            case "hidden":
                self._phases.leave()
            case "token" | "opening" | "answer" | "silence" | "check":
                self._phases.lose(self._now, reasons.of_deadline(name, self._timing))

    def _check(self) -> None:
        if self._liveness.check(self._now):
            self._phases.ping(self._now)

    def _wake(self, by: str) -> None:
        if by == "paused":
            self._liveness.pause()
        elif by == "reading":
            self._liveness.go_on(self._now)
        elif by == "hidden":
            self._liveness.is_hidden = True
            if self._leaves_when_hidden:
                self._deadlines.set("hidden", self._now + self._timing.hidden_for_s)
        else:
            self._check_or_hasten(by)

    def _check_or_hasten(self, by: str) -> None:
        phases = self._phases
        if by in {"visible", "pageshow"}:
            self._liveness.is_hidden = False
            self._deadlines.remove("hidden")
        if phases.phase == "open":
            self._check()
        elif by != "offline" and phases.phase in {"waiting", "away"}:
            if phases.phase == "away" and self._liveness.is_hidden:
                return
            phases.phase = "waiting"
            at = self._retries.hasten(self._now, is_asked=by == "asked")
            self._deadlines.set("retry", min(at, self._deadlines.get("retry") or at))
            if at <= self._now:
                phases.begin(self._now)

    def _note_round(self, polled: events.Polled) -> None:
        if not self._polls.note(self._now, polled):
            return
        if polled.is_refused:
            reason = polled.failure or "the token is not allowed"
            self._phases.finish(reason, CloseCode.FORBIDDEN, is_refused=True)
            return
        retry_at = self._deadlines.get("retry")
        retry_in_s = None if retry_at is None else max(0.0, retry_at - self._now)
        if polled.failure is None:
            detail = f"{self._phases.reason}; the server answers by REST"
            self._phases.show(Show(State.POLLING, detail, retry_in_s))
        else:
            self._phases.show(Show(State.CONNECTING, polled.failure, retry_in_s))
