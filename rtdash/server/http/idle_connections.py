"""Connections that speak HTTP, bounded in number: one more, and the one goes that has asked for
nothing for longest.
"""

import asyncio
from collections import OrderedDict
from typing import Generic, Protocol, TypeVar

Member = TypeVar("Member")


class HttpPeer(Protocol):
    """A connection that speaks HTTP."""

    transport: asyncio.Transport


class IdleConnections(Generic[Member]):
    """Connections in the order of their last request: a peer that opens many and asks for nothing
    only drives out its own. `limit` 0: no bound.

    None is refused, so that a full house can't keep others from coming in.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._members: OrderedDict[Member, None] = OrderedDict()

    def enter(self, member: Member) -> Member | None:
        """Add a connection; return the one that has to go for it, if there is one."""
        self._members[member] = None
        return (
            self._members.popitem(last=False)[0] if 0 < self._limit < len(self._members) else None
        )

    def touch(self, member: Member) -> None:
        """Note that it has asked for something."""
        if member in self._members:
            self._members.move_to_end(member)

    def leave(self, member: Member) -> None:
        """Forget one that has ended, or that doesn't speak HTTP any more. Idempotent."""
        self._members.pop(member, None)
