"""Progress of a run on stderr: one live line on a terminal, a plain line every few seconds
elsewhere.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from rich.console import Console
from rich.live import Live
from rich.text import Text

from rtdash.client.api import Api
from rtdash.simulate.tally import Tally

_LIVE_S = 0.25
_PLAIN_S = 5.0
_FIRST_S = 1.0
_RECENT_S = 5.0
"""The rate shown while it runs is that of the last so many seconds."""


@asynccontextmanager
async def progress(tally: Tally, api: Api, console: Console) -> AsyncIterator[None]:
    """While the body runs, keep the tally's time and retries and show it on `console`."""
    started = time.monotonic()
    recent: deque[tuple[float, int]] = deque([(0, 0)])

    def line() -> str:
        tally.elapsed_s = time.monotonic() - started
        tally.retries, tally.retried_for = api.retries, api.retried_for
        recent.append((tally.elapsed_s, tally.applied.total()))
        while len(recent) > 2 and recent[0][0] < tally.elapsed_s - _RECENT_S:
            recent.popleft()
        since_s, applied = recent[0]
        return tally.line(
            per_s=(tally.applied.total() - applied) / max(tally.elapsed_s - since_s, 0.001)
        )

    showing = asyncio.create_task(
        _show_live(line, console) if console.is_terminal else _show_lines(line, console)
    )
    try:
        yield
    finally:
        showing.cancel()
        with suppress(asyncio.CancelledError):
            await showing
        line()


async def _show_live(line: Callable[[], str], console: Console) -> None:
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            live.update(Text(line(), overflow="ellipsis", no_wrap=True), refresh=True)
            await asyncio.sleep(_LIVE_S)


async def _show_lines(line: Callable[[], str], console: Console) -> None:
    pause_s = _FIRST_S
    while True:
        await asyncio.sleep(pause_s)
        pause_s = _PLAIN_S
        console.print(line(), markup=False, highlight=False, soft_wrap=True)
