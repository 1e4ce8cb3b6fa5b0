"""How long one turn of an event loop may hold it, in CPU of its thread."""

import asyncio
import gc
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from rtdash.server.interpreter import tune_interpreter

STEP_S = 0.02
"""CPU that the thread of the event loop may spend in one turn; the worst measured is below 10 ms."""
TRIES = 5
"""What a body costs, it costs each time. What a busy machine adds by caches and by the processor's
other thread comes and goes.
"""


@contextmanager
def tuned() -> Iterator[None]:
    """The garbage collector as a server sets it up: what stands at the start isn't visited."""
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    tune_interpreter()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
        sys.setswitchinterval(interval)


class Turns:
    """CPU of the loop's thread, turn by turn, in seconds: load on the machine doesn't count."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def watch(self) -> None:
        """Measure until cancelled."""
        while True:
            start = time.thread_time()
            await asyncio.sleep(0)
            self.longest_s = max(self.longest_s, time.thread_time() - start)


async def assert_short_turns(measure: Callable[[], Awaitable[Turns]]) -> None:
    """Assert that the longest turn is short, in one of a few tries."""
    longest_s: list[float] = []
    while not longest_s or (longest_s[-1] >= STEP_S and len(longest_s) < TRIES):
        longest_s.append((await measure()).longest_s)
    assert 0 < longest_s[-1] < STEP_S, longest_s
