"""Coroutines that are begun without a task."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from rtdash.server.ws.eager_task import begin
from tests.stores import anyio_backend

__all__ = ["anyio_backend"]

pytestmark = pytest.mark.anyio


def refuse(_work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """Stands for `spawn` where nothing may be spawned."""
    pytest.fail("it need not wait")


def spawner(tasks: list["asyncio.Task[None]"]) -> Any:
    """Spawns, and keeps the tasks."""

    def spawn(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        tasks.append(asyncio.get_running_loop().create_task(work))
        return tasks[-1]

    return spawn


async def test_what_does_not_wait_is_done_at_once() -> None:
    """There is no task at all; what it raises comes out."""
    done = []

    async def work() -> None:
        done.append(await nested())

    async def nested() -> int:
        return 7

    async def fail() -> None:
        raise LookupError("nothing")

    begin(work(), refuse)
    assert done == [7]
    with pytest.raises(LookupError):
        begin(fail(), refuse)


async def test_what_waits_goes_on_as_a_task() -> None:
    """The task gets what it waits for, results and errors, as often as it waits."""
    loop = asyncio.get_running_loop()
    first, second, done = loop.create_future(), loop.create_future(), []
    tasks: list[asyncio.Task[None]] = []

    async def work() -> None:
        done.append("begun")
        done.append(await first)
        try:
            await second
        except LookupError as error:
            done.append(str(error))
        async with asyncio.timeout(30):  # it has a task by now
            await asyncio.sleep(0)
        done.append("ended")

    begin(work(), spawner(tasks))
    assert done == ["begun"]
    first.set_result("one")
    second.set_exception(LookupError("two"))
    await asyncio.gather(*tasks)
    assert done == ["begun", "one", "two", "ended"]


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_a_cancellation_reaches_it(turns: int) -> None:
    """Also one that comes before the task has begun."""
    loop = asyncio.get_running_loop()
    never, ended = loop.create_future(), []
    tasks: list[asyncio.Task[None]] = []

    async def work() -> None:
        try:
            await never
        finally:
            ended.append(True)

    begin(work(), spawner(tasks))
    for _ in range(turns):
        await asyncio.sleep(0)
    tasks[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    assert ended == [True]
