"""The common handshake of a WebSocket, read in one step where it is whole in one segment. Pure.

A parser is made for whatever is anything else, or wrong: it knows all of HTTP, and what is not
right. So this has only to be right about the heads that it takes.
"""

import re

from rtdash.server.http.request_head import HEAD_END, check_head

Head = tuple[bytes, list[tuple[bytes, bytes]]]
"""Target and fields, their names in lower case, as a parser gives them."""

LONGEST_BYTES = 8_192
"""Of a head that is matched. The pattern takes 0.7 ms for one of 64 KiB, which the parser reads in
steps."""

_HEAD = re.compile(
    rb"GET (/[\w/.~?&=%+,:@!$'()*;-]*) HTTP/1\.1\r\n((?:[A-Za-z\d-]+: ?[!-~](?:[ -~]*[!-~])?\r\n)+)\r\n",
    re.ASCII,
)
_FRAMED = {b"content-length", b"transfer-encoding", b"expect"}
_UPGRADES = {b"upgrade", b"keep-alive, upgrade"}


def parse_handshake(data: bytes) -> Head | None:
    """Return what the head of a handshake says; None where `data` is not exactly one such head, or
    one with a flaw.
    """
    if len(data) > LONGEST_BYTES or not data.endswith(HEAD_END):
        return None
    found = _HEAD.fullmatch(data)
    if found is None:
        return None
    target, lines = found.groups()
    headers: list[tuple[bytes, bytes]] = []
    for line in lines.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        headers.append((name.lower(), value.strip(b" ")))
    fields = dict(headers)
    if (
        fields.get(b"upgrade", b"").lower() != b"websocket"
        or fields.get(b"connection", b"").lower() not in _UPGRADES
        or not fields.keys().isdisjoint(_FRAMED)
        or check_head(b"GET", "1.1", headers) is not None
    ):
        return None
    return target, headers
