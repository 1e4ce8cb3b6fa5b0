"""Pace of requests by address, for everything that comes without a token that is known already; and
the bound on what a query may cost.
"""

from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from rtdash.server.auth.bearer import find_bearer
from rtdash.server.auth.tokens import TokenRefused, token_digest
from rtdash.server.http.peer_address import household
from rtdash.server.rest.problems import invalid, rate_limited
from rtdash.server.services import Services

MAX_FIELDS = 100
"""Fields of a query: 30,000 of them fit into a head, and cost 25 ms to read."""
_NEVER_PACED = {"/healthz", "/readyz"}
"""An orchestrator that gets a 429 ends the process."""


class AddressPace:
    """Middleware that answers 429 above the pace. A token that was verified before is counted
    as its user, so that many of them may share an address.
    """

    def __init__(self, app: ASGIApp, state: Any) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and scope["query_string"].count(b"&") >= MAX_FIELDS:
            problem = invalid([("query", f"has more than {MAX_FIELDS} fields")])
            await problem.response()(scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"] not in _NEVER_PACED:
            services: Services = self._state.services
            client = scope.get("client")
            if client and not _is_known(services, scope):
                wait_s = services.address_limit.take(household(client[0]))
                if wait_s:
                    problem = rate_limited(wait_s, subject="this address")
                    await problem.response()(scope, receive, send)
                    return
        await self._app(scope, receive, send)


def _is_known(services: Services, scope: Scope) -> bool:
    token = find_bearer(scope["headers"])
    if token is None:
        return False
    try:
        services.verifier.recall(token_digest(token))
    except (KeyError, TokenRefused):
        return False
    return True
