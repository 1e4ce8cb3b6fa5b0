"""Contract of every broker: it carries notices, which say that a stream has grown, to all
processes.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from rtdash.protocol.channels import Stream


@dataclass(frozen=True, slots=True)
class Notice:
    """Events `first_seq`, `first_seq + 1`, … of a stream, as committed to the log that `epoch`
    names.

    `bodies` are the encoded messages, one an event. A notice may be lost, repeated or late: the log
    is the truth.
    """

    stream: Stream
    epoch: str
    first_seq: int
    bodies: tuple[bytes, ...]


# a state of the world, not a programming error
class BrokerUnavailable(Exception):  # noqa: N818
    """The broker can't be reached, or its connection was lost. Only the relay retries."""


class BrokerUnusable(Exception):  # noqa: N818
    """The settings name no broker that can be used; `hint` says how to mend them."""

    def __init__(self, problem: str, *, hint: str) -> None:
        super().__init__(problem)
        self.hint = hint


class Broker(Protocol):
    """A way to every process, this one included."""

    async def publish(self, notices: tuple[Notice, ...]) -> None:
        """Hand notices over. Raises BrokerUnavailable."""

    def listen(self) -> AsyncIterator[Notice]:
        """Notices from every process, from now on; the iterator raises BrokerUnavailable when the
        connection is lost.
        """

    async def close(self) -> None:
        """Close its connections."""
