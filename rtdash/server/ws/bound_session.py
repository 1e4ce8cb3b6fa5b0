"""Session as the process that holds it knows it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from rtdash.protocol.channels import Position, Stream


class SessionTaken(Exception):  # noqa: N818 - the client's own doing, not a fault
    """Another connection has taken the session over: one that asked for it later."""


class SessionMoved(Exception):  # noqa: N818 - see SessionTaken
    """The row of a session that comes back is not as it was left here: the store has to be read."""


@dataclass(slots=True)
class BoundSession:
    """Session held in this process, as its connection asked for it at `asked_at`. `confirmed` says
    from where on a client that lost everything goes on, by event stream.

    `streams`: what the client was answered that it follows. `is_settled`: the row holds that. After
    a write with an unknown outcome it is not, until the next write. `is_returning`: the row has the
    generation before, with which the last connection ended here.
    """

    id: str
    sub: str
    asked_at: datetime
    generation: int = 1
    confirmed: dict[Stream, Position] = field(default_factory=dict)
    is_settled: bool = True
    streams: tuple[Stream, ...] = ()
    is_returning: bool = False

    @property
    def shown_id(self) -> str:
        """The beginning of the id, for the log: enough to find it, too few to resume it."""
        return self.id[:8]

    def returned(self, asked_at: datetime) -> Self:
        """Return the session as its next connection asks for it."""
        return replace(
            self,
            asked_at=asked_at,
            generation=self.generation + 1,
            confirmed=dict(self.confirmed),
            is_returning=True,
        )
