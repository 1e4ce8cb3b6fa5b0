"""What a WebSocket handshake says: who, from where, with which token; and the refusals that come before anything is accepted."""

from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.responses import PlainTextResponse, Response
from starlette.websockets import WebSocket

SUBPROTOCOL = "rtdash.v1"
MAX_FIELDS = 100
_BEARER_SUBPROTOCOL = "bearer."
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
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
    def take(cls, websocket: WebSocket) -> "Handshake":
        """Read it, and take what is secret out of the URL, which servers like to log."""
        query = _read_query(websocket.scope["query_string"])
        fields = dict(query)
        websocket.scope["query_string"] = urlencode([pair for pair in query if pair[0] not in _SECRETS]).encode()
        offered = websocket.scope.get("subprotocols", [])
        return cls(
            address=websocket.client.host if websocket.client else "",
            origin=websocket.headers.get("origin"),
            host=websocket.headers.get("host", ""),
            is_secure=websocket.url.scheme == "wss",
            token=_header_token(websocket) or _subprotocol_token(offered) or fields.get("token") or None,
            session=fields.get("session") or None,
            subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None,
        )

    def is_from_allowed_origin(self, allowed: Collection[str]) -> bool:
        """Whether the page that asks may: its own server's, an allowed one, or no browser at all (RFC 6454, RFC 6455 section 10.2)."""
        if self.origin is None or "*" in allowed:
            return True
        own = _origin(f"{'https' if self.is_secure else 'http'}://{self.host}")
        return _origin(self.origin) in {own, *map(_origin, allowed)} - {None}


def read_allowed_origins(setting: str) -> frozenset[str]:
    """The setting `allowed_origins`: a list with commas, `*` for all."""
    return frozenset(origin.strip() for origin in setting.split(",") if origin.strip())


def wrong_origin() -> Response:
    """403: a page of a foreign site."""
    return PlainTextResponse("this page's Origin is not allowed: add it to RTDASH_ALLOWED_ORIGINS on the server\n", 403)


def wrong_path() -> Response:
    """404: the socket is elsewhere."""
    return PlainTextResponse("there is no socket at this path: connect to /ws\n", 404)


def full(retry_after_s: float) -> Response:
    """503: come back later."""
    text = "the server takes no more connections at the moment: come back later\n"
    return PlainTextResponse(text, 503, {"Retry-After": str(max(1, int(retry_after_s + 0.999)))})


def _read_query(text: bytes) -> list[tuple[str, str]]:
    """Names and values; none of a query that has too many of them to be meant."""
    try:
        return parse_qsl(text.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return []


def _header_token(websocket: WebSocket) -> str | None:
    scheme, _, token = websocket.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _subprotocol_token(offered: Collection[str]) -> str | None:
    return next((name.removeprefix(_BEARER_SUBPROTOCOL) for name in offered if name.startswith(_BEARER_SUBPROTOCOL)), None)


def _origin(text: str) -> tuple[str, str, int] | None:
    """Scheme, host and port, so that a default port said and unsaid are the same; None where there is none, as in `null`."""
    try:
        parts = urlsplit(text.lower())
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and port else None
