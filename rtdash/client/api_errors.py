"""Failures between a client and the server, as far as a caller needs to distinguish them."""

import json
from contextlib import suppress
from typing import Any


# a state of the world, not a fault of the program
class Unreachable(Exception):  # noqa: N818
    """No answer: refused, timed out, or the connection broke; `reason` in the words of the HTTP
    library.
    """

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        return f"can't reach the server at {self.url}: {self.reason}"


class Problem(Exception):  # noqa: N818
    """An answer other than 2xx: the members of its problem+json (RFC 9457); `type` is `about:blank`
    where it named none.
    """

    # RFC 9457's word
    def __init__(
        self,
        status: int,
        *,
        type: str = "about:blank",  # noqa: A002
        title: str = "",
        detail: str = "",
        retry_after_s: float = 0,
    ) -> None:
        super().__init__(status, type, title, detail)
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"HTTP {self.status}: {self.title}" + (f": {self.detail}" if self.detail else "")


class NotAllowed(Problem):
    """401 or 403: the token is missing, not valid, expired, or lacks a scope or a venue."""


def problem_of(status: int, body: bytes, *, retry_after: str | None = None) -> Problem:
    """Return the problem that an answer with that body describes; a body of something else (a
    proxy's page) gives its status alone.
    """
    members: dict[str, Any] = {}
    with suppress(ValueError, RecursionError):
        decoded = json.loads(body)
        members = decoded if isinstance(decoded, dict) else {}
    kind = NotAllowed if status in {401, 403} else Problem
    return kind(
        status,
        type=str(members.get("type", "about:blank")),
        title=str(members.get("title", "unexpected answer")),
        detail=str(members.get("detail", "")),
        retry_after_s=float(retry_after) if retry_after and retry_after.isdecimal() else 0,
    )
