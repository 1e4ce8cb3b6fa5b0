"""Pace of attempts at receivers that don't answer well: many of them are not tried at one moment."""

import asyncio
from collections.abc import Callable

SPACING_S = 0.02
"""Between the beginnings of two attempts. Reading, signing and connecting cost the event loop 2 ms,
and a socket's event waits behind those that begin together."""


class AttemptPacer:
    """Gives each attempt its turn, `SPACING_S` behind the one before; at most as many wait as there
    are webhooks.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._free_at = float("-inf")

    async def turn(self) -> None:
        """Wait for the next turn."""
        now = self._clock()
        at = max(now, self._free_at)
        self._free_at = at + SPACING_S
        if at > now:
            await asyncio.sleep(at - now)
