"""Phases of a client's connection, from the token to the end: what starts and stops with each."""

from typing import Literal

from rtdash.client import connection_events as events
from rtdash.client.connection_events import Action, Deliver, Show
from rtdash.client.connection_states import State
from rtdash.client.deadlines import OF_AN_ATTEMPT, Deadlines
from rtdash.client.frame_reader import Ended, FrameReader, Lost
from rtdash.client.liveness import Liveness
from rtdash.client.poll_schedule import PollSchedule
from rtdash.client.retry_schedule import RetrySchedule
from rtdash.client.timing import Timing
from rtdash.protocol.client_session import ClientSession
from rtdash.protocol.codes import CloseCode
from rtdash.protocol.received import TokenExpiring

_LIVE, _REPLAYING = Show(State.LIVE), Show(State.REPLAYING)
Phase = Literal["idle", "token", "opening", "open", "waiting", "away", "closed"]


class ConnectionPhases:
    """The phase of a client's connection, with the actions that the latest changes ask for.

    `attempt` and `request` number the sockets and the requests for a token: what names an older
    number is out of date.
    """

    def __init__(
        self,
        session: ClientSession,
        *,
        timing: Timing,
        deadlines: Deadlines,
        liveness: Liveness,
        polls: PollSchedule,
        retries: RetrySchedule,
        reader: FrameReader,
        is_renewable: bool,
    ) -> None:
        self._session = session
        self._timing = timing
        self._deadlines = deadlines
        self._liveness = liveness
        self._polls = polls
        self._retries = retries
        self._is_renewable = is_renewable
        self._reader = reader
        self._actions: list[Action] = []
        self._failures = 0
        self._is_renewing = False
        self._shown: Show | None = None
        self.phase: Phase = "idle"
        self.attempt = self.request = 0
        self.reason = "no answer"
        """Why the last connection or attempt ended."""

    def take_actions(self) -> list[Action]:
        """Return what is to be done since the last call, in order."""
        actions, self._actions = self._actions, []
        return actions

    def begin(self, now: float) -> None:
        """Begin an attempt: ask for a token."""
        self._deadlines.remove("retry")
        self.phase = "token"
        self._retries.begin(now)
        self._reader.begin()
        self._is_renewing = False
        if not self._polls.is_on:
            self.show(Show(State.CONNECTING))
        self._ask_token(now, "token")

    def use_token(self, now: float, token: str) -> None:
        """Open a socket with the token, or renew the rights of the open one."""
        if self._is_renewing:
            self.end_renewal()
            self._session.authenticate(token)
            self._flush()
        elif self.phase == "token":
            self._deadlines.remove("token")
            self.phase = "opening"
            self._failures += 1
            self.attempt += 1
            self._deadlines.set("opening", now + self._timing.open_within_s)
            self.act(events.Open(self.attempt, token))

    def go_without_token(self, now: float, reason: str) -> None:
        """Give the attempt up. An open connection goes on: its old token still holds, and the
        server ends the connection with it.
        """
        if self._is_renewing:
            self.end_renewal()
        elif self.phase == "token":
            self.lose(now, f"no token could be had: {reason}")

    def end_renewal(self) -> None:
        """Wait for a new token no longer."""
        self._is_renewing = False
        self._deadlines.remove("renewal")

    def open(self, now: float) -> None:
        """Send what the session has to say on the socket that has just opened."""
        self.phase = "open"
        self._deadlines.remove("opening")
        self._actions += self._polls.stop()
        self._liveness.watch(now)
        self._reader.note_ping(now)
        self._deadlines.set("answer", now + self._timing.answer_within_s)
        self._session.connected()
        self._flush()

    def hear(self, now: float, text: str | bytes | None) -> None:
        """Read a frame; None for a pong, which only shows that the server lives."""
        self._liveness.note_life(now)
        if text is None:
            return
        for outcome in self._reader.read(now, text):
            match outcome:
                case Deliver():
                    self._actions.append(outcome)
                case Lost(reason, retry_after_s):
                    self.lose(now, reason, retry_after_s=retry_after_s)
                    return
                case Ended(reason, code, is_refused):
                    self.finish(reason, code, is_refused=is_refused)
                    return
                case TokenExpiring():
                    self._renew(now)
                case _:
                    self.act(outcome)
        self._flush()
        self._settle(now)

    def end_replay(self, now: float) -> None:
        """Treat the replay as complete: nothing came for a while."""
        self._session.end_replay()
        self._settle(now)

    def ping(self, now: float) -> None:
        """Ask the server for a sign of life."""
        self._reader.note_ping(now)
        self.act(events.SendPing())

    def lose(
        self, now: float, reason: str, *, code: int | None = None, retry_after_s: float = 0
    ) -> None:
        """Leave the connection or the attempt, and wait for the next one; finish where the server
        said that coming back is of no use.
        """
        farewell = self._reader.farewell
        self._disconnect()
        if farewell is not None and not farewell.may_return:
            self.finish(farewell.reason, farewell.code)
            return
        if code == CloseCode.TOKEN_EXPIRED and not self._is_renewable:
            self.finish("the token has expired", code)
            return
        self.reason = (farewell.reason if farewell else "") or reason
        delay_s = self._retries.delay_after_loss(now, farewell, retry_after_s)
        self._deadlines.set("retry", now + delay_s)
        if self._failures >= self._timing.polling_after and not self._polls.is_on:
            self.act(self._polls.start(now))
        is_polling = self._polls.is_on and self._shown and self._shown.state is State.POLLING
        state = State.POLLING if is_polling else State.CONNECTING
        self.show(Show(state, self.reason, delay_s, farewell.code if farewell else code))

    def leave(self) -> None:
        """Go away without waiting for another attempt: a wake begins it."""
        self._disconnect()
        self._actions += self._polls.stop()
        self.phase = "away"
        self.show(Show(State.CONNECTING, "paused while the page is hidden"))

    def finish(self, reason: str, code: int, *, is_refused: bool = False) -> None:
        """End for good."""
        self._disconnect()
        self._actions += self._polls.stop()
        self._deadlines.clear()
        self.phase = "closed"
        self.show(Show(State.CLOSED, reason, None, code, is_refused))

    def last_words(self, reason: str) -> str:
        """Return what the server said before its Close, or as the Close's own `reason`."""
        farewell = self._reader.farewell
        return (farewell.reason if farewell else "") or reason

    def show(self, show: Show) -> None:
        """Show a state, unless it is the one that is shown."""
        if show is not self._shown and show != self._shown:
            self._shown = show
            self.act(show)

    def act(self, action: Action) -> None:
        """Add something that is to be done."""
        self._actions.append(action)

    def _ask_token(self, now: float, deadline: str) -> None:
        self._deadlines.set(deadline, now + self._timing.token_within_s)
        self.request += 1
        self.act(events.AskToken(self.request))

    def _renew(self, now: float) -> None:
        if self._is_renewable and not self._is_renewing:
            self._is_renewing = True
            self._ask_token(now, "renewal")

    def _settle(self, now: float) -> None:
        """Show replay and live, once everything is answered."""
        is_replaying = self._session.is_replaying
        if self._shown is _LIVE and not is_replaying:
            return  # as after nearly every frame
        if not self._session.is_subscribed:
            return
        if self._deadlines.remove("answer"):
            self._failures = 0
            self._retries.note_live(now)
        if is_replaying:
            self._deadlines.set("quiet", now + self._timing.quiet_s)
        else:
            self._deadlines.remove("quiet")
        self.show(_REPLAYING if is_replaying else _LIVE)

    def _disconnect(self) -> None:
        if self.phase in {"opening", "open"}:
            self.act(events.Drop())
        self.phase = "waiting"
        self._session.disconnected()
        self._deadlines.remove(*OF_AN_ATTEMPT)
        self._is_renewing = False

    def _flush(self) -> None:
        if texts := self._session.outgoing():
            self._actions += [events.Send(text) for text in texts]
