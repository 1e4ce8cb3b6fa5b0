"""Pages of other sites: which may ask, and a line in the log for those that may not."""

import logging
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from rtdash.protocol.origins import Origins, canonical_origin
from rtdash.protocol.rates import TokenBucket, TokenBuckets

LOG_INTERVAL_S = 60.0
"""Between two lines about the same origin."""
LINES_A_MINUTE = 20
"""Lines about refused origins of all names, which anybody may make up."""
LONGEST_ORIGIN = 253 + len("https://") + len(":65535")
"""Characters of an origin that can be meant: a longer one is cut in the log."""

_METHODS = ("GET", "POST", "PATCH")
_EXPOSED = ("ETag", "Location", "Retry-After")
_ALLOWED = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match")

_log = logging.getLogger(__name__)


class OriginPolicy:
    """Judge of origins, for REST and handshakes alike. `monotonic` gives seconds."""

    def __init__(self, origins: Origins, monotonic: Callable[[], float]) -> None:
        self.origins = origins
        self._monotonic = monotonic
        self._lines = TokenBuckets(1 / LOG_INTERVAL_S, 1)
        self._all_lines = TokenBucket(LINES_A_MINUTE / 60, LINES_A_MINUTE, monotonic())

    def allows(self, origin: str, *, own: str | None = None) -> bool:
        """Whether a page of `origin` may ask; `own` is the server's own origin, as the client
        names it. A refusal is logged, at most once a minute for each origin and LINES_A_MINUTE
        times for all.
        """
        if self.origins.allows(origin):
            return True
        name = canonical_origin(origin)
        if own is not None and name is not None and name == canonical_origin(own):
            return True
        shown = (name or origin)[:LONGEST_ORIGIN] or "(an empty field)"
        now = self._monotonic()
        if not self._lines.take(shown, now) and not self._all_lines.take(now):
            _log.warning(
                "a page of the origin %s was refused; RTDASH_ALLOWED_ORIGINS=%s would allow it",
                shown,
                "*" if name is None else shown,
            )
        return False


class Cors(CORSMiddleware):
    """CORS of the REST interface, by the policy. A page of the server's own never asks first, so
    that only a preflight shows a page that was refused.
    """

    def __init__(self, app: ASGIApp, policy: OriginPolicy) -> None:
        super().__init__(
            app,
            allow_origins=["*"] if policy.origins.allows_all else (),
            allow_methods=_METHODS,
            allow_headers=_ALLOWED,
            expose_headers=_EXPOSED,
        )
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Leave answers as they are where no page of another site is allowed."""
        if self._policy.origins != Origins():
            await super().__call__(scope, receive, send)
            return
        is_asking = scope["type"] == "http" and scope["method"] == "OPTIONS"
        # without an origin it is no page's question, but a probe's or a person's
        if is_asking and (origin := Headers(scope=scope).get("origin")):
            self._policy.allows(origin)
        await self.app(scope, receive, send)

    def is_allowed_origin(self, origin: str) -> bool:
        """Whether a page of that origin may read answers."""
        return self._policy.origins.allows(origin)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a browser that asks before it sends."""
        self._policy.allows(request_headers["origin"])
        return super().preflight_response(request_headers)
