"""Where a client's token comes from."""

import inspect
from collections.abc import Awaitable, Callable

from rtdash.client.api_errors import NotAllowed

TokenSource = str | Callable[[], str | Awaitable[str]]
"""A token, or what gives the present one: asked before every connection, and when the one in use is
about to expire."""


async def present_token(source: TokenSource) -> str:
    """Return the token to use now, without blanks around it, such as the end of its file's line.

    Raises NotAllowed for what can't stand in a header: the HTTP libraries would refuse it, too, and
    quote it in their errors.
    """
    token = source if isinstance(source, str) else source()
    text = (await token if inspect.isawaitable(token) else token).strip()
    if not (text.isascii() and text.isprintable()):
        raise NotAllowed(
            401,
            title="the token is not one",
            detail="it has characters that no token has: was it copied whole, and alone?",
        )
    return text
