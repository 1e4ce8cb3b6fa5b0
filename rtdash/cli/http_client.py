"""One REST request and its answer, for the small commands; every failure ends the command with a
text.
"""

from typing import Any, NoReturn

import httpx2

from rtdash.cli.credentials import reach_hint
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.client.api_errors import Unreachable
from rtdash.client.environment import open_client
from rtdash.client.shapes import Shape, has_shape

TIMEOUT_S = 10
_NO_CONTENT = 204
_PROBLEM = "application/problem+json"


def request_json(
    method: str,
    url: str,
    path: str,
    token: str,
    *,
    shape: Shape = None,
    params: dict[str, Any] | None = None,
    json: Any = None,
    timeout_s: float = TIMEOUT_S,
) -> Any:
    """Send one request; return the decoded answer, a JSON object of that shape.

    Without a shape the contract's answer is 204 without a body, and None is returned. Any other
    answer, also one that says 200, comes from something that isn't rtdash. Raises CommandFailed.
    """
    try:
        with open_client(httpx2.Client, url, timeout=timeout_s) as client:
            answer = client.request(
                method,
                url + path,
                params=params,
                json=json,
                headers={"Authorization": f"Bearer {token}"},
            )
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        _fail_unreachable(url, str(error) or type(error).__name__)
    except Unreachable as error:
        _fail_unreachable(url, error.reason)
    if not answer.is_success:
        raise _refusal(answer, url)
    if shape is None:
        if answer.status_code != _NO_CONTENT or answer.content:
            raise _foreign(answer, url)
        return None
    body = _decode(answer)
    if not has_shape(body, shape):
        raise _foreign(answer, url)
    return body


def _fail_unreachable(url: str, reason: str) -> NoReturn:
    raise CommandFailed(
        f"can't reach the server at {url} ({reason})",
        hint=reach_hint(reason),
        code=Exit.UNREACHABLE,
    ) from None


def _refusal(answer: httpx2.Response, url: str) -> CommandFailed:
    problem = _decode(answer)
    is_problem = answer.headers.get("content-type", "").startswith(_PROBLEM)
    if not is_problem or not isinstance(problem, dict):
        return _foreign(answer, url)
    if answer.status_code in {401, 403}:
        hint, code = "get a token that may: rtdash token --help", Exit.NOT_ALLOWED
    elif answer.is_client_error:
        hint, code = "see what the command takes, with --help", Exit.FAULT
    else:
        hint, code = f"is it well? see {url}/readyz", Exit.FAULT
    detail = problem.get("detail") or problem.get("title")
    return CommandFailed(f"the server refused: {detail}", hint=hint, code=code)


def _foreign(answer: httpx2.Response, url: str) -> CommandFailed:
    """Return the failure of an answer that no rtdash gives: a portal, a proxy, another program."""
    code = Exit.NOT_ALLOWED if answer.status_code in {401, 403} else Exit.FAULT
    return CommandFailed(
        f"{url} doesn't seem to be rtdash: it answers HTTP {answer.status_code}"
        f" ({_kind(answer)}) to {answer.request.method} {answer.request.url.path}",
        hint="name the server: --url URL or RTDASH_URL   (is a proxy or a portal in between?)",
        code=code,
    )


def _kind(answer: httpx2.Response) -> str:
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
    return media_type[:60] or ("a body without a type" if answer.content else "no body")


def _decode(answer: httpx2.Response) -> Any:
    """Return the decoded body, None where it isn't JSON."""
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None
