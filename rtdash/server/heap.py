"""Memory that a burst has left: free in the heap of the C library, but not given back to the
system.
"""

import asyncio
import ctypes
import os
from collections.abc import Callable
from pathlib import Path

CHECK_INTERVAL_S = 20.0
WORTH_BYTES = 8 * 1024 * 1024
"""Growth that is worth looking for free pages: that takes some ten milliseconds."""
WORTH_SHARE = 0.1
LEAST_GAIN_BYTES = 2 * 1024 * 1024
LONGEST_PAUSE = 180
"""Checks that are left out at most: an hour's."""

_STATM = Path("/proc/self/statm")


def resident_bytes() -> int:
    """Return the resident memory of this process; 0 where the system doesn't show it."""
    try:
        return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def find_trim() -> Callable[[int], int] | None:
    """Return glibc's `malloc_trim`; None with another C library."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    return trim


class Heap:
    """Heap of the process, trimmed where it has grown. `resident` gives its bytes."""

    def __init__(self, trim: Callable[[int], int], resident: Callable[[], int]) -> None:
        self._trim = trim
        self._resident = resident
        self._least = resident()
        self._pause = self._left_out = 0

    def trim_if_grown(self) -> bool:
        """Give free pages back, where the process has a tenth and 8 MiB more than it ever had
        least. Whether it tried. After a try in vain twice as many calls are left out as before,
        since what is in use now may be free later.
        """
        now = self._resident()
        self._least = min(self._least, now)
        if now - self._least < max(WORTH_BYTES, WORTH_SHARE * self._least):
            self._pause = self._left_out = 0
            return False
        if self._left_out < self._pause:
            self._left_out += 1
            return False
        self._trim(0)
        is_vain = now - self._resident() < LEAST_GAIN_BYTES
        self._pause = min(max(1, 2 * self._pause), LONGEST_PAUSE) if is_vain else 0
        self._left_out = 0
        return True

    async def trim_periodically(self) -> None:
        """Look now and then, in a thread, as the C library lets others run meanwhile; until
        cancelled.
        """
        while True:
            await asyncio.sleep(CHECK_INTERVAL_S)
            await asyncio.to_thread(self.trim_if_grown)
