"""Session of one connection: what it follows, what has surely arrived, and the row that says so."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from rtdash.protocol.actions import (
    ActionRefused,
)
from rtdash.protocol.channels import Position, Stream
from rtdash.protocol.codes import CloseCode, ErrorCode
from rtdash.protocol.messages import encode, reset_message
from rtdash.protocol.server_session import ErrorReply
from rtdash.server.auth.tokens import Principal
from rtdash.server.ws.bound_session import BoundSession, SessionMoved
from rtdash.server.ws.connection_context import ConnectionContext, Peer
from rtdash.server.ws.send_queue import SendQueue
from rtdash.server.ws.session_registry import TAKEN_OVER
from rtdash.server.ws.subscribe import PendingSubscribe
from rtdash.server.ws.subscriptions import Subscriptions

_log = logging.getLogger(__name__)


class ReplySender(Peer, Protocol):
    """The connection that a conversation speaks through."""

    send_queue: SendQueue

    def send(self, bodies: Sequence[bytes]) -> None:
        """Answers and what belongs to them."""

    def reply(self, reply: ErrorReply) -> None:
        """Send an error."""

    def refuse(self, refused: ActionRefused) -> None:
        """Answer an action that is not carried out."""

    def facts(self, **more: Any) -> dict[str, Mapping[str, Any]]:
        """Facts by which a line of the log names the connection."""

    def follows_anything(self, anything: bool) -> None:
        """Whether the connection follows something."""

    def token_lives(self, principal: Principal) -> None:
        """The token with which it goes on."""

    def fault(self) -> None:
        """End the connection: its handling has raised."""


class ConnectionSession:
    """Principal, session and subscriptions of a connection, and what of them is confirmed."""

    __slots__ = (
        "_connection",
        "_context",
        "_marked_close",
        "_subscriptions",
        "principal",
        "session",
    )

    def __init__(
        self, connection: ReplySender, context: ConnectionContext, principal: Principal
    ) -> None:
        self._connection = connection
        self._context = context
        self._subscriptions = Subscriptions(
            context, connection.send_queue, connection, connection.fault
        )
        self.principal = principal
        self.session: BoundSession | None = None
        self._marked_close: tuple[Mapping[Stream, int], str] | None = None

    def leave(self) -> None:
        """Follow nothing any more."""
        for stream in self._subscriptions:
            self._subscriptions.drop(stream)

    def detach(self) -> None:
        """The connection has ended; its session waits for another."""
        if self.session is not None:
            self._context.sessions.detach(self.session, self._connection)

    def make_checkpoint(self) -> int:
        """Return the number of a mark for all that was handed over up to now."""
        return self._subscriptions.make_checkpoint()

    def confirm(self, number: int) -> None:
        """The client has answered a mark."""
        if self.session is not None:
            self._context.sessions.writer.confirm(
                self.session, self._subscriptions.arrived(number), self._context.relay.epoch
            )

    def mark_close(self) -> None:
        """Remember what was handed over before a Close of ours; call it before `leave`."""
        self._marked_close = (
            self._subscriptions.arrived(self._subscriptions.make_checkpoint()),
            self._context.relay.epoch,
        )

    def confirm_close(self) -> None:
        """The client has answered that Close."""
        if self.session is not None and self._marked_close is not None:
            self._context.sessions.writer.confirm(self.session, *self._marked_close)

    def announce_reset(self, stream: Stream, reason: str) -> None:
        """The history of a held stream is gone; its members stand at the head already."""
        if stream in self._subscriptions:
            message = reset_message(
                stream.channel,
                stream.venue,
                position=self._subscriptions.join(stream),
                reason=reason,
                timestamp=self._context.clock(),
            )
            self._connection.send((encode(message),))

    async def _open(
        self, wanted: Mapping[Stream, Position | None], session: BoundSession
    ) -> PendingSubscribe:
        """Everything that must be waited for before streams are entered; when it fails, nothing has
        changed.
        """
        entry = PendingSubscribe(self._context, self._subscriptions, session)
        try:
            await entry.prepare(wanted)
            if entry.is_change or session is not self.session or not session.is_settled:
                writer = self._context.sessions.writer
                store = writer.retake if session.is_returning else writer.save
                streams = dict.fromkeys([*self._subscriptions, *wanted])
                await store(session, streams, entry.baseline())
            self._context.sessions.check_newest(session)
        except BaseException as failure:
            entry.rollback()
            if session is not self.session and not isinstance(failure, SessionMoved):
                self._context.sessions.release(session)
            raise
        return entry

    def _hold(self, session: BoundSession) -> None:
        if self.session is not None and self.session.id != session.id:
            self.detach()
        older = self._context.sessions.bind(session, self._connection)
        self.session = session
        if older is not None:
            older.close(CloseCode.SESSION_TAKEN_OVER, TAKEN_OVER)

    def _check_number(self, streams: Iterable[Stream]) -> None:
        limit = self._context.limits.channels_per_connection
        number = len({*self._subscriptions, *streams})
        if (
            limit
            and number > limit
            and self._context.connection_limits.refuses("channels_per_connection")
        ):
            message = (
                f"that would be {number} channels on one connection, and {limit} are allowed:"
                " unsubscribe some, or open another connection"
            )
            raise ActionRefused(ErrorCode.TOO_MANY_CHANNELS, message)
