"""Text frames of clients become actions, or a refusal that says how to mend them (guide: protocol,
"Actions").
"""

from math import isfinite
from typing import Any

from rtdash.protocol.actions import (
    ACTIONS,
    MAX_BATCH_MS,
    MAX_NAME,
    MAX_SEQ,
    Action,
    ActionRefused,
    Authenticate,
    Id,
    Ping,
    Positions,
    Resume,
    Subscribe,
    Unsubscribe,
)
from rtdash.protocol.channels import CHANNELS, Channel, Position
from rtdash.protocol.codes import ErrorCode
from rtdash.protocol.messages import Message, decode, encode


def parse_action(text: str) -> Action:
    """Return the action that a text frame asks for; unknown fields are ignored. Raises
    ActionRefused.
    """
    body = _decode(text)
    reader = _FieldReader(body)
    match reader.action():
        case "subscribe":
            channels = reader.channels()
            return Subscribe(
                reader.id,
                channels,
                reader.name("venue"),
                reader.positions("positions", body.get("positions")),
                reader.batch(),
            )
        case "unsubscribe":
            return Unsubscribe(reader.id, reader.channels(), reader.name("venue"))
        case "resume":
            return Resume(
                reader.id, reader.required("session", MAX_NAME), reader.positions_by_venue()
            )
        case "authenticate":
            return Authenticate(reader.id, reader.required("token", len(text)))
        case _:
            return Ping(reader.id)


def name_of(text: str) -> tuple[str | None, Id]:
    """Return the action and the id of a frame that is refused unread, as far as they can be known."""
    try:
        reader = _FieldReader(_decode(text))
        return reader.action(), reader.id
    except ActionRefused as refused:
        return refused.action, refused.id


def _decode(text: str) -> Message:
    try:
        body = decode(text)
        if "\\u" in text:
            encode(body)  # an escaped lone surrogate can be read but never be sent back
    except ValueError as fault:
        reason = (
            "an escape that is half a character" if isinstance(fault, UnicodeError) else str(fault)
        )
        raise ActionRefused(
            ErrorCode.BAD_JSON,
            f'send one JSON object a text frame, like {{"action":"ping"}}; this one was: {reason}',
        ) from None
    return body


class _FieldReader:
    """The fields of one message, each checked as it is read."""

    def __init__(self, body: Message) -> None:
        self._body = body
        self.id: Id = None
        self._action: str | None = None

    def action(self) -> str:
        """Return the action; reads `id` on the way, so that every refusal after it carries both."""
        given = self._body.get("id")
        action = self._body.get("action")
        self._action = action[:MAX_NAME] if isinstance(action, str) else None
        if not _is_id(given):
            raise self._bad(f"id is a string of at most {MAX_NAME} characters or a number")
        self.id = given
        if self._action not in ACTIONS:
            said = (
                "there is no action"
                if action is None
                else f"there is no action {str(action)[:40]!r}"
            )
            raise self._refused(
                ErrorCode.UNKNOWN_ACTION, f"{said}: use one of {', '.join(ACTIONS)}"
            )
        return self._action

    def name(self, field_name: str) -> str | None:
        """Return an optional short string."""
        value = self._body.get(field_name)
        if value is None:
            return None
        if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME:
            raise self._bad(f"{field_name} is a string of 1 to {MAX_NAME} characters")
        return value

    def required(self, field_name: str, limit: int) -> str:
        """Return a string that must be there."""
        value = self._body.get(field_name)
        if not isinstance(value, str) or not 0 < len(value) <= limit or "\x00" in value:
            raise self._bad(f"{self._action} needs {field_name}, a string")
        return value

    def channels(self) -> tuple[Channel, ...]:
        """Return the channels as asked, at least one."""
        given = self._body.get("channels")
        if (
            not isinstance(given, list)
            or not given
            or not all(isinstance(name, str) for name in given)
        ):
            raise self._bad(
                f"{self._action} needs channels, a list with at least one name, like"
                ' ["hotel_stats"]'
            )
        unknown = tuple(dict.fromkeys(name[:MAX_NAME] for name in given if name not in CHANNELS))
        if unknown:
            message = (
                f"there is no channel {unknown[0][:40]!r}: the channels are {', '.join(CHANNELS)}"
            )
            raise self._refused(ErrorCode.UNKNOWN_CHANNEL, message, unknown)
        return tuple(CHANNELS[name] for name in given)

    def batch(self) -> int:
        """Return the window in ms; 0 when none is asked for."""
        given = self._body.get("batch")
        if given is None:
            return 0
        if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= MAX_BATCH_MS:
            raise self._bad(f"batch is a whole number of milliseconds from 1 to {MAX_BATCH_MS}")
        return given

    def positions_by_venue(self) -> dict[str, Positions]:
        """Return the `positions` of a resume: {venue: {channel: position}}."""
        given = self._body.get("positions")
        if given is None:
            return {}
        if not isinstance(given, dict):
            raise self._bad(
                'positions is an object {"venue": {"channel": {"epoch": "…", "seq": 0}}}'
            )
        return {
            venue: self.positions(f"positions of {venue[:40]!r}", of_venue)
            for venue, of_venue in given.items()
        }

    def positions(self, where: str, given: Any) -> dict[Channel, Position]:
        """Return {channel: position}; state channels have no history, so theirs are left out."""
        if given is None:
            return {}
        if not isinstance(given, dict):
            raise self._bad(
                f'{where}: an object {{"channel": {{"epoch": "…", "seq": 0}}}} is needed'
            )
        read = {
            self._channel(where, name): self._position(where, position)
            for name, position in given.items()
        }
        return {channel: position for channel, position in read.items() if not channel.is_state}

    def _channel(self, where: str, name: str) -> Channel:
        if name not in CHANNELS:
            message = (
                f"{where}: there is no channel {name[:40]!r}: the channels are"
                f" {', '.join(CHANNELS)}"
            )
            raise self._refused(ErrorCode.UNKNOWN_CHANNEL, message, (name[:MAX_NAME],))
        return CHANNELS[name]

    def _position(self, where: str, given: Any) -> Position:
        match given:
            case {"epoch": str(epoch), "seq": int(seq)} if (
                0 < len(epoch) <= MAX_NAME and not isinstance(seq, bool) and 0 <= seq <= MAX_SEQ
            ):
                return Position(epoch, seq)
            case _:
                raise self._bad(
                    f'{where}: a position is {{"epoch": "…", "seq": 0}}, as an answer or an event'
                    " gave it"
                )

    def _bad(self, message: str) -> ActionRefused:
        return self._refused(ErrorCode.BAD_REQUEST, message)

    def _refused(
        self, code: ErrorCode, message: str, channels: tuple[str, ...] = ()
    ) -> ActionRefused:
        return ActionRefused(code, message, action=self._action, channels=channels, id=self.id)


def _is_id(given: Any) -> bool:
    match given:
        case bool():
            return False
        case str():
            return len(given) <= MAX_NAME
        case float():
            return isfinite(given)
        case _:
            return given is None or isinstance(given, int)
