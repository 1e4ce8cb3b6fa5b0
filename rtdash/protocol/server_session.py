"""The server's side of the conversation as a value: reads frames, keeps to the rates, counts
errors. No I/O, no clock.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from rtdash.protocol import answers
from rtdash.protocol.action_parser import name_of, parse_action
from rtdash.protocol.actions import Action, ActionRefused
from rtdash.protocol.codes import CloseCode, ErrorCode
from rtdash.protocol.rates import TokenBucket

ERRORS_A_MINUTE = 10
"""Errors that a connection may make within a minute; the next one closes it."""

_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Rates:
    """How often a client may speak; `per_second` 0 means as often as it likes.

    With `dry_run` an excess is reported to `on_excess` and let pass.
    """

    per_second: float
    burst: int
    dry_run: bool = False
    on_excess: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """An answer that says no, and the close that follows it, if one does."""

    body: bytes
    close: CloseCode | None


class ServerSession:
    """One connection's frames and errors. `now` is always in seconds of one monotonic clock."""

    __slots__ = ("_bucket", "_errors", "_rates")

    def __init__(self, rates: Rates, now: float) -> None:
        self._rates = rates
        self._bucket = TokenBucket(rates.per_second, rates.burst, now)
        self._errors: deque[tuple[float, bool]] | None = None

    def frame_received(self, now: float) -> ErrorReply | None:
        """Count a frame that carries no whole message: a ping, a pong, a fragment."""
        wait_s = self._excess_s(now)
        return self.refuse(_rate_limited(wait_s, None), now) if wait_s else None

    def receive(self, text: str, now: float) -> Action | ErrorReply:
        """Count a text message and read it."""
        wait_s = self._excess_s(now)
        if wait_s:
            return self.refuse(_rate_limited(wait_s, text), now)
        try:
            return parse_action(text)
        except ActionRefused as refused:
            return self.refuse(refused, now)

    def refuse(self, refused: ActionRefused, now: float) -> ErrorReply:
        """Return the answer to an action that is not carried out, and count it as the client's
        error.
        """
        if self._errors is None:
            self._errors = deque(maxlen=ERRORS_A_MINUTE + 1)
        self._errors.append((now, refused.code.temporary))
        return ErrorReply(answers.error(refused), self._close(now))

    def _excess_s(self, now: float) -> float:
        wait_s = self._bucket.take(now)
        if wait_s and self._rates.on_excess is not None:
            self._rates.on_excess()
        return 0.0 if self._rates.dry_run else wait_s

    def _close(self, now: float) -> CloseCode | None:
        """Return the close that follows too many errors in a minute, if one does. When most of them
        were temporary (too fast, a fault of the server), the client may come back; else it may not.
        """
        errors = self._errors
        if errors is None or len(errors) <= ERRORS_A_MINUTE or now - errors[0][0] >= _MINUTE_S:
            return None
        temporary = sum(is_temporary for _, is_temporary in errors)
        return (
            CloseCode.RATE_LIMITED if 2 * temporary > len(errors) else CloseCode.PROTOCOL_VIOLATION
        )


def _rate_limited(wait_s: float, text: str | None) -> ActionRefused:
    action, id_ = name_of(text) if text is not None else (None, None)
    retry_after_ms = ceil(wait_s * 1000)
    message = f"too many frames: this one was ignored; wait {retry_after_ms} ms before the next"
    return ActionRefused(
        ErrorCode.RATE_LIMITED, message, action=action, id=id_, retry_after_ms=retry_after_ms
    )
