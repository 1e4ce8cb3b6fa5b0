"""Actions of a client: its text frames become actions, or a refusal that says how to mend them
(guide: protocol, "Actions").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rtdash.protocol.channels import Channel, Position
from rtdash.protocol.codes import ErrorCode

MAX_NAME = 256
"""Longest id, venue, session or epoch, in characters."""

MAX_SEQ = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 8259 section 6)."""

MAX_BATCH_MS = 1000

Id = str | int | float | None
"""Value that a client puts into `id` to find its answer again; None when it didn't."""

Positions = Mapping[Channel, Position]


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Follow channels, from `positions` where they are given; `batch_ms` 0 leaves batching as it
    is.
    """

    id: Id
    channels: tuple[Channel, ...]
    venue: str | None
    positions: Positions
    batch_ms: int


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Follow channels no longer."""

    id: Id
    channels: tuple[Channel, ...]
    venue: str | None


@dataclass(frozen=True, slots=True)
class Resume:
    """Take over a session; `positions` by venue go before the confirmed ones."""

    id: Id
    session: str
    positions: Mapping[str, Positions]


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Go on with another token of the same user."""

    id: Id
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ping:
    """Answer at once."""

    id: Id


Action = Subscribe | Unsubscribe | Resume | Authenticate | Ping


# a protocol error that is answered, not a fault
class ActionRefused(Exception):  # noqa: N818
    """A message that is not carried out: what the error message says (guide: protocol, "Errors")."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        action: str | None = None,
        channels: tuple[str, ...] = (),
        id: Id = None,  # noqa: A002
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.action = action
        self.channels = channels
        self.id = id
        self.retry_after_ms = retry_after_ms


ACTIONS = ("subscribe", "unsubscribe", "resume", "authenticate", "ping")
