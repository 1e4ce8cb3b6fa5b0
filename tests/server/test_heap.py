"""Memory that a burst has left goes back to the system, and is not looked for in vain."""

import pytest

from rtdash.server.heap import WORTH_BYTES, Heap, find_trim, resident_bytes

MIB = 1024 * 1024


def test_only_growth_is_worth_a_look() -> None:
    """A tenth and 8 MiB above the least so far; what is still there afterwards is in use."""
    resident, trims = [100 * MIB], []

    def trim(_: int) -> int:
        trims.append(resident[0])
        resident[0] -= 10 * MIB
        return 1

    heap = Heap(trim, lambda: resident[0])
    for now, trimmed in (
        (109, False),
        (111, True),  # to 101
        (110, False),
        (60, False),
        (67, False),
        (69, True),  # to 59
        (500, True),  # to 490: in use
        (500, False),
        (530, False),
        (540, True),
    ):
        resident[0] = now * MIB
        assert heap.trim_if_grown() is trimmed, now
    assert len(trims) == 4


@pytest.mark.skipif(find_trim() is None, reason="the C library has no malloc_trim")
def test_free_pages_between_others_go_back() -> None:
    """Free pages that others are among stay in the process until the heap is trimmed."""
    trim = find_trim()
    assert trim is not None
    heap = Heap(trim, resident_bytes)
    pieces = [bytes(20_000) for _ in range(5_000)]
    kept = pieces[::100]
    del pieces
    before = resident_bytes()
    assert heap.trim_if_grown() is True
    assert resident_bytes() < before - WORTH_BYTES
    assert len(kept) == 50
