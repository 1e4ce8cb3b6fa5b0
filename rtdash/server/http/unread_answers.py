"""Answers that peers don't read: bounded in bytes for each address, and in all."""

import asyncio
import socket
import struct
from collections import OrderedDict
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from rtdash.server.http.byte_budget import MIB

UNREAD_TOTAL_BYTES = 128 * MIB
UNREAD_ADDRESS_BYTES = 24 * MIB
"""Of one address: eighty of the largest pages of reservations."""

_NO_LINGER = struct.pack("ii", 1, 0)


class UnreadPeer(Protocol):
    """A connection with an answer that its peer may not have read."""

    transport: asyncio.Transport


Peer = TypeVar("Peer", bound=UnreadPeer)


class UnreadAnswers(Generic[Peer]):
    """Bytes that wait for peers to read, by connection, in the order of their waiting.

    Beyond a bound the connections go that have waited for longest: those that don't read can't keep
    an answer from those that do. The last one is never asked to go, however large its answer is.
    """

    def __init__(self, *, total_bytes: int, owner_bytes: int) -> None:
        self._all = _Waiting[Peer](total_bytes)
        self._owner_bytes = owner_bytes
        self._by_owner: dict[str, _Waiting[Peer]] = {}
        self._owners: dict[Peer, str] = {}

    @property
    def held_bytes(self) -> int:
        """Bytes that wait, as far as they were noted."""
        return self._all.held_bytes

    def note(self, peer: Peer, owner: str, size: int) -> list[Peer]:
        """Note that so many bytes wait for a peer; return those that have to go. An empty owner
        counts in all only.
        """
        self.forget(peer)
        late: list[Peer] = []
        self._owners[peer] = owner
        waiting = [self._all]
        if owner:
            waiting.append(self._by_owner.setdefault(owner, _Waiting(self._owner_bytes)))
        for one in waiting:
            one.add(peer, size)
        for one in reversed(waiting):
            while (oldest := one.oldest_beyond()) is not None:
                # what it has read meanwhile was not noted: only a peer that still has not is closed
                is_unread = oldest.transport.get_write_buffer_size() > 0
                self.forget(oldest)
                if is_unread:
                    late.append(oldest)
        return late

    def forget(self, peer: Peer) -> None:
        """Forget a peer that has read, or has gone. Idempotent."""
        owner = self._owners.pop(peer, None)
        if owner is None:
            return
        self._all.remove(peer)
        if owner:
            own = self._by_owner[owner]
            own.remove(peer)
            if not own.held_bytes:
                del self._by_owner[owner]


class _Waiting(Generic[Peer]):
    """Peers in order, with the bytes of each."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._sizes: OrderedDict[Peer, int] = OrderedDict()
        self.held_bytes = 0

    def add(self, peer: Peer, size: int) -> None:
        self._sizes[peer] = size
        self.held_bytes += size

    def remove(self, peer: Peer) -> None:
        self.held_bytes -= self._sizes.pop(peer)

    def oldest_beyond(self) -> Peer | None:
        """Return the peer that has to go next; None within the bound, and for a last one."""
        if self.held_bytes <= self._limit_bytes or len(self._sizes) < 2:
            return None
        return next(iter(self._sizes))


def reset(transport: asyncio.Transport) -> None:
    """End a connection at once, with what the kernel still holds of it.

    After an ordinary end the kernel offers the rest for minutes to a peer that doesn't read, which
    doesn't see the end either.
    """
    opened = transport.get_extra_info("socket")
    if opened is not None:
        with suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
