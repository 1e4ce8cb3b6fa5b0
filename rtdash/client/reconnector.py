"""Decides when to connect, ask for a token, ping, wait, poll and give up.

No I/O, no clock and no random numbers of its own: events with an instant go in, actions come out.
Mirrors `rtdash/web/lib/reconnect.js`; both obey the scripts in `fixtures/client`.
"""

import random
from typing import Literal

from rtdash.client import events, reasons
from rtdash.client.changes import State
from rtdash.client.deadlines import OF_AN_ATTEMPT, Deadlines
from rtdash.client.dialogue import Dialogue, Ended, Lost
from rtdash.client.events import Action, Event, Show
from rtdash.client.liveness import Liveness
from rtdash.client.poll_schedule import PollSchedule
from rtdash.client.retry_schedule import RetrySchedule
from rtdash.client.timing import Timing
from rtdash.protocol.client_session import ClientSession
from rtdash.protocol.codes import CloseCode, may_reconnect
from rtdash.protocol.received import TokenExpiring

_Phase = Literal["idle", "token", "opening", "open", "waiting", "away", "closed"]


class Reconnector:
    """The state of one client's connection. `handle` takes events in the order of their
    instants.
    """

    def __init__(
        self,
        session: ClientSession,
        *,
        timing: Timing,
        rng: random.Random,
        is_renewable: bool = True,
        leaves_when_hidden: bool = True,
    ) -> None:
        self._session = session
        self._timing = timing
        self._is_renewable = is_renewable
        self._leaves_when_hidden = leaves_when_hidden
        self._now = 0.0
        self._phase: _Phase = "idle"
        self._deadlines = Deadlines()
        self._polls = PollSchedule(timing, self._deadlines)
        self._liveness = Liveness(timing, self._deadlines)
        self._retries = RetrySchedule(timing, rng)
        self._actions: list[Action] = []
        self._attempt = self._request = self._failures = 0
        self._is_renewing = False
        self._dialogue = Dialogue(session)
        self._reason = "no answer"
        self._shown: Show | None = None

    @property
    def due_at(self) -> float | None:
        """When a `Due` is to come; None while nothing waits for the clock."""
        return self._deadlines.first

    @property
    def reason(self) -> str:
        """Why the last connection or attempt ended."""
        return self._reason

    def handle(self, now: float, event: Event) -> list[Action]:
        """Take an event in; returns what is to be done, in order."""
        self._now = now
        if self._phase != "closed":
            self._dispatch(event)
        actions, self._actions = self._actions, []
        return actions

    def _dispatch(self, event: Event) -> None:
        match event:
            case events.Start():
                self._begin()
            case events.Due():
                self._fire_due()
            case events.TokenCame(request, token) if request == self._request:
                self._use(token)
            case events.NoToken(request, reason) if request == self._request:
                self._go_without_token(reason)
            case events.Polled():
                self._note_round(event)
            case events.Wake(by):
                self._wake(by)
            case events.Stop():
                self._finish("closed by the application", CloseCode.NORMAL)
            case _:
                self._dispatch_socket(event)

    def _dispatch_socket(self, event: Event) -> None:
        """Ignore what comes from an older socket than the present one."""
        match event:
            case events.Opened(attempt) if attempt == self._attempt and self._phase == "opening":
                self._open()
            case events.Heard(attempt, text) if attempt == self._attempt and self._phase == "open":
                self._hear(text)
            case events.Closed(attempt=attempt) if attempt == self._attempt:
                self._end(event)
            case events.Overflow() if self._phase == "open":
                self._lose("the messages are read too slowly")

    def _begin(self) -> None:
        self._deadlines.remove("retry")
        self._phase = "token"
        self._retries.begin(self._now)
        self._dialogue.begin()
        self._is_renewing = False
        if not self._polls.is_on:
            self._show(Show(State.CONNECTING))
        self._ask_token("token")

    def _ask_token(self, deadline: str) -> None:
        self._deadlines.set(deadline, self._now + self._timing.token_within_s)
        self._request += 1
        self._actions.append(events.AskToken(self._request))

    def _use(self, token: str) -> None:
        if self._is_renewing:
            self._end_renewal()
            self._session.authenticate(token)
            self._flush()
        elif self._phase == "token":
            self._deadlines.remove("token")
            self._phase = "opening"
            self._failures += 1
            self._attempt += 1
            self._deadlines.set("opening", self._now + self._timing.frozen_after_s)
            self._actions.append(events.Open(self._attempt, token))

    def _go_without_token(self, reason: str) -> None:
        # Without a new token the old one still holds; the server ends the connection with it.
        if self._is_renewing:
            self._end_renewal()
        elif self._phase == "token":
            self._lose(f"no token could be had: {reason}")

    def _end_renewal(self) -> None:
        self._is_renewing = False
        self._deadlines.remove("renewal")

    def _open(self) -> None:
        self._phase = "open"
        self._deadlines.remove("opening")
        self._actions += self._polls.stop()
        self._liveness.start(self._now)
        self._dialogue.note_ping(self._now)
        self._deadlines.set("answer", self._now + self._timing.answer_within_s)
        self._session.connected()
        self._flush()

    def _hear(self, text: str | bytes | None) -> None:
        self._liveness.note_life(self._now)
        for outcome in () if text is None else self._dialogue.read(self._now, text):
            match outcome:
                case Lost(reason, retry_after_s):
                    self._lose(reason, retry_after_s=retry_after_s)
                    return
                case Ended(reason, code, is_refused):
                    self._finish(reason, code, is_refused=is_refused)
                    return
                case TokenExpiring():
                    self._renew()
                case _:
                    self._actions.append(outcome)
        if text is not None:
            self._flush()
            self._settle()

    def _renew(self) -> None:
        if self._is_renewable and not self._is_renewing:
            self._is_renewing = True
            self._ask_token("renewal")

    def _settle(self) -> None:
        """Show replay and live, once everything is answered."""
        if not self._session.is_subscribed:
            return
        if self._deadlines.remove("answer"):
            self._failures = 0
            self._retries.note_live(self._now)
        if self._session.is_replaying:
            self._deadlines.set("quiet", self._now + self._timing.quiet_s)
        else:
            self._deadlines.remove("quiet")
        self._show(Show(State.REPLAYING if self._session.is_replaying else State.LIVE))

    def _end(self, closed: events.Closed) -> None:
        if self._phase not in {"opening", "open"}:
            return
        text = reasons.of_close(closed, was_open=self._phase == "open")
        if may_reconnect(closed.code):
            self._lose(text, code=closed.code, retry_after_s=closed.retry_after_s)
        else:
            farewell = self._dialogue.farewell
            said = (farewell.reason if farewell else "") or closed.reason
            self._finish(said or text, closed.code)

    def _lose(self, reason: str, *, code: int | None = None, retry_after_s: float = 0) -> None:
        farewell = self._dialogue.farewell
        self._disconnect()
        if farewell is not None and not farewell.may_return:
            self._finish(farewell.reason, farewell.code)
            return
        if code == CloseCode.TOKEN_EXPIRED and not self._is_renewable:
            self._finish("the token has expired", code)
            return
        self._reason = (farewell.reason if farewell else "") or reason
        delay_s = self._retries.delay_after_loss(self._now, farewell, retry_after_s)
        self._deadlines.set("retry", self._now + delay_s)
        if self._failures >= self._timing.polling_after and not self._polls.is_on:
            self._actions.append(self._polls.start(self._now))
        is_polling = self._polls.is_on and self._shown and self._shown.state is State.POLLING
        state = State.POLLING if is_polling else State.CONNECTING
        self._show(Show(state, self._reason, delay_s, farewell.code if farewell else code))

    def _disconnect(self) -> None:
        if self._phase in {"opening", "open"}:
            self._actions.append(events.Drop())
        self._phase = "waiting"
        self._session.disconnected()
        self._deadlines.remove(*OF_AN_ATTEMPT)
        self._is_renewing = False

    def _finish(self, reason: str, code: int, *, is_refused: bool = False) -> None:
        self._disconnect()
        self._actions += self._polls.stop()
        self._deadlines.clear()
        self._phase = "closed"
        self._show(Show(State.CLOSED, reason, None, code, is_refused))

    def _fire_due(self) -> None:
        if self._liveness.has_slept(self._now) and self._phase == "open":
            self._check()
        for name in self._deadlines.take_due(self._now):
            self._fire(name)

    def _fire(self, name: str) -> None:
        match name:
            case "renewal":
                self._end_renewal()
            case "ping" if self._liveness.wants_ping(self._now):
                self._ping()
            case "quiet":
                self._session.end_replay()
                self._settle()
            case "retry":
                self._begin()
            case "poll":
                self._actions.append(self._polls.next_round(self._now))
            case "hidden":
                self._leave()
            case "token" | "opening" | "answer" | "silence" | "check":
                self._lose(reasons.of_deadline(name, self._timing))

    def _check(self) -> None:
        if self._liveness.check(self._now):
            self._ping()

    def _ping(self) -> None:
        self._dialogue.note_ping(self._now)
        self._actions.append(events.Ping())

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
            self._look_again(by)

    def _look_again(self, by: str) -> None:
        if by in {"visible", "pageshow"}:
            self._liveness.is_hidden = False
            self._deadlines.remove("hidden")
        if self._phase == "open":
            self._check()
        elif by != "offline" and self._phase in {"waiting", "away"}:
            if self._phase == "away" and self._liveness.is_hidden:
                return
            self._phase = "waiting"
            at = self._retries.hasten(self._now, is_asked=by == "asked")
            self._deadlines.set("retry", min(at, self._deadlines.get("retry") or at))
            if at <= self._now:
                self._begin()

    def _leave(self) -> None:
        self._disconnect()
        self._actions += self._polls.stop()
        self._phase = "away"
        self._show(Show(State.CONNECTING, "paused while the page is hidden"))

    def _note_round(self, polled: events.Polled) -> None:
        if not self._polls.note(self._now, polled):
            return
        if polled.is_refused:
            reason = polled.failure or "the token is not allowed"
            self._finish(reason, CloseCode.FORBIDDEN, is_refused=True)
            return
        retry_at = self._deadlines.get("retry")
        retry_in_s = None if retry_at is None else max(0.0, retry_at - self._now)
        if polled.failure is None:
            detail = f"{self._reason}; the server answers by REST"
            self._show(Show(State.POLLING, detail, retry_in_s))
        else:
            self._show(Show(State.CONNECTING, polled.failure, retry_in_s))

    def _flush(self) -> None:
        self._actions += [events.Send(text) for text in self._session.outgoing()]

    def _show(self, show: Show) -> None:
        if show != self._shown:
            self._shown = show
            self._actions.append(show)
