"""Live view on a terminal: draws the board when it changes, and obeys keys."""

import asyncio
import copy
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from rich.console import Console
from rich.live import Live

from rtdash.client import Api, ConnectionChange, Problem, Unreachable
from rtdash.domain.instants import Clock
from rtdash.watch.banner import Banner, no_banner
from rtdash.watch.board import Board
from rtdash.watch.queries import fetch_known
from rtdash.watch.stopping import Stopper
from rtdash.watch.terminal import keys
from rtdash.watch.view import ViewOptions, render

_FRAME_S = 1 / 8
"""rich draws a full screen in some ten milliseconds; more frames than these only cost."""

_TICK_S = 1
"""Ages and countdowns go on when nothing comes."""

_RETRY_PAUSE_S = 5


class Screen:
    """Drawing loop of a board. `stop` is called with the exit code when `q` is typed."""

    def __init__(
        self,
        board: Board,
        console: Console,
        clock: Clock,
        stop: Callable[[int], None],
        banner: Banner = no_banner,
    ) -> None:
        self._board = board
        self._console = console
        self._clock = clock
        self._stop = stop
        self._banner = banner
        self._changed = asyncio.Event()
        self._has_gap = asyncio.Event()
        self._paused: tuple[Board, int] | None = None
        self._with_help = False

    def receive(self, item: dict[str, Any] | ConnectionChange) -> None:
        """Apply a message or a change; receiving goes on while the screen is paused."""
        self._board.receive(item, now=self._clock(), at_s=time.monotonic())
        self._changed.set()
        if isinstance(item, dict) and item["type"] == "reset":
            self._has_gap.set()

    async def learn(self, api: Api) -> None:
        """Fetch the venues' names, today's reservations and the latest notifications; again after
        a reset, which means that messages were lost. Runs until cancelled.
        """
        while True:
            self._has_gap.clear()
            with suppress(Unreachable, Problem):  # without them the view shows what comes
                await self._learn_once(api)
                self._changed.set()
                await self._has_gap.wait()
            await asyncio.sleep(_RETRY_PAUSE_S)

    def handle_key(self, key: str) -> None:
        """Handle a typed key; keys without a meaning do nothing."""
        match key:
            case "q" | "Q":
                self._stop(0)
            case "p" | "P" | " ":
                self._paused = (
                    None if self._paused else (copy.deepcopy(self._board), self._board.received)
                )
            case "?" | "h":
                self._with_help = not self._with_help
            case "\x1b":
                self._with_help = False
            case _:
                return
        self._changed.set()

    async def render(self, live: Live) -> None:
        """Draw at once on a change, at most eight times a second, and once a second when nothing
        changes. Runs until cancelled.
        """
        while True:
            live.update(self._frame(), refresh=True)
            await asyncio.sleep(_FRAME_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._changed.wait()
            self._changed.clear()

    async def _learn_once(self, api: Api) -> None:
        profile = await api.profile()
        self._board.set_profile(profile)
        self._changed.set()
        kinds = {venue["id"]: venue["kind"] for venue in profile["venues"]}
        for venue in [one for one in self._board.venues if one in kinds]:
            known = await fetch_known(api, self._board.channels, venue, kinds[venue])
            self._board.add_known(venue, *known)

    def _frame(self) -> Any:
        width, height = self._console.size
        shown, paused_at = self._paused or (None, None)
        options = ViewOptions(
            width,
            height,
            time.monotonic(),
            paused_at=paused_at,
            with_help=self._with_help,
            banner=self._banner(height),
        )
        return render(self._board, options, shown=shown)


@asynccontextmanager
async def on_screen(
    board: Board, clock: Clock, stopper: Stopper, api: Api, banner: Banner = no_banner
) -> AsyncIterator[Screen]:
    """Take the terminal over; it is given back as it was, however the block is left."""
    console = Console(file=sys.stdout)
    screen = Screen(board, console, clock, stopper.stop, banner)
    live = Live(
        console=console,
        screen=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with keys(asyncio.get_running_loop(), screen.handle_key), live:
        tasks = [asyncio.create_task(screen.render(live)), asyncio.create_task(screen.learn(api))]
        for task in tasks:
            task.add_done_callback(partial(_report, stopper))
        try:
            yield screen
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _report(stopper: Stopper, task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        stopper.fail(error)
