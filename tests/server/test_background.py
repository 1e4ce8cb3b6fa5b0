"""Background tasks: one that dies is not missed in silence, and all of them end with the server."""

import asyncio
import logging
from contextlib import suppress

import pytest

from rtdash.server import background
from rtdash.server.background import BackgroundTasks

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Everything of ours runs on asyncio."""
    return "asyncio"


async def test_a_task_that_dies_is_logged_and_remembered_and_the_others_go_on(caplog) -> None:
    """`/readyz` names it."""
    tasks, died, ran = BackgroundTasks(), asyncio.Event(), asyncio.Event()

    async def dies() -> None:
        died.set()
        raise ValueError("a bug")

    async def runs() -> None:
        await died.wait()
        ran.set()
        await asyncio.Event().wait()

    async with tasks.running({"fragile": dies, "sturdy": runs}):
        await ran.wait()
        await asyncio.sleep(0)
        assert tasks.dead == ["fragile"]
    assert [(record.levelno, "fragile" in record.message) for record in caplog.records] == [
        (logging.ERROR, True)
    ]
    assert tasks.dead == ["fragile"]


async def test_a_task_that_returns_is_dead_too() -> None:
    """None of them should ever end by itself."""
    tasks = BackgroundTasks()

    async def returns() -> None:
        return

    async with tasks.running({"short": returns}):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert tasks.dead == ["short"]


async def test_the_end_of_the_block_waits_for_their_end() -> None:
    """The tasks are cancelled, and may still put things in order."""
    tasks, ended = BackgroundTasks(), []

    async def runs() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            ended.append(True)

    async with tasks.running({"tidy": runs}):
        await asyncio.sleep(0)
    assert (ended, tasks.dead) == ([True], [])


async def test_a_task_that_swallows_its_cancellation_is_named_and_cancelled_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As libraries do now and then: the server would wait for it for ever."""
    monkeypatch.setattr(background, "AGAIN_S", 0.05)

    async def swallows() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    async with asyncio.timeout(10), BackgroundTasks().running({"stubborn": swallows}):
        await asyncio.sleep(0)
    assert [record.message for record in caplog.records] == [
        "still running, and cancelled again: stubborn"
    ]
