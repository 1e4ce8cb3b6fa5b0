"""One connection as its client sees it: what was asked on it, and how far what it follows has
come.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rtdash.protocol.channels import Position, Stream
from tests.server.simulated_process import Process
from tests.server.steered_link import Sent, SteeredLink


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked, and the positions that went along."""

    action: str
    streams: frozenset[Stream]
    positions: dict[Stream, Position]
    epoch: str


@dataclass(eq=False, slots=True)
class Dialog:
    """`chain` says behind which event each followed stream stands; None for states."""

    transport: SteeredLink
    process: Process
    chain: dict[Stream, Position | None] = field(default_factory=dict)
    states: dict[Stream, int] = field(default_factory=dict)
    due_resets: set[Stream] = field(default_factory=set)
    asked: dict[int, Request] = field(default_factory=dict)
    resumed: dict[int, Request] = field(default_factory=dict)
    is_over: bool = False
    has_entered: bool = False
    has_rivals: bool = False

    @property
    def is_resuming(self) -> bool:
        """Whether a resume is not answered yet."""
        return any(request.action == "resume" for request in self.asked.values())

    @property
    def is_stored(self) -> bool:
        """Whether the row of the session surely holds what was answered: an unsubscribe is answered
        although the store fails, and stored by a later beat.
        """
        handler = getattr(self.transport.receiver, "action_handler", None)
        return handler is not None and (handler.session is None or handler.session.is_settled)

    def ask(self, number: int, request: Request, fields: dict[str, Any]) -> None:
        """Send it."""
        self.asked[number] = request
        message = {
            "action": request.action,
            "id": number,
            **{name: value for name, value in fields.items() if value is not None},
        }
        self.transport.up.append(Sent("text", json.dumps(message)))

    def state_came(self, stream: Stream, number: int) -> Iterator[str]:
        """What is wrong with it."""
        if number < self.states.get(stream, 0):
            yield f"state {number} came behind {self.states[stream]}"
        self.states[stream] = number

    def event_came(self, stream: Stream, came: Position) -> Iterator[str]:
        """What is wrong with it."""
        behind = self.chain[stream]
        assert behind is not None
        if came != Position(behind.epoch, behind.seq + 1):
            yield f"{came} of {stream.channel} came behind {behind}"
        if stream in self.due_resets:
            yield f"{came} of {stream.channel} came where a reset was due"
        self.chain[stream] = came

    def drop(self, stream: Stream) -> None:
        """Note that the client follows the stream no longer."""
        self.chain.pop(stream, None)
        self.states.pop(stream, None)
        self.due_resets.discard(stream)
