"""The reads that every polling dashboard repeats, figures and first pages, answered from bytes at
hand before any routing; the way to hot writes and to the socket.

Only usual questions of known tokens are answered here; everything else, refusals too, goes on to
the routes, which are the truth.
"""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from rtdash.dashboard import Snapshot
from rtdash.domain.reservations import Status
from rtdash.domain.venues import business_date
from rtdash.protocol.etags import is_listed
from rtdash.server.auth.bearer import parse_bearer
from rtdash.server.auth.tokens import Principal, TokenRefused, token_digest
from rtdash.server.rest.access import choose_venue
from rtdash.server.rest.adapting import as_get, without_prefix
from rtdash.server.rest.fast_writes import WRITES, respond, write_at_once
from rtdash.server.rest.kept_pages import KeptPage, PageKey
from rtdash.server.rest.paging import DEFAULT_LIMIT, MAX_LIMIT
from rtdash.server.rest.problems import Problem
from rtdash.server.rest.responses import CACHE_CONTROL, JSON, answer
from rtdash.server.rest.routers.dashboard import (
    DEFAULT_WITHIN_MINUTES,
    MAX_WITHIN_MINUTES,
    STATS_PATH,
    TODAY_PATH,
    UPCOMING_PATH,
)
from rtdash.server.rest.routers.reservations import PATHS
from rtdash.server.rest.upcoming_lists import KeptList, ListKey
from rtdash.server.services import Services
from rtdash.server.ws.connection_manager import websocket_endpoint

SOCKET_PATH = "/ws"
MAX_QUESTIONS = 10_000
"""Questions remembered, each of one token; all are forgotten together when there are more."""
LONGEST_QUERY_BYTES = 256
"""Longest query that is remembered: a longer one only repeats itself, and would fill the memory."""

_CACHE_CONTROL = (b"cache-control", CACHE_CONTROL.encode())
_CONTENT_TYPE = (b"content-type", JSON.encode())


_KINDS = {path: kind for kind, path in PATHS.items()}
_READS = frozenset({STATS_PATH, UPCOMING_PATH, TODAY_PATH, *_KINDS})

_Found = Snapshot | KeptList | KeptPage


@dataclass(frozen=True, slots=True)
class _Question:
    """Question of a token with a path and a query: `key` is None for the figures. With `is_today`
    its date is that of the moment.
    """

    venue_id: str
    key: ListKey | PageKey | None
    is_today: bool = False


