"""Endpoints about the server itself: health, metrics, and the descriptions of its two interfaces.
No token is needed.
"""

from hmac import compare_digest

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from rtdash.protocol.messages import encode
from rtdash.server.auth.bearer import find_bearer
from rtdash.server.made_once import made_once
from rtdash.server.metrics.registry import CONTENT_TYPE
from rtdash.server.readiness import list_problems
from rtdash.server.rest import schemas
from rtdash.server.rest.access import PartsDep
from rtdash.server.rest.descriptions import (
    asyncapi_bytes,
    docs_bytes,
    openapi_bytes,
)
from rtdash.server.rest.problems import Problem, unauthenticated
from rtdash.server.rest.reference import POLICY
from rtdash.server.rest.responses import JSON, answer

ADMIN_SCOPE = "rtdash.admin"
"""Key of a request's scope that marks a request to the port for health and metrics."""

router = APIRouter(tags=["about"])


@router.get("/healthz", responses={200: {"model": schemas.Health}})
async def read_health(request: Request) -> Response:
    """Whether the process answers."""
    return answer(request, {"status": "ok", "problems": []})


@router.get("/readyz", responses={200: {"model": schemas.Health}, 503: {"model": schemas.Health}})
async def read_readiness(request: Request, services: PartsDep) -> Response:
    """Whether it can serve: 503 when the store is lost, a task has died or it is ending; `degraded`
    when the broker is lost.
    """
    lost = list_problems(services)
    if lost:
        return Response(
            encode({"status": "unavailable", "problems": lost}), status_code=503, media_type=JSON
        )
    if services.relay.status == "degraded":
        return answer(
            request,
            {
                "status": "degraded",
                "problems": [
                    "the broker can't be reached; the log still delivers, up to a second later"
                ],
            },
        )
    return answer(request, {"status": "ok", "problems": []})


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def read_metrics(request: Request, services: PartsDep) -> Response:
    """Figures for Prometheus. Of several workers those of each, whichever is asked. With an admin
    port, only that port has them.
    """
    if services.settings.admin_port is not None and ADMIN_SCOPE not in request.scope:
        raise Problem("not_found", "the metrics are at the port that RTDASH_ADMIN_PORT names")
    token = services.settings.metrics_token
    if token is not None:
        given = find_bearer(request.scope["headers"]) or ""
        if not compare_digest(given.encode(), token.get_secret_value().encode()):
            raise unauthenticated(
                "the metrics need the token of the setting RTDASH_METRICS_TOKEN, as in:"
                " Authorization: Bearer <token>"
            )
    figures = (
        await services.metrics.current_exposition(request.client)
        if services.worker_metrics is None
        else await services.worker_metrics.exposition()
    )
    return answer(request, figures, media_type=CONTENT_TYPE)


@router.get("/ws", include_in_schema=False)
async def explain_socket() -> Response:
    """Answer a handshake that has lost its Upgrade on the way (RFC 9110 section 15.5.22)."""
    raise Problem(
        "upgrade_required",
        "this is the WebSocket's address, and the request has no `Upgrade: websocket`: a proxy on"
        " the way may have dropped it; nginx needs `proxy_http_version 1.1`, `proxy_set_header"
        ' Upgrade $http_upgrade` and `proxy_set_header Connection "upgrade"`',
        headers={"Upgrade": "websocket", "Connection": "Upgrade"},
    )


@router.get("/openapi.json", include_in_schema=False)
async def read_openapi(request: Request) -> Response:
    """The OpenAPI document."""
    return answer(
        request, await made_once(openapi_bytes, request.app, request.scope.get("root_path", ""))
    )


@router.get(
    "/asyncapi.json",
    responses={200: {"content": {JSON: {"schema": {"type": "object"}}}}},
    response_class=Response,
)
async def read_asyncapi(request: Request) -> Response:
    """The socket, as AsyncAPI 3."""
    return answer(request, await made_once(asyncapi_bytes))


@router.get("/docs", include_in_schema=False)
async def read_docs(request: Request) -> Response:
    """Show the REST interface to people, also where nothing can be loaded from elsewhere."""
    made = await made_once(docs_bytes, request.app)
    page = answer(request, made, media_type="text/html; charset=utf-8")
    page.headers["Content-Security-Policy"] = POLICY
    return page
