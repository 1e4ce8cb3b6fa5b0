"""Handler of one client's actions. From the position that an answer names to the joining of its
stream nothing is awaited, and what the answer promises is stored before it is sent.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import assert_never

from rtdash.protocol import answers
from rtdash.protocol.actions import (
    Action,
    ActionRefused,
    Authenticate,
    Id,
    Ping,
    Resume,
    Subscribe,
    Unsubscribe,
)
from rtdash.protocol.channels import Stream
from rtdash.protocol.codes import CloseCode, ErrorCode
from rtdash.protocol.server_session import ErrorReply
from rtdash.server.auth.absent_venues import absence
from rtdash.server.auth.tokens import TokenRefused
from rtdash.server.ws import channel_rights
from rtdash.server.ws.action_queue import Item, ResaveSession
from rtdash.server.ws.bound_session import BoundSession, SessionMoved, SessionTaken
from rtdash.server.ws.connection_session import ConnectionSession
from rtdash.server.ws.session_registry import TAKEN_OVER
from rtdash.server.ws.subscribe import PendingSubscribe
from rtdash.store.database import StoreUnavailable

UNSUBSCRIBE_PATIENCE_S = 2.0
"""Wait for a store that hangs: until an unsubscribe is answered its events still come."""

_log = logging.getLogger(__name__)


class ActionHandler(ConnectionSession):
    """Handler of the actions of one connection."""

    __slots__ = ()

    async def handle(self, item: Item, came_at: datetime) -> None:
        """Do what was asked for at `came_at`, and answer. Never raises: what can't be done is
        answered with an error.
        """
        if isinstance(item, ErrorReply):
            self._connection.reply(item)
            return
        try:
            await self._do(item, came_at)
        except ActionRefused as refused:
            self._refuse(item, refused)
        except SessionTaken:  # ends as it would have if the other one had come a moment later
            self._connection.close(CloseCode.SESSION_TAKEN_OVER, TAKEN_OVER)
        except StoreUnavailable as fault:
            retry_after_ms = int(fault.retry_after_s * 1000)
            message = "the store can't take or give this at the moment: send it again later"
            self._refuse(
                item, ActionRefused(ErrorCode.UNAVAILABLE, message, retry_after_ms=retry_after_ms)
            )
        except Exception:  # noqa: BLE001
            # the outermost loop of a connection's task: one bad action must not end the others
            _log.exception(
                "an action failed", extra=self._connection.facts(action=type(item).__name__.lower())
            )
            self._refuse(
                item,
                ActionRefused(
                    ErrorCode.INTERNAL,
                    "the server made a mistake, which is in its log: try again, or inform its"
                    " operator",
                ),
            )
        self._subscriptions.begin_replays()  # behind the answer

    async def _do(self, item: Action | ResaveSession, came_at: datetime) -> None:
        match item:
            case Ping():
                self._connection.send((answers.pong(self._context.clock(), id=item.id),))
            case Subscribe():
                await self._subscribe(item)
            case Unsubscribe():
                await self._unsubscribe(item)
            case Resume():
                await self._resume(item, came_at)
            case Authenticate():
                await self._authenticate(item)
            case ResaveSession():
                with suppress(StoreUnavailable):  # the next beat tries again
                    if self.session is not None:
                        await self._context.sessions.writer.save(
                            self.session, list(self._subscriptions), {}
                        )
            case _:
                assert_never(item)

    async def _subscribe(self, action: Subscribe) -> None:
        streams = channel_rights.resolve(
            self.principal, self._context.venues, action.channels, action.venue
        )
        self._check_number(streams.values())
        session = self.session or self._context.sessions.new(self.principal.sub)
        wanted = {stream: action.positions.get(channel) for channel, stream in streams.items()}
        entry = await self._open(wanted, session)
        self._hold(session)
        if action.batch_ms:
            self._connection.send_queue.ask_for_batches(action.batch_ms)
        entry.commit()
        self._connection.follows_anything(bool(self._subscriptions))
        answer = answers.subscribed(entry.covered(action.channels, streams), id=action.id)
        self._connection.send((answer, *entry.following()))  # in one write

    async def _unsubscribe(self, action: Unsubscribe) -> None:
        streams = set(
            channel_rights.resolve(
                self.principal, self._context.venues, action.channels, action.venue
            ).values()
        )
        kept = [stream for stream in self._subscriptions if stream not in streams]
        if self.session is not None and (
            len(kept) < len(self._subscriptions) or not self.session.is_settled
        ):
            # What isn't followed any more needs no store: the next beat writes the row again.
            with suppress(StoreUnavailable, TimeoutError):
                async with asyncio.timeout(UNSUBSCRIBE_PATIENCE_S):
                    await self._context.sessions.writer.save(self.session, kept, {})
            self.session.streams = tuple(kept)
        for stream in streams:
            self._subscriptions.drop(stream)
        self._connection.follows_anything(bool(kept))
        self._connection.send((answers.unsubscribed(action.channels, id=action.id),))

    async def _resume(self, action: Resume, came_at: datetime) -> None:
        held = self.session
        if held is None or held.id != action.session:
            writer = self._context.sessions.writer
            known = writer.returning(action.session, self.principal.sub, came_at)
            with suppress(SessionMoved):
                if known is not None:
                    await self._go_on_with(action, known, known.streams)
                    return
        await self._go_on_with(action, *(await self._take_over(action.session, came_at)))

    async def _go_on_with(
        self, action: Resume, session: BoundSession, streams: Sequence[Stream]
    ) -> None:
        """Follow what the session follows, as far as the token allows it, and answer."""
        context = self._context
        if (
            self.session is not None
        ):  # what is followed here already becomes a part of it, from where that is confirmed
            session.confirmed = {**self.session.confirmed, **session.confirmed}
        allowed = [
            stream
            for stream in streams
            if stream.venue in context.venues and channel_rights.may_follow(self.principal, stream)
        ]
        self._check_number(allowed)
        wanted = {
            stream: (
                action.positions.get(stream.venue, {}).get(stream.channel)
                or session.confirmed.get(stream)
            )
            for stream in allowed
        }
        entry = await self._open(wanted, session)
        self._hold(session)
        entry.commit()
        self._connection.follows_anything(bool(self._subscriptions))
        self._answer_resumed(entry, allowed, action.id)
        for stream in streams:
            if stream not in allowed:
                self._connection.send((answers.subscription_ended(stream, action="resume"),))

    async def _take_over(
        self, session_id: str, asked_at: datetime
    ) -> tuple[BoundSession, Sequence[Stream]]:
        """The session, ours from now on, and what it follows. Its older connection in this process
        is closed.
        """
        sessions = self._context.sessions
        if self.session is not None and self.session.id == session_id:
            return self.session, tuple(self._subscriptions)
        taken = await sessions.writer.take_over(session_id, self.principal.sub, asked_at)
        if taken is None:
            raise ActionRefused(
                ErrorCode.SESSION_UNKNOWN,
                "there is no such session of this user, or it has expired: subscribe anew",
            )
        older = sessions.holder(session_id)
        if older is not None:
            older.close(CloseCode.SESSION_TAKEN_OVER, TAKEN_OVER)
        return taken

    # the field's name on the wire
    def _answer_resumed(self, entry: PendingSubscribe, streams: list[Stream], id: Id) -> None:  # noqa: A002
        """One answer a venue, and only then what follows them, so that no answer waits behind a
        replay.
        """
        venues = dict.fromkeys(stream.venue for stream in streams)
        for venue in venues or (None,):
            of_venue = {stream.channel: stream for stream in streams if stream.venue == venue}
            self._connection.send(
                (answers.resumed(venue, entry.covered(tuple(of_venue), of_venue), id=id),)
            )
        self._connection.send(entry.following())

    async def _authenticate(self, action: Authenticate) -> None:
        try:
            principal = await self._context.verifier.authenticate(action.token)
        except TokenRefused as refused:
            raise ActionRefused(ErrorCode.UNAUTHENTICATED, refused.reason) from None
        if principal.sub != self.principal.sub:
            raise ActionRefused(
                ErrorCode.FORBIDDEN,
                "that token is another user's: open a connection of its own for it",
            )
        self.principal = principal
        self._connection.token_lives(principal)
        self._connection.send((answers.authenticated(principal.expires_at, id=action.id),))
        for stream in self._subscriptions:
            if not channel_rights.may_follow(principal, stream):
                self._subscriptions.drop(stream)
                self._connection.send((answers.subscription_ended(stream, action="authenticate"),))
                if self.session is not None:
                    self.session.is_settled = False  # its row still follows the stream
                    self.session.streams = tuple(self._subscriptions)
        self._connection.follows_anything(bool(self._subscriptions))
        if not channel_rights.may_follow_anything(principal, self._context.venues):
            self._connection.close(
                CloseCode.FORBIDDEN,
                absence(self._context.venues, principal)
                or "the token allows nothing here: come back with another one",
            )

    def _refuse(self, item: Action | ResaveSession, refused: ActionRefused) -> None:
        refused.action = type(item).__name__.lower()
        refused.id = item.id
        self._connection.refuse(refused)
