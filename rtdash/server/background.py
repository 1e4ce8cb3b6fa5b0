"""Background tasks of a server: one owner, and none dies unseen."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

_log = logging.getLogger(__name__)

Run = Callable[[], Awaitable[None]]


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
                for task in started:
                    task.cancel()

    async def _watch(self, name: str, run: Run) -> None:
        try:
            await run()
        except Exception:  # noqa: BLE001
            # the outermost frame of each task: it logs, and makes /readyz fail
            _log.exception("the task %s has died; /readyz fails from now on", name)
        else:
            _log.error("the task %s has ended by itself; /readyz fails from now on", name)
        self.dead.append(name)
