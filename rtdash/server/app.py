"""The server's app: routes over the parts that live as long as it runs. Nothing is opened before
the app starts.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.routing import Route, WebSocketRoute

from rtdash.domain.instants import Clock, utc_now
from rtdash.server.composition import open_parts
from rtdash.server.guide_routes import guide_routes
from rtdash.server.http.byte_budget import HEADS_ADDRESS_BYTES, HEADS_TOTAL_BYTES, ByteBudget
from rtdash.server.http.edge import HttpEdge
from rtdash.server.http.origin_policy import Cors, OriginPolicy
from rtdash.server.http.peer_address import TrustedProxies
from rtdash.server.http.unread_answers import (
    UNREAD_ADDRESS_BYTES,
    UNREAD_TOTAL_BYTES,
    UnreadAnswers,
)
from rtdash.server.metrics.worker_metrics import WorkerMetrics
from rtdash.server.rest import problems
from rtdash.server.rest.address_pace import AddressPace
from rtdash.server.rest.fast_path import FastPath
from rtdash.server.rest.hook_sources import HookSources
from rtdash.server.rest.kept_pages import KeptPages
from rtdash.server.rest.metrics_middleware import MetricsMiddleware
from rtdash.server.rest.routers import (
    about,
    admin,
    changes,
    channels,
    dashboard,
    guests,
    hooks,
    login,
    movements,
    operations,
    reports,
    reservations,
    user,
    venues,
    webhooks,
)
from rtdash.server.rest.upcoming_lists import UpcomingLists
from rtdash.server.services import Services
from rtdash.server.web import web_routes
from rtdash.server.ws.admission import deny_wrong_path
from rtdash.server.ws.plain_socket import PlainSocket
from rtdash.settings import Settings

_ROUTERS = [
    module.router
    for module in (
        dashboard,
        reports,
        reservations,
        changes,
        venues,
        movements,
        user,
        login,
        operations,
        hooks,
        channels,
        admin,
        guests,
        webhooks,
        about,
    )
]


def create_app(
    settings: Settings, *, clock: Clock = utc_now, worker_metrics: WorkerMetrics | None = None
) -> FastAPI:
    """Build the app of one server process. `app.state.services` holds what lives as long as it
    runs, and the lifespan's state gives `HttpProtocol` its share.

    Starting it raises what `open_parts` raises.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with open_parts(settings, clock, worker_metrics) as services:
            app.state.services = services
            app.state.hook_sources = HookSources(settings.data / "hooks")
            app.state.upcoming_lists = UpcomingLists(
                services.database, services.dashboard, services.clock
            )
            app.state.kept_pages = KeptPages(services.database, services.dashboard)
            yield {"http_edge": _http_edge(services)}

    app = _new_app(lifespan)
    app.router.routes.extend(web_routes(settings.frame_ancestors))
    app.router.routes.extend(guide_routes(settings.frame_ancestors))
    app.router.routes.append(WebSocketRoute("/{path:path}", deny_wrong_path))
    app.add_middleware(AddressPace, app.state)
    app.add_middleware(Cors, OriginPolicy(settings.origins, time.monotonic))
    app.add_middleware(MetricsMiddleware)
    return app


def _new_app(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[dict[str, Any]]]) -> FastAPI:
    """Return the app with the routes of the REST interface."""
    app = FastPath(
        title="rtdash",
        version=version("rtdash"),
        description=(
            "The real-time backend of hotel and restaurant dashboards. The socket is described in"
            " /asyncapi.json."
        ),
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
        },  # it would hand URLs, and with them tokens, to the collector
    )
    routes = [route for router in _ROUTERS for route in router.routes]
    # not by include_router: FastAPI would build each route a second time, in the first request
    app.router.routes.extend(routes)
    problems.install(app, [route for route in routes if isinstance(route, Route)])
    return app


def _http_edge(services: Services) -> HttpEdge:
    settings, refusals = services.settings, services.metrics.limit_refusals
    is_fast = settings.lane == "fast"
    return HttpEdge(
        settings.limits,
        refusals,
        services.idle_connections,
        ByteBudget(
            total_bytes=HEADS_TOTAL_BYTES,
            owner_bytes=HEADS_ADDRESS_BYTES,
            dry_run=settings.limits.limits_dry_run,
            on_refused=refusals.labels("heads_in_flight_bytes").inc,
        ),
        UnreadAnswers(total_bytes=UNREAD_TOTAL_BYTES, owner_bytes=UNREAD_ADDRESS_BYTES),
        TrustedProxies(settings.trusted_proxies),
        services.connection_manager.fast_handshake.upgrade if is_fast else PlainSocket.upgrade,
        settings.root_path,
    )
