"""The pace at which sessions are stored: in a storm many of them share a transaction, which costs
more than all the rest of a subscribe.
"""

import asyncio

PACE_S = 0.05
"""From one group to the next: twenty transactions a second, however many connect."""

AT_ONCE = 8
"""How many within PACE_S are no storm yet: the few of a quiet day don't wait, nor does one client
that asks several times."""


class WritePacer:
    """Pacer of session writes: AT_ONCE pass within PACE_S; a later one waits for the end of it and
    passes together with all that wait.
    """

    def __init__(self) -> None:
        self._opens_at = 0.0
        self._passed = 0
        self._waiting: list[asyncio.Future[None]] = []

    async def wait_turn(self) -> bool:
        """Wait for the turn of this write. Returns whether there are others that pass with it."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if not self._waiting and now >= self._opens_at:
            self._opens_at, self._passed = now + PACE_S, 0
        if not self._waiting and self._passed < AT_ONCE:
            self._passed += 1
            return False
        if not self._waiting:
            loop.call_at(self._opens_at, self._open)
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn
        return True

    def _open(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._opens_at, self._passed = asyncio.get_running_loop().time() + PACE_S, len(waiting)
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)
