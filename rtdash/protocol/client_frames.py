"""The common frame of a client (RFC 6455 section 5.2), read in one step: a masked text or pong that
is whole, and alone in what has come.

Nearly all that clients of a fleet send is so: one short action, and pongs. What is anything else,
or wrong, is left to the library's parser, which keeps state.
"""

import logging
from collections.abc import Sequence

from websockets.extensions import Extension
from websockets.protocol import OPEN, SERVER, Protocol

TEXT, PONG = 0x81, 0x8A
"""First bytes of a whole text message without extensions, and of a pong."""

_MASKED = 0x80
_LONGEST_SHORT, _EXTENDED = 125, 126
_LOG = logging.getLogger("websockets.server")


def parse_whole(data: bytes, limit_bytes: int) -> tuple[int, bytes] | None:
    """Return the frame's first byte, TEXT or PONG, and its payload. None where `data` is not
    exactly one such frame, or has a payload of more than `limit_bytes` (0: no limit).
    """
    size = len(data)
    if size < 6 or data[0] not in {TEXT, PONG}:
        return None
    length, start = data[1] - _MASKED, 6
    if length == _EXTENDED and data[0] == TEXT and size > 8:
        length, start = data[2] << 8 | data[3], 8
        if length <= _LONGEST_SHORT:
            return None
    elif not 0 <= length <= _LONGEST_SHORT:
        return None
    if size != start + length or 0 < limit_bytes < length:
        return None
    key = (data[start - 4 : start] * (length // 4 + 1))[:length]
    payload = int.from_bytes(data[start:], "big") ^ int.from_bytes(key, "big")
    return data[0], payload.to_bytes(length, "big")


def new_parser(extensions: Sequence[Extension], limit_bytes: int) -> Protocol:
    """Return the library's parser of a client's frames, with messages of at most `limit_bytes` (0:
    any).
    """
    parser = Protocol(SERVER, state=OPEN, max_size=limit_bytes or None, logger=_LOG)
    parser.debug = False  # its debug log has every frame, and with them tokens
    parser.extensions = list(extensions)
    return parser
