"""The two reads that every polling dashboard repeats, answered from bytes at hand before any routing.

Only what can be answered at once is answered here; everything else, refusals too, goes on to the routes, which are the truth.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from rtdash.dashboard import Snapshot
from rtdash.server.access import choose_venue
from rtdash.server.answers import CACHE_CONTROL, JSON, is_known
from rtdash.server.auth import TokenRefused
from rtdash.server.paging import DEFAULT_LIMIT, MAX_LIMIT
from rtdash.server.parts import Parts
from rtdash.server.problems import Problem
from rtdash.server.routers.dashboard import DEFAULT_WITHIN_MINUTES, MAX_WITHIN_MINUTES, STATS_PATH, UPCOMING_PATH
from rtdash.server.upcoming_lists import KeptList, ListKey

_PATHS = frozenset({STATS_PATH, UPCOMING_PATH})
_BEARER = b"bearer "


class HotReads:
    """Middleware in front of the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass it on."""
        found = None
        if scope["type"] == "http" and scope["path"] in _PATHS and scope["method"] == "GET":
            headers = dict(scope["headers"])
            found = _find(scope["app"].state.parts, scope["path"], scope["query_string"], headers)
        if found is None:
            await self._app(scope, receive, send)
            return
        body, etag = found
        common = [(b"etag", etag.encode()), (b"cache-control", CACHE_CONTROL.encode()), (b"vary", b"Authorization")]
        if (known := headers.get(b"if-none-match")) and is_known(known.decode("latin-1"), etag):
            await send({"type": "http.response.start", "status": 304, "headers": common})
            await send({"type": "http.response.body"})
            return
        own = [(b"content-type", JSON.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": [*own, *common]})
        await send({"type": "http.response.body", "body": body})


def _find(parts: Parts, path: str, query: bytes, headers: Mapping[bytes, bytes]) -> tuple[bytes, str] | None:
    """Body and ETag, if token, rate, venue and bytes are all at hand."""
    authorization = headers.get(b"authorization", b"")
    if authorization[:7].lower() != _BEARER or b"origin" in headers:
        return None
    try:
        caller = parts.verifier.recall(authorization[7:].decode("latin-1"))
        asked = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)) if query else {}
        venue = choose_venue(parts.venues, caller, asked.pop("venue", None))
    except (TokenRefused, Problem, LookupError):
        return None
    at_least = parts.own_writes.mark(caller.sub, venue.id)
    found: Snapshot | KeptList | None = None
    if path == UPCOMING_PATH and (key := _list_key(venue.id, asked)):
        found = parts.upcoming_lists.fresh(key, at_least)
    elif path == STATS_PATH and not asked:
        found = parts.dashboard.fresh(venue.id, at_least)
    if found is None or parts.limits.take(caller.sub):
        return None
    return found.body, found.etag


def _list_key(venue_id: str, asked: dict[str, str]) -> ListKey | None:
    """The list that the query means; None for anything out of the ordinary, which the route judges."""
    within, limit = asked.pop("withinMinutes", str(DEFAULT_WITHIN_MINUTES)), asked.pop("limit", str(DEFAULT_LIMIT))
    if asked or not (within.isdecimal() and limit.isdecimal()):
        return None
    key = ListKey(venue_id, int(within), int(limit))
    return key if 1 <= key.within_minutes <= MAX_WITHIN_MINUTES and 1 <= key.limit <= MAX_LIMIT else None
