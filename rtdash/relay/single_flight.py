"""One flight a question: however many ask at the same time, the log answers once."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar

Result = TypeVar("Result")


class SingleFlight:
    """Tasks by what they find out. A caller that is cancelled leaves the flight to the others."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[Any]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def start(
        self, key: Hashable, make: Callable[[], Coroutine[Any, Any, Result]]
    ) -> asyncio.Task[Result]:
        """Return the task that is under way for `key`, or a new one. It need not be awaited."""
        task = self._tasks.get(key)
        if task is None or task.done():
            task = self._tasks[key] = asyncio.get_running_loop().create_task(make())
            task.add_done_callback(lambda done: self._land(key, done))
        return task

    async def join(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Return what the task finds out; raises what it raises."""
        return await asyncio.shield(self.start(key, make))

    async def cancel_all(self) -> None:
        """Cancel all of them and wait until they are gone."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _land(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]
        if not task.cancelled():
            # every caller that joined has it; asked for so that asyncio doesn't report it
            task.exception()
