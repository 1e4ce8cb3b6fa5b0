"""Events of a client's connection, and the actions of its reconnector: values, by which the
decisions stay free of I/O.
"""

from dataclasses import dataclass

from rtdash.client.connection_states import State
from rtdash.protocol.received import Message, Subscribed


@dataclass(frozen=True, slots=True)
class Start:
    """The application connects."""


@dataclass(frozen=True, slots=True)
class Due:
    """A time that was waited for has come."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The application closes."""


@dataclass(frozen=True, slots=True)
class TokenCame:
    """The token source answers `request`."""

    request: int
    token: str


@dataclass(frozen=True, slots=True)
class NoToken:
    """The token source can't answer `request`."""

    request: int
    reason: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The socket of `attempt` stands."""

    attempt: int


@dataclass(slots=True)  # made for each frame, and a frozen one takes three times as long
class Heard:
    """A frame on the socket of `attempt`; None for a pong, which only shows that it lives."""

    attempt: int
    text: str | bytes | None


@dataclass(frozen=True, slots=True)
class Closed:
    """The socket of `attempt` is gone, or never stood; `detail` in words where they are known."""

    attempt: int
    code: int
    reason: str = ""
    detail: str | None = None
    retry_after_s: float = 0


@dataclass(frozen=True, slots=True)
class Polled:
    """A round of polling is over; `is_refused`: the token is not let in."""

    round: int
    failure: str | None = None
    is_refused: bool = False
    retry_after_s: float = 0


@dataclass(frozen=True, slots=True)
class Wake:
    """Something that makes a look worthwhile: `online`, `offline`, `visible`, `hidden`, `pageshow`,
    `resume`, `asked`; `paused` and `reading`: the application has stopped, and reads on.
    """

    by: str


@dataclass(frozen=True, slots=True)
class Overflow:
    """The application reads too slowly, and what waited was dropped."""


Event = (
    Start | Due | Stop | TokenCame | NoToken | Opened | Heard | Closed | Polled | Wake | Overflow
)


@dataclass(frozen=True, slots=True)
class AskToken:
    """Ask the token source, and answer with this request's number."""

    request: int


@dataclass(frozen=True, slots=True)
class Open:
    """Open a socket with the token. Its events carry the number of this attempt."""

    attempt: int
    token: str


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message."""

    text: str


@dataclass(frozen=True, slots=True)
class SendPing:
    """Find out whether the server lives."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the socket, and ignore what may still come of it."""


@dataclass(slots=True)  # as Heard
class Deliver:
    """Hand something to the application."""

    received: Message | Subscribed


@dataclass(frozen=True, slots=True)
class Poll:
    """Read the channels over REST, once."""

    round: int
    with_stats: bool


@dataclass(frozen=True, slots=True)
class StopPolling:
    """End the polling, also in the middle of a round."""


@dataclass(frozen=True, slots=True)
class Latency:
    """How long the server took for a ping."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Show:
    """The state of the connection has changed. `code`: a close code, where one was the reason;
    `is_refused`: ended because the token does not allow it.
    """

    state: State
    detail: str | None = None
    retry_in_s: float | None = None
    code: int | None = None
    is_refused: bool = False


Action = AskToken | Open | Send | SendPing | Drop | Deliver | Poll | StopPolling | Latency | Show
