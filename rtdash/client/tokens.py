"""Where a client's token comes from."""

import inspect
from collections.abc import Awaitable, Callable

TokenSource = str | Callable[[], str | Awaitable[str]]
"""A token, or what gives the present one: asked before every connection, and when the one in use is about to expire."""


async def present_token(source: TokenSource) -> str:
    """The token to use now."""
    if isinstance(source, str):
        return source
    token = source()
    return await token if inspect.isawaitable(token) else token
