"""How far a client got in each stream, by whatever connection, and what must therefore come
next.
"""

from collections.abc import Callable
from typing import Any

from rtdash.protocol.channels import Channel, Position, Stream
from tests.fakes import FakeLog
from tests.server.dialog import Dialog, Request

REASONS = {"epoch_changed", "history_gone", "beyond_head"}


class ExpectedState:
    """`has` is how far it got without a gap, `wants` what was granted, `maybe` what was asked for
    without a clear answer.
    """

    def __init__(self, log: FakeLog, wrong: Callable[..., None]) -> None:
        self.has: dict[Stream, Position] = {}
        self.wants: set[Stream] = set()
        self.maybe: set[Stream] = set()
        self._log = log
        self._wrong = wrong

    def event_came(self, dialog: Dialog, stream: Stream, came: Position, *, is_past: bool) -> None:
        """The next one, and none is missing before it. `is_past`: its client has begun anew on
        another connection.
        """
        self._wrong(*dialog.event_came(stream, came))
        had = self.has.get(stream)
        if (
            stream in self.wants
            and not (had is None and is_past)
            and not self._is_older(stream, came)
        ):
            if had is None or had.epoch != came.epoch or came.seq > had.seq + 1:
                self._wrong(f"{came} of {stream.channel} came, and what follows {had} is missing")
            self.has[stream] = came if had is None else max(had, came)

    def entered(
        self,
        dialog: Dialog,
        request: Request,
        stream: Stream,
        position: Position,
        recovered: bool | None,
    ) -> None:
        """From where an answer says that it goes on."""
        given, had = request.positions.get(stream), self.has.get(stream)
        stood = dialog.chain.get(stream)
        dialog.chain[stream] = position
        dialog.due_resets.discard(stream)
        if recovered is False:
            dialog.due_resets.add(stream)
            if given is not None and self._is_kept(request, stream, given):
                self._wrong(
                    f"{given} of {stream} was not recovered, although the log has all behind it"
                )
        elif given is not None:
            if not recovered or position != given:
                self._wrong(
                    f"{stream} was to go on from {given} and does from {position}, recovered"
                    f" {recovered}"
                )
        elif request.action == "subscribe":
            if recovered is not None or position != (stood or position):
                self._wrong(
                    f"{stream} stood at {stood} and was said to stand at {position}, recovered"
                    f" {recovered}"
                )
            if stood is None:
                self.has[stream] = position
        elif had is None or stream in self.maybe:
            self.has[stream] = position if had is None else max(position, had)
        elif not recovered or (position > had and not self._is_older(stream, position)):
            self._wrong(
                f"{stream} of a session at {had} goes on from {position}, recovered {recovered}"
            )

    def was_reset(self, dialog: Dialog, message: dict[str, Any]) -> None:
        """History is gone: was it?"""
        stream, position = (
            Stream(message["venue"], Channel(message["channel"])),
            Position(**message["position"]),
        )
        if stream not in dialog.chain:
            self._wrong(f"a reset of {stream}, which isn't followed")
            return
        reason = message["reason"]
        is_kept = position.epoch == self._log.epoch and not self._log.floors.get(
            stream
        )  # a restored backup may lack what was there
        if reason not in REASONS or (reason == "history_gone" and is_kept):
            self._wrong(f"a reset of {stream} because of {reason}")
        if reason != "history_gone" and position.epoch == self._log.epoch == "e1":
            self._wrong(f"a reset of {stream} because of {reason} in the first epoch")
        dialog.due_resets.discard(stream)
        dialog.chain[stream] = position
        if not self._is_older(stream, position):
            self.has[stream] = position

    def unsubscribed(self, dialog: Dialog, request: Request) -> None:
        """What it follows no longer; another process may not know yet where that is not stored."""
        followed = request.streams & (self.wants | self.maybe)
        for stream in request.streams:
            dialog.drop(stream)
            self.wants.discard(stream)
            self.maybe.discard(stream)
            self.has.pop(stream, None)
        if not dialog.is_stored:
            self.maybe |= followed

    def _is_kept(self, request: Request, stream: Stream, given: Position) -> bool:
        if not given.epoch == request.epoch == self._log.epoch:
            return False
        return self._log.floors.get(stream, 0) <= given.seq <= self._log.heads.get(stream, 0)

    def _is_older(self, stream: Stream, position: Position) -> bool:
        """Of an epoch that another connection of this client has left behind already."""
        had = self.has.get(stream)
        return had is not None and position.epoch < had.epoch
