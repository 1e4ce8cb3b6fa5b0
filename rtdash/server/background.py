"""Background tasks of a server: one owner, and none dies unseen."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

_log = logging.getLogger(__name__)

Run = Callable[[], Awaitable[None]]

AGAIN_S = 20.0
"""Pause between two cancellations of a task that has not ended: a library in it may have swallowed
the first one, and what a task writes at its end takes less.
"""


class BackgroundTasks:
    """Runs tasks that should never end. One that does is logged and stays in `dead`, which
    `/readyz` looks at.
    """

    def __init__(self) -> None:
        self.dead: list[str] = []

    @asynccontextmanager
    async def running(self, runs: Mapping[str, Run]) -> AsyncIterator[None]:
        """Run them all while the block lasts; at its end they are cancelled and waited for."""
        async with asyncio.TaskGroup() as group:
            started = [
                group.create_task(self._watch(name, run), name=name) for name, run in runs.items()
            ]
            try:
                yield
            finally:
                await _end(started)

    async def _watch(self, name: str, run: Run) -> None:
        try:
            await run()
        except Exception:  # noqa: BLE001
            # the outermost frame of each task: it logs, and makes /readyz fail
            _log.exception("the task %s has died; /readyz fails from now on", name)
        else:
            _log.error("the task %s has ended by itself; /readyz fails from now on", name)
        self.dead.append(name)


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel them until all have ended."""
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=AGAIN_S)
        if running:
            names = ", ".join(sorted(task.get_name() for task in running))
            _log.warning("still running, and cancelled again: %s", names)
