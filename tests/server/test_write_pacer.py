"""The pace at which sessions are stored."""

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from rtdash.server.ws.write_pacer import AT_ONCE, PACE_S, WritePacer
from tests.server.steered_store import SteeredLoop


@pytest.fixture
def loop() -> Iterator[SteeredLoop]:
    loop = SteeredLoop()
    yield loop
    loop.close()


def passed(loop: SteeredLoop, tasks: Sequence["asyncio.Task[None]"]) -> int:
    """How many are through, once the loop has nothing left to do."""

    async def turn() -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    loop.run_until_complete(turn())
    return sum(task.done() for task in tasks)


def test_few_pass_at_once(loop: SteeredLoop) -> None:
    """A quiet day's dashboards, or one that asks several times; and as many again a moment
    later.
    """
    pacer = WritePacer()
    assert passed(loop, [loop.create_task(pacer.wait_turn()) for _ in range(AT_ONCE)]) == AT_ONCE
    loop.now_s += PACE_S
    assert passed(loop, [loop.create_task(pacer.wait_turn()) for _ in range(AT_ONCE)]) == AT_ONCE


def test_a_storm_passes_in_groups(loop: SteeredLoop) -> None:
    """A write behind the first few waits for the others; one that is given up meanwhile holds up no
    other.
    """
    pacer = WritePacer()
    storm = [loop.create_task(pacer.wait_turn()) for _ in range(AT_ONCE + 100)]
    assert passed(loop, storm) == AT_ONCE
    storm[-1].cancel()
    loop.now_s += PACE_S
    assert passed(loop, storm) == AT_ONCE + 100
    late = [loop.create_task(pacer.wait_turn()) for _ in range(2)]
    assert passed(loop, late) == 0, "the storm goes on: they share the next transaction"
    loop.now_s += PACE_S
    assert passed(loop, late) == 2
