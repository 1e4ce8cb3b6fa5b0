"""The pace at which sessions are stored: in a storm many of them share a transaction, which costs more than all the rest of a subscribe."""

import asyncio

PACE_S = 0.05
"""From one group to the next: twenty transactions a second, however many connect."""


class Turnstile:
    """Whoever comes after a quiet time passes at once; whoever comes within PACE_S of others waits, and passes together with those who wait."""

    def __init__(self) -> None:
        self._opens_at = 0.0
        self._waiting: list[asyncio.Future[None]] = []

    async def enter(self) -> None:
        """Wait for one's turn."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if not self._waiting and now >= self._opens_at:
            self._opens_at = now + PACE_S
            return
        if not self._waiting:
            loop.call_at(self._opens_at, self._open)
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _open(self) -> None:
        self._opens_at = asyncio.get_running_loop().time() + PACE_S
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)
