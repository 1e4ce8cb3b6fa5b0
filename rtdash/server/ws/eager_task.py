"""Coroutine that hardly ever waits, run without a task up to its first wait.

A task, and a turn of the event loop until it begins, cost as much as the whole check of a token.
Python 3.12 has this as asyncio's eager tasks.
"""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any


def begin(
    work: Coroutine[Any, Any, None],
    spawn: Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"],
) -> None:
    """Run `work` here and now; where it has to wait, `spawn` runs the rest as a task. Up to there
    it has no task of its own, so it can't use `asyncio.timeout`.
    """
    try:
        awaited = work.send(None)
    except StopIteration:
        return
    # a task that is cancelled before it begins leaves `work` in the middle
    spawn(_finish(work, awaited)).add_done_callback(lambda _: work.close())


async def _finish(work: Coroutine[Any, Any, None], awaited: Any) -> None:
    await _go_on(work, awaited)


@types.coroutine
def _go_on(work: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    """Pass on to the task what `work` waits for, and to `work` what comes of it."""
    try:
        while True:
            try:
                yield awaited
            except BaseException as error:  # noqa: BLE001 - a cancellation, too, is for `work`
                awaited = work.throw(error)
            else:
                awaited = work.send(None)
    except StopIteration:
        return
