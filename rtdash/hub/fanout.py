"""One stream inside one process: its followers, and what waits for the next flush."""

from collections.abc import Callable
from typing import Protocol

from rtdash.protocol.channels import Stream
from rtdash.protocol.encoded_batch import EncodedBatch


class Subscriber(Protocol):
    """Receiver of the messages of streams."""

    @property
    def write(self) -> Callable[[bytes], object] | None:
        """While there is one, it takes the plain frames of a flush instead of `deliver`, without a
        call of Python.
        """

    def deliver(self, batch: EncodedBatch) -> None:
        """Take the messages. Never raises, never awaits; may end its own membership or others'."""

    def failed(self) -> None:
        """End what belongs to this subscriber: it has raised, and gets nothing more. Must not
        raise.
        """


class Subscription:
    """One membership of a stream. Its identity is its generation: if it ends twice or late, a newer
    membership is not touched.
    """

    __slots__ = ("stream", "subscriber")

    def __init__(self, stream: Stream, subscriber: Subscriber) -> None:
        self.stream = stream
        self.subscriber = subscriber


class _NullSubscriber:
    """Subscriber of a subscription that has ended."""

    write = None

    def deliver(self, batch: EncodedBatch) -> None:
        """Ignore the messages."""

    def failed(self) -> None:
        """Do nothing."""


NULL_SUBSCRIBER: Subscriber = _NullSubscriber()


class StreamFanout:
    """One stream: its followers, and what waits for the next flush."""

    __slots__ = ("fresh", "is_tracked", "members", "pending", "states", "targets", "top")

    def __init__(self) -> None:
        self.members: dict[Subscription, None] = {}
        self.targets: tuple[Subscription, ...] | None = ()
        self.states: dict[str, bytes] = {}
        self.fresh: set[str] = set()
        self.is_tracked = False
        self.restart(0)

    def restart(self, top: int) -> None:
        """Begin behind `top`; drop what was pending."""
        self.top = top
        self.pending: list[bytes] = []

    def take(self, stream: Stream, compress_min_bytes: int) -> EncodedBatch | None:
        """Return what is due, as one batch. `top` moves here, before any subscriber gets it."""
        if self.pending:
            bodies, self.pending = tuple(self.pending), []
            batch = EncodedBatch(stream, self.top + 1, bodies, compress_min_bytes)
            self.top = batch.last_seq
            return batch
        if self.fresh:
            bodies = tuple(body for kind, body in self.states.items() if kind in self.fresh)
            self.fresh.clear()
            return EncodedBatch(stream, 0, bodies, compress_min_bytes)
        return None
