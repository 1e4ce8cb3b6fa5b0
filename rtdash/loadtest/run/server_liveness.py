"""Liveness of a server that the run didn't start: it answers a request, or a message of it has
arrived.
"""

import asyncio
import time
from collections.abc import Callable

from rtdash.client.api import Api
from rtdash.client.api_errors import Problem, Unreachable

_ASK_EVERY_S = 1.0


async def watch_liveness(
    url: str, token: str, heard: Callable[[], int], gone_after_s: float
) -> None:
    """Watch a server until it is lost; end only by raising Unreachable, after `gone_after_s`
    seconds without a sign. `heard` counts what has come from it so far.

    A server that is busy answers late, but its messages still come; one that is restarted in time
    goes on.
    """
    last_at, before = time.monotonic(), -1
    async with Api(url, token, retry_for_s=0, connections=1) as api:
        while True:
            silence = await _why_silent(api, gone_after_s)
            now, so_far = time.monotonic(), heard()
            if silence is None or so_far != before:
                last_at, before = now, so_far
            elif now - last_at > gone_after_s:
                raise Unreachable(
                    url, f"nothing has come from it for {gone_after_s:g} s ({silence})"
                )
            await asyncio.sleep(min(_ASK_EVERY_S, gone_after_s / 4))


async def _why_silent(api: Api, timeout_s: float) -> str | None:
    """Return why a request had no answer; None for any answer, even that there is no such path."""
    try:
        async with asyncio.timeout(timeout_s):
            await api.get_json("/healthz")
    except Unreachable as failure:
        return failure.reason
    except TimeoutError:
        return "no answer"
    except Problem:
        pass
    return None