class FastPath(FastAPI):
    """The app, with a short way in front of its routes. A subclass, because what FastAPI wraps
    around them costs more than the answer.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._questions: dict[tuple[str, bytes, bytes], _Question] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at once, or pass it on."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope, send = as_get(scope, send)
        if scope.get("root_path"):
            scope = without_prefix(scope)
        if (
            scope["type"] == "http"
            and scope["path"] in _READS
            and scope["method"] == "GET"
            and await self._read(scope, receive, send)
        ):
            return
        if scope["type"] == "websocket" and scope["path"] == SOCKET_PATH:
            scope["app"] = self
            await websocket_endpoint(WebSocket(scope, receive, send))
            return
        if (
            scope["type"] == "http"
            and scope["path"] in WRITES
            and await write_at_once(self.state.services, scope, receive, send)
        ):
            return
        await super().__call__(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer a read. False when it is for its route."""
        start = time.perf_counter()
        services: Services = self.state.services
        token, if_none_match = _read_headers(scope)
        found = None if token is None else self._find(services, scope, token)
        if found is None:
            return False
        if isinstance(found, PageKey):
            request = Request(scope, receive)
            await respond(services, request, send, partial(self._read_page, request, found))
            return True
        status = await _send(send, found.body, found.etag, if_none_match)
        services.metrics.count_request("GET", scope["path"], status, time.perf_counter() - start)
        return True

    async def _read_page(self, request: Request, key: PageKey) -> Response:
        venue = self.state.services.venues[key.venue_id]
        page = await self.state.kept_pages.first_page(key, venue)
        return answer(request, page.body, etag=page.etag)

    def _find(self, services: Services, scope: Scope, token: str) -> _Found | PageKey | None:
        """Return the answer, if token, venue, bytes and rate are all at hand; where a page is not,
        its key.
        """
        digest = token_digest(token)
        try:
            caller = services.verifier.recall(digest)
            question = self._question(services, scope, caller, digest)
        except (TokenRefused, Problem, LookupError, ValueError):
            return None
        found: _Found | PageKey | None
        if isinstance(question.key, PageKey):
            found = self._find_page(services, question.key, is_today=question.is_today)
        else:
            at_least = services.read_your_writes.last_write(caller.sub, question.venue_id)
            found = (
                services.dashboard.fresh(question.venue_id, at_least)
                if question.key is None
                else self.state.upcoming_lists.fresh(question.key, at_least)
            )
        return None if found is None or services.limits.take(caller.sub) else found

    def _find_page(self, services: Services, key: PageKey, *, is_today: bool) -> KeptPage | PageKey:
        venue = services.venues[key.venue_id]
        if is_today:
            key = key._replace(on_date=business_date(venue, services.clock()))
        page: KeptPage | None = self.state.kept_pages.at_hand(key, venue)
        return key if page is None else page

    def _question(
        self, services: Services, scope: Scope, caller: Principal, digest: bytes
    ) -> _Question:
        """Return the question, read once for each token. Raises Problem for what the token does not
        allow, LookupError for the unusual.
        """
        place = (scope["path"], scope["query_string"], digest)
        question = self._questions.get(place)
        if question is None:
            if len(scope["query_string"]) > LONGEST_QUERY_BYTES:
                raise LookupError("the route judges what it is")
            if len(self._questions) >= MAX_QUESTIONS:
                self._questions.clear()
            question = self._questions[place] = _read_question(services, scope, caller)
        return question


def _read_headers(scope: Scope) -> tuple[str | None, bytes | None]:
    """Return the token and If-None-Match, in one pass; no token when it stands twice, or when a
    browser wants CORS headers in the answer.
    """
    token = if_none_match = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            if token is not None:
                return None, None
            token = parse_bearer(value.decode("latin-1"))
        elif name == b"if-none-match":
            if_none_match = value
        elif name == b"origin":
            return None, None
    return token, if_none_match


async def _send(send: Send, body: bytes, etag: str, if_none_match: bytes | None) -> int:
    if if_none_match is not None and is_listed(if_none_match.decode("latin-1"), etag):
        status, body, headers = 304, b"", [(b"etag", etag.encode()), _CACHE_CONTROL]
    else:
        status, headers = (
            200,
            [
                _CONTENT_TYPE,
                (b"content-length", b"%d" % len(body)),
                (b"etag", etag.encode()),
                _CACHE_CONTROL,
            ],
        )
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    return status


def _read_question(services: Services, scope: Scope, caller: Principal) -> _Question:
    path = scope["path"]
    asked = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    venue = choose_venue(services.venues, caller, asked.pop("venue", None), kind=_KINDS.get(path))
    key: ListKey | PageKey | None = None
    if path != STATS_PATH:
        limit = _whole(asked.pop("limit", str(DEFAULT_LIMIT)), MAX_LIMIT)
        if path == UPCOMING_PATH:
            within = asked.pop("withinMinutes", str(DEFAULT_WITHIN_MINUTES))
            key = ListKey(venue.id, _whole(within, MAX_WITHIN_MINUTES), limit)
        else:
            status = asked.pop("status", None) if path in _KINDS else None
            key = PageKey(venue.id, limit, None if status is None else Status(status))
    if asked:
        raise LookupError("the route judges what it is")
    return _Question(venue.id, key, is_today=path == TODAY_PATH)


def _whole(text: str, most: int) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= most:
        raise LookupError("the route judges what it is")
    return int(text)
