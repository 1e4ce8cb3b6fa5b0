"""Bookings and lists of operations, carried out before any routing, by the very functions of their
routes.

What FastAPI does around those costs more than they do. Only usual requests of tokens that were
verified before are taken here;
everything else goes on to the routes untouched.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from rtdash.server.auth.bearer import find_bearer
from rtdash.server.auth.tokens import Principal, TokenRefused, token_digest
from rtdash.server.rest.problems import logged_problem
from rtdash.server.rest.routers.changes import answer_booking
from rtdash.server.rest.routers.operations import OPERATIONS_PATH, answer_operations
from rtdash.server.rest.routers.reservations import PATHS
from rtdash.server.services import Services

WRITES: Mapping[str, Callable[..., Awaitable[Response]]] = {
    OPERATIONS_PATH: answer_operations,
    **{path: partial(answer_booking, kind) for kind, path in PATHS.items()},
}
"""Handlers of POST requests, by path."""

_KEY = "idempotency-key"


async def write_at_once(services: Services, scope: Scope, receive: Receive, send: Send) -> bool:
    """Carry the request out and answer it. False when it is not for here; nothing of it has been
    read then.
    """
    request = Request(scope, receive)
    caller = _caller(services, request)
    if caller is None:
        return False
    path = scope["path"]
    options = (
        {"key": request.headers[_KEY]}
        if path != OPERATIONS_PATH and _KEY in request.headers
        else {}
    )
    work = partial(WRITES[path], request, services, caller, **options)
    await respond(services, request, send, work)
    return True


async def respond(
    services: Services, request: Request, send: Send, work: Callable[[], Awaitable[Response]]
) -> None:
    """Answer with what `work` gives, or with the problem that it meets, and count the request."""
    start = time.perf_counter()
    fault: Exception | None = None
    try:
        response = await work()
    except Exception as error:  # noqa: BLE001
        # as Starlette does: whatever it is, the client gets a problem and the log has it
        problem = logged_problem(request, error)
        response = problem.response()
        fault = error if problem.code == "internal" else None
        # a refusal knows this frame, and with it the body: a name for it would keep both for ever
        del problem
    services.metrics.count_request(
        request.method, request.scope["path"], response.status_code, time.perf_counter() - start
    )
    await response(request.scope, request.receive, send)
    if fault is not None:
        raise fault  # the server that runs the app logs the traceback


def _caller(services: Services, request: Request) -> Principal | None:
    """Return the caller, if it is known, within its rate, and neither the query nor a browser's
    Origin has a say in the answer.
    """
    if request.method != "POST" or request.scope["query_string"] or "origin" in request.headers:
        return None
    token = find_bearer(request.scope["headers"])
    if token is None:
        return None
    try:
        caller = services.verifier.recall(token_digest(token))
    except (KeyError, TokenRefused):
        return None
    return None if services.limits.take(caller.sub) else caller
