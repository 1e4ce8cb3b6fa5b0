"""Content of a WebSocket handshake: address, origin, token; and the refusals that come before
anything is accepted.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from starlette.responses import PlainTextResponse, Response

from rtdash.server.auth.bearer import parse_bearer

SUBPROTOCOL = "rtdash.v1"
MAX_FIELDS = 100
_PLAIN_QUERY = re.compile(rb"[a-z]+=[A-Za-z0-9._~-]*(&[a-z]+=[A-Za-z0-9._~-]*){0,3}")
_BEARER_SUBPROTOCOL = "bearer."
_SECRETS = {"token", "session"}


@dataclass(frozen=True, slots=True)
class Handshake:
    """A request for a connection. `token` and `session` are None where there is none."""

    address: str
    origin: str | None
    host: str
    is_secure: bool
    token: str | None = field(repr=False)
    session: str | None = field(repr=False)
    subprotocol: str | None

    @classmethod
    def parse(
        cls, fields: Mapping[str, str], query: Mapping[str, str], *, address: str, is_secure: bool
    ) -> "Handshake":
        """Parse a head's fields, by their names in lower case; several offers of subprotocols stand
        in one, with commas.
        """
        offered = [name.strip() for name in fields.get("sec-websocket-protocol", "").split(",")]
        return cls(
            address=address,
            origin=fields.get("origin"),
            host=fields.get("host", ""),
            is_secure=is_secure,
            token=parse_bearer(fields.get("authorization", ""))
            or _subprotocol_token(offered)
            or query.get("token")
            or None,
            session=query.get("session") or None,
            subprotocol=_chosen(offered),
        )


def parse_query(text: bytes) -> list[tuple[str, str]]:
    """Return names and values; none of a query that has too many of them to be meant."""
    if _PLAIN_QUERY.fullmatch(text):  # nearly all of them have nothing to decode
        pairs = (pair.partition("=") for pair in text.decode("ascii").split("&"))
        return [(name, value) for name, _, value in pairs]
    try:
        return parse_qsl(text.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return []


def without_secrets(query: Iterable[tuple[str, str]]) -> bytes:
    """Return the query as it may be logged."""
    return urlencode([pair for pair in query if pair[0] not in _SECRETS]).encode()


def wrong_origin() -> Response:
    """403: a page of a foreign site."""
    return PlainTextResponse(
        "this page's Origin is not allowed: add it to RTDASH_ALLOWED_ORIGINS on the server\n", 403
    )


def wrong_path() -> Response:
    """404: the socket is elsewhere."""
    return PlainTextResponse("there is no socket at this path: connect to /ws\n", 404)


def unreadable() -> Response:
    """400: its head is not one of a handshake, or out of bounds."""
    return PlainTextResponse(
        "This handshake can't be read: send GET, a URL in ASCII, and no body.\n", 400
    )


def wrong_version() -> Response:
    """426: another version of the protocol, with the one that is spoken (RFC 6455 section 4.4)."""
    return PlainTextResponse(
        "this server speaks version 13 of the WebSocket protocol (RFC 6455)\n",
        426,
        {"Sec-WebSocket-Version": "13", "Upgrade": "websocket"},
    )


def failed() -> Response:
    """500: ours is the fault."""
    return PlainTextResponse("the server made a mistake, which is in its log: try again\n", 500)


def full(retry_after_s: float) -> Response:
    """503: come back later."""
    text = "the server takes no more connections at the moment: come back later\n"
    return PlainTextResponse(text, 503, {"Retry-After": str(max(1, int(retry_after_s + 0.999)))})


def _chosen(offered: Collection[str]) -> str | None:
    """The subprotocol of the answer. A browser that offers some gives up where none of them is
    chosen (WHATWG, WebSockets), so that one with its token gets it back.
    """
    if SUBPROTOCOL in offered:
        return SUBPROTOCOL
    return next(
        (
            name
            for name in offered
            if name.startswith(_BEARER_SUBPROTOCOL) and name.isascii() and name.isprintable()
        ),
        None,
    )


def _subprotocol_token(offered: Collection[str]) -> str | None:
    return next(
        (
            name.removeprefix(_BEARER_SUBPROTOCOL)
            for name in offered
            if name.startswith(_BEARER_SUBPROTOCOL)
        ),
        None,
    )
