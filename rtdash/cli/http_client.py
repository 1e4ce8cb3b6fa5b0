"""One REST request and its answer, for the small commands; every failure ends the command with a
text.
"""

from typing import Any

import httpx2

from rtdash.cli.credentials import reach_hint
from rtdash.cli.failures import CommandFailed, Exit

TIMEOUT_S = 10


def request_json(
    method: str,
    url: str,
    path: str,
    token: str,
    *,
    params: dict[str, Any] | None = None,
    json: Any = None,
    timeout_s: float = TIMEOUT_S,
) -> Any:
    """Send one request; return the decoded JSON answer, or None where there is no body. Raises
    CommandFailed.
    """
    try:
        answer = httpx2.request(
            method,
            url + path,
            params=params,
            json=json,
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout_s,
        )
    except httpx2.HTTPError as error:
        raise CommandFailed(
            f"can't reach the server at {url} ({str(error) or type(error).__name__})",
            hint=reach_hint(str(error)),
            code=Exit.UNREACHABLE,
        ) from None
    if answer.is_success:
        return answer.json() if answer.content else None
    if answer.status_code in {401, 403}:
        hint, code = "get a token that may: rtdash token --help", Exit.NOT_ALLOWED
    elif answer.is_client_error and answer.headers.get("content-type", "").startswith(
        "application/problem+json"
    ):
        hint, code = "see what the command takes, with --help", Exit.FAULT
    else:
        hint, code = f"is it an rtdash server, and well? see {url}/readyz", Exit.FAULT
    raise CommandFailed(f"the server refused: {_detail(answer)}", hint=hint, code=code)


def _detail(answer: httpx2.Response) -> str:
    try:
        problem = answer.json()
        return str(problem.get("detail") or problem.get("title"))
    except (ValueError, AttributeError):
        return f"HTTP {answer.status_code}"
