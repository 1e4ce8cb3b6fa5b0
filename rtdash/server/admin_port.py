"""The port of its own for health and metrics: three paths, and no WebSocket."""

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from rtdash.server.http.protocol import HttpProtocol
from rtdash.server.rest.routers.about import ADMIN_SCOPE

ADMIN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


class AdminApp:
    """ASGI application of the port: it passes ADMIN_PATHS on to the app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; 404 for other paths."""
        if scope["path"] in ADMIN_PATHS:
            await self._app({**scope, ADMIN_SCOPE: True}, receive, send)
        else:
            paths = ", ".join(sorted(ADMIN_PATHS))
            answer = PlainTextResponse(f"this port has {paths}, and nothing else\n", 404)
            await answer(scope, receive, send)


class AdminProtocol(HttpProtocol):
    """HTTP protocol of the port."""

    def upgrade(self, early: bytes) -> None:
        """Refuse the handshake."""
        del early
        self.send_400_response("this port has no WebSocket")
