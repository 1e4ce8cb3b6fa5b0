"""Counts and times every HTTP request, by route and status. Plain ASGI: nothing is buffered, and
nothing of the URL is kept.
"""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rtdash.server.services import Services

UNMATCHED = "unmatched"
OTHER = "other"
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "OPTIONS"})


class MetricsMiddleware:
    """Middleware around everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, and count it when its answer begins."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                _count(scope, message["status"], time.perf_counter() - start)
            await send(message)

        await self._app(scope, receive, counting)


def _count(scope: Scope, status: int, took_s: float) -> None:
    """Count by names that a client can't make up, since each is a series of its own."""
    services: Services = scope["app"].state.services
    route = getattr(scope.get("route"), "path", UNMATCHED)
    method = scope["method"] if scope["method"] in METHODS else OTHER
    services.metrics.count_request(method, route, status, took_s)
