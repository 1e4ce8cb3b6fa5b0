"""Error codes and close codes of the socket, and what a client does about each close."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum


class ErrorCode(StrEnum):
    """`code` of an error message (guide: protocol, "Errors")."""

    BAD_JSON = "bad_json"
    BAD_REQUEST = "bad_request"
    UNKNOWN_ACTION = "unknown_action"
    UNKNOWN_CHANNEL = "unknown_channel"
    FORBIDDEN = "forbidden"
    UNAUTHENTICATED = "unauthenticated"
    SESSION_UNKNOWN = "session_unknown"
    RATE_LIMITED = "rate_limited"
    TOO_MANY_CHANNELS = "too_many_channels"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"

    @property
    def temporary(self) -> bool:
        """Whether the same message may succeed later."""
        return self in {ErrorCode.RATE_LIMITED, ErrorCode.UNAVAILABLE, ErrorCode.INTERNAL}


class CloseCode(IntEnum):
    """Why a connection ends (RFC 6455 section 7.4, and our own from 4000)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    INVALID_DATA = 1007
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    RESTART = 1012
    SLOW_CONSUMER = 4001
    NO_PONG = 4002
    IDLE = 4003
    RATE_LIMITED = 4004
    TOKEN_EXPIRED = 4005
    OVERLOADED = 4006
    TOO_MANY_CONNECTIONS = 4007
    UNAUTHENTICATED = 4500
    FORBIDDEN = 4501
    PROTOCOL_VIOLATION = 4502
    REVOKED = 4504
    SESSION_TAKEN_OVER = 4505


RETRY_AFTER_MS: Mapping[int, int] = {
    CloseCode.RATE_LIMITED: 5_000,
    CloseCode.OVERLOADED: 5_000,
    CloseCode.TOO_MANY_CONNECTIONS: 15_000,
}
"""How long a client stays away after these, where the server has no better word. Rates: longer than
a bucket takes to fill, so that nothing
is won by coming back with a new one. Places: as long as those of a process that died are still
counted. The others may come at once.
"""


def may_reconnect(code: int) -> bool:
    """Whether a client comes back after a close with that code: all but 4500 to 4999 and 1009."""
    return not (4500 <= code <= 4999 or code == CloseCode.TOO_BIG)
