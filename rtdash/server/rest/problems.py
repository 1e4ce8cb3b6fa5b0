"""Everything that REST refuses, as RFC 9457 problems: the one table from our refusals and faults to
HTTP.

`type` is `urn:rtdash:problem:<code>` and never changes; `detail` says how to mend it; no token or
secret ever stands in either.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rtdash.domain.refusals import Refusal
from rtdash.protocol.messages import encode
from rtdash.server.auth.tokens import TokenRefused
from rtdash.store.database import OutcomeUnknown, StoreError, StoreUnavailable

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:rtdash:problem:"
RETRY_AFTER_S = 1
"""Seconds that a client waits when the store can't say how long."""

PROBLEMS: dict[str, tuple[int, str]] = {
    "unreadable": (400, "The body can't be read"),
    "unauthenticated": (401, "A valid token is needed"),
    "forbidden": (403, "The token does not allow this"),
    "not_found": (404, "There is nothing at this path"),
    "reservation_not_found": (404, "No such reservation"),
    "method_not_allowed": (405, "The path does not know this method"),
    "no_availability": (409, "No room of that type is free on every night"),
    "invalid_transition": (409, "The reservation's status does not allow this"),
    "not_amendable": (409, "The reservation can't be amended any more"),
    "reservation_exists": (409, "The reservation id is taken"),
    "venue_archived": (409, "The venue is out of service"),
    "overpaid": (409, "More than there is to pay"),
    "refund_too_large": (409, "More than was paid"),
    "over_capacity": (409, "More guests than the room type holds"),
    "not_applied": (409, "Another operation of the atomic list was refused"),
    "amount_below_charges": (409, "Less than the charges that the amount includes"),
    "instant_goes_back": (409, "The reservation has changed after that instant"),
    "version_changed": (412, "The reservation has changed meanwhile"),
    "body_too_large": (413, "The body is too large"),
    "too_many_operations": (413, "Too many operations in one request"),
    "invalid": (422, "The request is well-formed but wrong"),
    "unknown_room_type": (422, "No such room type"),
    "unknown_category": (422, "No such category"),
    "dates_reversed": (422, "The stay ends before it begins"),
    "stay_too_long": (422, "More nights than one reservation holds"),
    "instant_in_future": (422, "The instant has not come yet"),
    "wrong_kind": (422, "An operation of the other kind of venue"),
    "missing_field": (422, "A field is missing"),
    "bad_value": (422, "A field has a value that it can't have"),
    "operation_id_reused": (422, "The operation id stands for something else"),
    "upgrade_required": (426, "The socket needs an upgrade"),
    "rate_limited": (429, "Too many requests"),
    "internal": (500, "A fault of the server"),
    "unavailable": (503, "Nothing was stored"),
    "outcome_unknown": (503, "It is not known whether it was stored"),
}
"""Status and title of each code."""

_log = logging.getLogger(__name__)


class Problem(Exception):  # noqa: N818
    """A refusal on its way to the client. `facts` are further members of the document."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status, self.title = PROBLEMS[code]
        self.headers = dict(headers or {})
        self.facts = dict(facts or {})

    def body(self) -> dict[str, Any]:
        """Return the problem document."""
        return {
            "type": TYPE_PREFIX + self.code,
            "title": self.title,
            "status": int(self.status),
            "detail": self.detail,
            **self.facts,
        }

    def response(self) -> Response:
        """Return the document as an HTTP answer."""
        return Response(
            encode(self.body()),
            status_code=self.status,
            media_type=MEDIA_TYPE,
            headers=self.headers,
        )


def invalid(errors: Sequence[tuple[str, str]]) -> Problem:
    """422 for fields that are wrong: (name of the field, what is wrong with it and how to mend
    it).
    """
    detail = "; ".join(f"{field}: {message}" for field, message in errors[:5])
    return Problem(
        "invalid",
        detail,
        facts={"errors": [{"field": field, "message": message} for field, message in errors]},
    )


def problem_of(error: Exception) -> Problem:
    """Return the problem for an error; 500 for an unforeseen one."""
    match error:
        case Problem():
            problem = error
        case Refusal():
            problem = Problem(error.code, str(error))
        case TokenRefused():
            problem = unauthenticated(error.reason)
        case StoreError():
            problem = _store_problem(error)
        case RequestValidationError():
            problem = invalid([_validation_error(one) for one in error.errors()])
        case HTTPException():
            problem = _http_problem(error)
        case _:
            problem = Problem("internal", "something went wrong here; the server's log says what")
    return problem


def logged_problem(request: Request, error: Exception) -> Problem:
    """Return what `problem_of` does; what is the server's fault goes to the log, with the path but
    not its query, which may hold a token.
    """
    problem = problem_of(error)
    if problem.code == "internal":
        _log.error("%s %s failed: %s", request.method, request.url.path, type(error).__name__)
    elif problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("%s %s: %s", request.method, request.url.path, error)
    return problem


def unauthenticated(reason: str) -> Problem:
    """401 with the challenge of RFC 6750; `reason` is for the bearer."""
    return Problem("unauthenticated", reason, headers={"WWW-Authenticate": "Bearer"})


def rate_limited(retry_after_s: float, subject: str = "this user") -> Problem:
    """Return a 429; `retry_after_s` in seconds, shown as whole ones, rounded up."""
    headers = _retry_after(retry_after_s)
    return Problem(
        "rate_limited",
        f"more requests than {subject} may make: wait {headers['Retry-After']} s",
        headers=headers,
    )


def install(app: FastAPI, routes: Sequence[Route]) -> None:
    """Make every error of the app answer with a problem; a 405 names the methods of all `routes` of
    its path (RFC 9110, 15.5.6).
    """

    async def answer(request: Request, error: Exception) -> Response:
        problem = logged_problem(request, error)
        if problem.code == "method_not_allowed":
            methods = {
                method
                for route in routes
                if route.path_regex.match(request.url.path)
                for method in route.methods or ()
            }
            problem.headers["Allow"] = ", ".join(sorted(methods))
        return problem.response()

    for kind in (
        Problem,
        Refusal,
        TokenRefused,
        StoreError,
        RequestValidationError,
        HTTPException,
        Exception,
    ):
        app.add_exception_handler(kind, answer)


def _store_problem(error: StoreError) -> Problem:
    match error:
        case OutcomeUnknown():
            detail = (
                "the store failed while it was writing: repeat the request with the same"
                " operation id"
            )
            return Problem("outcome_unknown", detail, headers=_retry_after(error.retry_after_s))
        case StoreUnavailable():
            detail = (
                "the store can't serve it now: repeat the request, a change with the same"
                " operation id"
            )
            return Problem("unavailable", detail, headers=_retry_after(error.retry_after_s))
        case _:
            return Problem(
                "unavailable",
                "the store can't be used now: see /readyz",
                headers=_retry_after(RETRY_AFTER_S),
            )


def _http_problem(error: HTTPException) -> Problem:
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return Problem("not_found", "no endpoint has this path: see /docs")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return Problem("method_not_allowed", "see /docs for the methods of this path")
        case _:
            return Problem("unreadable", str(error.detail), headers=error.headers)


def _validation_error(error: dict[str, Any]) -> tuple[str, str]:
    """Field and message of one of pydantic's errors; the input itself is left out, since it may be
    anything.
    """
    place = [str(part) for part in error["loc"] if part not in {"query", "path", "header", "body"}]
    return ".".join(place) or "request", str(error["msg"]).removeprefix("Value error, ")


def _retry_after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(seconds)))}
