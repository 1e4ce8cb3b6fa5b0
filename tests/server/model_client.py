"""A client that holds the server to its promise: it knows what must come next, and notes in
`wrongs` what came instead.
"""

import json
import re
from collections.abc import Collection
from typing import Any

from rtdash.protocol.channels import Channel, Position, Stream
from rtdash.protocol.codes import CloseCode
from tests.fakes import FakeLog
from tests.server.dialog import Dialog, Request
from tests.server.expected_state import ExpectedState
from tests.server.simulated_process import TTL_S, Process
from tests.server.steered_link import Sent, SteeredLink
from tests.server.steered_store import SteeredLoop, Store

BEAT_S = 7.0
"""A process's sign of life may be as old as this."""

_MARKED = re.compile(rb"([es]\d+) ([\w-]+) (\w+) (\d+)")


class Client:
    """`keeps_positions`, or comes back with nothing but its session id."""

    def __init__(
        self,
        number: int,
        loop: SteeredLoop,
        log: FakeLog,
        store: Store,
        wrongs: list[str],
        *,
        keeps_positions: bool,
    ) -> None:
        self.sub = f"user-{number}"
        self.keeps_positions = keeps_positions
        self.session: str | None = None
        self.expected = ExpectedState(log, self._wrong)
        self.dialogs: list[Dialog] = []
        self.reads = True
        self.answers_pings = True
        self.answers_close = True
        self._loop, self._log, self._store = loop, log, store
        self._wrongs = wrongs
        self._ids = 0
        self._entered_at = loop.now_s
        self._left_at = loop.now_s

    @property
    def dialog(self) -> Dialog | None:
        """The connection that it takes for its own."""
        return self.dialogs[-1] if self.dialogs and not self.dialogs[-1].is_over else None

    def connect(self, process: Process) -> Dialog:
        """A new connection; older ones may still stand."""
        for older in self.dialogs:
            older.has_rivals = True
            if not older.is_over and not older.has_entered:
                self.leave(older)
        dialog = Dialog(SteeredLink(self._loop, self._wrongs), process)
        process.connect(dialog.transport, self.sub)
        self.dialogs.append(dialog)
        return dialog

    @property
    def can_ask(self) -> bool:
        """Whether it knows what its connection stands for."""
        dialog = self.dialog
        return dialog is not None and dialog.has_entered and not dialog.is_resuming

    def enter(self, dialog: Dialog, fallback: Collection[Stream] = ()) -> None:
        """Resume what it had, or subscribe."""
        if dialog.is_resuming:
            return
        if self.session is not None:
            self.resume(dialog)
        elif streams := self.expected.wants or fallback:
            self.subscribe(dialog, streams)

    def subscribe(
        self,
        dialog: Dialog,
        streams: Collection[Stream],
        *,
        with_positions: bool = True,
        batch_ms: int | None = None,
    ) -> None:
        """One request for each venue kind; positions only where it keeps them and doesn't follow
        already.
        """
        given = {
            stream: self.expected.has[stream]
            for stream in streams
            if stream in self.expected.has and stream not in dialog.chain
        }
        given = given if self.keeps_positions and with_positions else {}
        positions = {stream.channel: position._asdict() for stream, position in given.items()}
        self._ask(
            dialog,
            "subscribe",
            streams,
            given,
            channels=_channels(streams),
            positions=positions,
            batch=batch_ms,
        )

    def unsubscribe(self, dialog: Dialog, streams: Collection[Stream]) -> None:
        """What it follows no longer once that is answered."""
        self._ask(dialog, "unsubscribe", streams, {}, channels=_channels(streams))

    def resume(self, dialog: Dialog) -> None:
        """With its positions, or with nothing."""
        given = dict(self.expected.has) if self.keeps_positions else {}
        positions: dict[str, dict[str, Any]] = {}
        for stream, position in given.items():
            positions.setdefault(stream.venue, {})[stream.channel] = position._asdict()
        self._ask(dialog, "resume", frozenset(), given, session=self.session, positions=positions)

    def leave(self, dialog: Dialog) -> None:
        """The client's own Close."""
        dialog.transport.up.append(Sent("close", int(CloseCode.NORMAL)))
        self.give_up(dialog)

    def give_up(self, dialog: Dialog) -> None:
        """What was asked and not answered may have happened or not."""
        for request in dialog.asked.values():
            self.expected.maybe |= request.streams
        dialog.asked.clear()
        if not dialog.is_over:
            dialog.is_over = True
            # A client that doesn't read hears late of an end: its session runs out from the end on.
            # A connection that never had the session ends nothing.
            if dialog.has_entered:
                self._left_at = min(dialog.transport.ended_at, self._loop.now_s)

    def read(self, dialog: Dialog, count: int | None = None) -> None:
        """Take frames as they come; what is read is processed."""
        while (count is None or count > 0) and (frame := dialog.transport.take()) is not None:
            count = None if count is None else count - 1
            self._process(dialog, frame)
        if dialog.transport.has_ended and not dialog.transport.down:
            self.give_up(dialog)

    def _ask(
        self,
        dialog: Dialog,
        action: str,
        streams: Collection[Stream],
        given: dict[Stream, Position],
        **fields: Any,
    ) -> None:
        self._ids += 1
        dialog.ask(self._ids, Request(action, frozenset(streams), given, self._log.epoch), fields)

    def _process(self, dialog: Dialog, frame: Sent) -> None:
        match frame.kind:
            case _ if dialog.is_over:
                pass
            case "ping":
                if self.answers_pings:
                    dialog.transport.up.append(Sent("pong", frame.content))
            case "close":
                if frame.content == CloseCode.SESSION_TAKEN_OVER and not dialog.has_rivals:
                    self._wrong("4505 although nobody else has tried")
                if self.answers_close:
                    dialog.transport.up.append(Sent("close", frame.content))
                self.give_up(dialog)
            case _ if frame.content.startswith((b"e", b"s")) or b'"batch"' in frame.content[:20]:
                for epoch, venue, channel, number in _MARKED.findall(frame.content):
                    self._marked(
                        dialog,
                        Stream(venue.decode(), Channel(channel.decode())),
                        epoch.decode(),
                        int(number),
                    )
            case _:
                self._message(dialog, json.loads(frame.content))

    def _marked(self, dialog: Dialog, stream: Stream, epoch: str, number: int) -> None:
        """An event, or a state."""
        if stream not in dialog.chain:
            self._wrong(f"{epoch} {number} of {stream.channel} came although it isn't followed")
        elif stream.channel.is_state:
            self._wrong(*dialog.state_came(stream, number))
        else:
            self.expected.event_came(
                dialog, stream, Position(epoch, number), is_past=dialog is not self.dialogs[-1]
            )

    def _message(self, dialog: Dialog, message: dict[str, Any]) -> None:
        if message.get("type") == "reset":
            self.expected.was_reset(dialog, message)
        elif "status" in message and "id" in message:
            request = dialog.asked.pop(message["id"], None) or dialog.resumed.get(message["id"])
            if request is None:
                return  # asked on a connection that was given up meanwhile
            match message["status"]:
                case "subscribed":
                    self._covered(dialog, request, message)
                case "resumed":  # one answer a venue
                    dialog.resumed[message["id"]] = request
                    self._covered(dialog, request, message)
                case "unsubscribed":
                    self.expected.unsubscribed(dialog, request)
                case "error":
                    self._refused(dialog, request, message["code"])

    def _covered(self, dialog: Dialog, request: Request, answer: dict[str, Any]) -> None:
        if request.action == "resume" and answer["session"] != self.session:
            self._wrong("another session was resumed")
        is_before_resume = dialog.is_resuming
        if not is_before_resume:
            self.session = answer["session"]
            self._entered_at = self._loop.now_s
            dialog.has_entered = True
        for name, venue in answer["venues"].items():
            stream = Stream(venue, Channel(name))
            if (
                request.action != "subscribe"
                and stream not in self.expected.wants | self.expected.maybe
            ):
                self._wrong(f"{stream} was resumed, and nobody wants it")
            if stream.channel.is_state:
                dialog.chain[stream] = None
            else:
                self.expected.entered(
                    dialog,
                    request,
                    stream,
                    Position(**answer["positions"][name]),
                    answer["recovered"].get(name),
                )
            self.expected.wants.add(stream)
        if is_before_resume:
            self.expected.maybe |= request.streams  # it becomes a part of the session by the resume
        else:
            self.expected.maybe -= dialog.chain.keys()

    def _refused(self, dialog: Dialog, request: Request, code: str) -> None:
        self.expected.maybe |= request.streams
        if code == "session_unknown" and request.action == "resume":
            away_s = self._loop.now_s - max(self._left_at, self._entered_at)
            if away_s < TTL_S - BEAT_S and self._store.failed_at < min(
                self._entered_at, self._loop.now_s - 2 * BEAT_S
            ):
                self._wrong(f"the session is unknown after {away_s} s")
            self.session = None
            self.expected.maybe.clear()
            for (
                older
            ) in self.dialogs:  # it begins anew here: what they say is nothing to it any more
                if older is not dialog and not older.is_over:
                    self.leave(older)
            if not self.keeps_positions:
                self.expected.has = {
                    stream: position
                    for stream, position in dialog.chain.items()
                    if position is not None
                }
        elif code not in {"unavailable", "session_unknown"}:
            self._wrong(f"{request.action} was refused: {code}")

    def _wrong(self, *what: str) -> None:
        kind = "keeper" if self.keeps_positions else "forgetful"
        self._wrongs.extend(f"{self.sub} ({kind}): {wrong}" for wrong in what)


def _channels(streams: Collection[Stream]) -> list[str]:
    return sorted(stream.channel for stream in streams)
