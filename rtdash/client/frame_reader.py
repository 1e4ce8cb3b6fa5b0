"""Meaning of a connection's frames: what to hand on, and whether the connection goes on."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rtdash.client.connection_events import Deliver, Latency
from rtdash.protocol.codes import CloseCode, ErrorCode
from rtdash.protocol.received import (
    Answer,
    Disconnect,
    Gap,
    Message,
    Received,
    Refused,
    Subscribed,
    TokenExpiring,
)


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection can't be used any more: connect again, not before `retry_after_s`."""

    reason: str
    retry_after_s: float = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """The server refuses for good; `is_refused`: because the token does not allow it."""

    reason: str
    code: int
    is_refused: bool = False


Outcome = Deliver | Latency | TokenExpiring | Lost | Ended


class FrameReader:
    """Reader of frames. `farewell` is what the server said about the close to come.

    `receive` gives what a frame means to the session (`ClientSession.receive`, or a decoder that
    asks the session), up to a gap, and raises ValueError for what is not of the protocol.
    """

    def __init__(self, receive: Callable[[str | bytes], Sequence[Received]]) -> None:
        self._receive = receive
        self._pinged_at: float | None = None
        self.farewell: Disconnect | None = None

    def begin(self) -> None:
        """Forget the connection before."""
        self.farewell = None

    def note_ping(self, now: float) -> None:
        """Note that a ping is sent, to measure its answer."""
        self._pinged_at = now

    def read(self, now: float, text: str | bytes) -> Iterable[Outcome]:
        """Return what a frame means, in order. Stop at Lost and Ended: nothing behind them counts."""
        try:
            received = self._receive(text)
        except ValueError as error:
            return (Lost(str(error)),)
        if len(received) == 1 and type(received[0]) is Message:
            return (Deliver(received[0]),)  # nearly every frame is one
        return self._read_all(now, received)

    def _read_all(self, now: float, received: Iterable[Received]) -> Iterator[Outcome]:
        for one in received:
            yield from self._read(now, one)

    def _read(self, now: float, received: Received) -> Iterator[Outcome]:
        match received:
            case Message() | Subscribed():
                yield Deliver(received)
            case Gap(stream, position, seq):
                missing = f"between {position.seq} and {seq}"
                yield Lost(f"events of {stream.channel} are missing {missing}")
            case Refused():
                yield from _judge(received)
            case Disconnect():
                self.farewell = received
            case TokenExpiring():
                yield received
            case Answer(status="pong") if self._pinged_at is not None:
                yield Latency(now - self._pinged_at)
                self._pinged_at = None


def _judge(refusal: Refused) -> Iterator[Outcome]:
    """Judge a refusal. A refused request leaves a connection without its streams: come back, or
    give up.
    """
    if refusal.is_temporary:
        yield Lost(refusal.text, refusal.retry_after_s)
    elif refusal.action == "authenticate" and not refusal.channels:
        return  # the token in use is still good; the server ends the connection with it
    elif refusal.code in {ErrorCode.FORBIDDEN, ErrorCode.UNAUTHENTICATED}:
        yield Ended(refusal.text, CloseCode.FORBIDDEN, is_refused=True)
    else:
        yield Ended(refusal.text, CloseCode.PROTOCOL_VIOLATION)
