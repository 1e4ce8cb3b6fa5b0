"""The interpreter, set up for a server: many connections that live long, and an event loop beside
threads that write.
"""

import gc
import sys

SWITCH_INTERVAL_S = 0.001
"""Longest time that a thread of the store keeps the interpreter from the event loop: Python's
default of 5 ms shows in latencies."""

GC_THRESHOLDS = (20_000, 2, 39)
"""Thresholds of the cyclic garbage collector. The first is high, as hardly any code here makes
cycles and each collection visits all objects of all connections. The second is low: when thousands
connect, a collection of 220,000 objects takes 0.15 s, one of 60,000 half of that. The third finds
old cycles of a library, after two million objects."""


def hold_collector() -> None:
    """Hold the cyclic garbage collector until `tune_interpreter`: what a start imports and builds
    stays, and to visit it over and over takes a tenth of the start.
    """
    gc.disable()


def tune_interpreter() -> None:
    """Set the interpreter up. Called once the server is built, before it serves."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # What was built for the start stays till the end: no collection needs to visit it again. Nor
    # does one before this: it finds some 500 objects in 4 % of the start's time.
    gc.freeze()
    gc.enable()
    gc.set_threshold(*GC_THRESHOLDS)
