"""Bytes that peers have sent and the server has to hold: bounded for each address or user, and in
all.
"""

from collections import Counter
from collections.abc import Callable

MIB = 1024 * 1024

HEADS_TOTAL_BYTES = 64 * MIB
HEADS_ADDRESS_BYTES = 8 * MIB
"""Of heads that are not whole yet, and of requests that wait behind one: 128 of the longest heads
from one address."""
BODIES_TOTAL_BYTES = 128 * MIB
BODIES_USER_BYTES = 24 * MIB
"""Of bodies that are not whole yet: three of the largest lists of operations of one user."""


class ByteBudget:
    """Count of the bytes held, by owner. With `dry_run` an excess is reported and granted."""

    def __init__(
        self,
        *,
        total_bytes: int,
        owner_bytes: int,
        dry_run: bool,
        on_refused: Callable[[], None],
    ) -> None:
        self._total_bytes = total_bytes
        self._owner_bytes = owner_bytes
        self._dry_run = dry_run
        self._on_refused = on_refused
        self._by_owner: Counter[str] = Counter()
        self.held_bytes = 0

    def reserve(self, owner: str, size: int) -> bool:
        """Hold `size` more bytes for `owner`; False, and nothing is counted, where that is too
        much. An empty owner counts in the total only.
        """
        too_many = self.held_bytes + size > self._total_bytes or (
            bool(owner) and self._by_owner[owner] + size > self._owner_bytes
        )
        if too_many:
            self._on_refused()
            if not self._dry_run:
                return False
        self.held_bytes += size
        if owner:
            self._by_owner[owner] += size
        return True

    def give_back(self, owner: str, size: int) -> None:
        """Hold so many bytes less."""
        self.held_bytes -= size
        if owner:
            self._by_owner[owner] -= size
            if self._by_owner[owner] <= 0:
                del self._by_owner[owner]
