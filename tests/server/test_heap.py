"""Memory that a burst has left goes back to the system, and is not looked for in vain."""

import subprocess
import sys

import pytest

from rtdash.server.heap import Heap, find_trim

MIB = 1024 * 1024


class Memory:
    """Resident memory of which some is free, in MiB."""

    def __init__(self) -> None:
        self.used, self.free = 100, 0

    def trim(self, _: int) -> int:
        """Give back what is free."""
        self.free = 0
        return 1

    def resident(self) -> int:
        """Bytes."""
        return (self.used + self.free) * MIB


def test_only_growth_is_worth_a_look() -> None:
    """A tenth and 8 MiB above the least so far."""
    memory = Memory()
    heap = Heap(memory.trim, memory.resident)
    for used, free, tries in ((100, 9, False), (100, 11, True), (100, 0, False), (60, 0, False)):
        memory.used, memory.free = used, free
        assert heap.trim_if_grown() is tries
    memory.free = 9
    assert heap.trim_if_grown()


def test_what_was_in_use_is_looked_for_again() -> None:
    """Without success at the height of a burst, with success soon after it; more and more rarely
    where the memory stays in use.
    """
    memory = Memory()
    heap = Heap(memory.trim, memory.resident)
    memory.used = 150
    assert [heap.trim_if_grown() for _ in range(3)] == [True, False, True]
    memory.used, memory.free = 105, 45
    assert [heap.trim_if_grown() for _ in range(3)] == [False, False, True]
    assert memory.resident() == 105 * MIB
    memory.used = 150
    assert sum(heap.trim_if_grown() for _ in range(2_000)) < 20


FRAGMENTED = """
from rtdash.server.heap import WORTH_BYTES, Heap, find_trim, resident_bytes
heap = Heap(find_trim(), resident_bytes)
pieces = [bytes(20_000) for _ in range(5_000)]
kept = pieces[::100]
del pieces
before = resident_bytes()
assert heap.trim_if_grown()
assert resident_bytes() < before - WORTH_BYTES
"""


@pytest.mark.skipif(find_trim() is None, reason="the C library has no malloc_trim")
def test_free_pages_between_others_go_back() -> None:
    """Free pages that others are among stay in the process until the heap is trimmed: in a process
    of its own, since this one has free pages of other tests.
    """
    subprocess.run([sys.executable, "-c", FRAGMENTED], check=True, timeout=60)
