"""Context that the phases of a run share."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtdash.loadtest.run.own_server import OwnServer
from rtdash.loadtest.verdict.observations import Observations
from rtdash.loadtest.verdict.samples import Sample


@dataclass(slots=True)
class RunContext:
    """Context that all phases of a run share. `should_stop` is set by a Ctrl-C or by a broken SLO
    that aborts; `proxy_target` is the server's host and port.

    `gone_after_s`: a server that isn't ours, and of which nothing came for so long, is lost for
    good.
    """

    url: str
    tokens: tuple[str, ...]
    folder: Path
    run_id: str
    seed: int
    processes: int
    with_ui: bool
    server: OwnServer | None
    should_stop: asyncio.Event
    show: Callable[[Sample, Observations], None]
    proxy_target: tuple[str, int]
    gone_after_s: float

    async def unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Run `work` until it is done or the run is stopped; return whether it was done."""
        doing, stopping = asyncio.create_task(work), asyncio.create_task(self.should_stop.wait())
        try:
            await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                doing.result()
        finally:
            doing.cancel()
            stopping.cancel()
            await asyncio.gather(doing, stopping, return_exceptions=True)
        return not self.should_stop.is_set()
