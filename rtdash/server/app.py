"""The server's app: routes over the parts that live as long as it runs. Nothing is opened before
the app starts.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route, WebSocketRoute

from rtdash.domain.instants import Clock, utc_now
from rtdash.server.composition import open_parts
from rtdash.server.http.protocol import HttpEdge
from rtdash.server.metrics.workers import WorkerMetrics
from rtdash.server.rest import problems
from rtdash.server.rest.fast_path import FastPath
from rtdash.server.rest.metrics_middleware import MetricsMiddleware
from rtdash.server.rest.routers import (
    about,
    admin,
    changes,
    channels,
    dashboard,
    login,
    movements,
    operations,
    reports,
    reservations,
    user,
    venues,
)
from rtdash.server.rest.upcoming_lists import UpcomingLists
from rtdash.server.services import Services
from rtdash.server.web import web_routes
from rtdash.server.ws.admission import wrong_path
from rtdash.settings import Settings

_EXPOSED = ("ETag", "Location", "Retry-After")
_ALLOWED = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match")


def create_app(
    settings: Settings, *, clock: Clock = utc_now, worker_metrics: WorkerMetrics | None = None
) -> FastAPI:
    """Build the app of one server process. `app.state.services` holds what lives as long as it runs,
    and the lifespan's state gives `HttpProtocol` its share.

    Starting it raises what `open_parts` raises.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with open_parts(settings, clock, worker_metrics) as services:
            app.state.services = services
            app.state.upcoming_lists = UpcomingLists(
                services.database, services.dashboard, services.clock
            )
            yield {"http_edge": _http_edge(services)}

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
        },  # it would hand URLs, and with them tokens, to whoever collects it
    )
    routers = [
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
            channels,
            admin,
            about,
        )
    ]
    for router in routers:
        app.include_router(router)
    problems.install(
        app, [route for router in routers for route in router.routes if isinstance(route, Route)]
    )
    app.router.routes.extend(web_routes(settings.frame_ancestors))
    app.router.routes.append(WebSocketRoute("/{path:path}", wrong_path))
    if origins := [
        origin.strip() for origin in settings.allowed_origins.split(",") if origin.strip()
    ]:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PATCH"],
            allow_headers=_ALLOWED,
            expose_headers=_EXPOSED,
        )
    app.add_middleware(MetricsMiddleware)
    return app


def _http_edge(services: Services) -> HttpEdge:
    manager = services.connection_manager
    return HttpEdge(
        services.settings.limits,
        services.metrics.limit_refusals,
        services.idle_connections,
        manager.fast_handshake if services.settings.lane == "fast" else None,
    )
