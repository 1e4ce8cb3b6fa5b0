"""How many connections may speak HTTP at once. One more, and the one goes that has asked for
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
    """Connections in the order of their last request: whoever opens many and asks for nothing only
    drives out its own. `limit` 0: no bound.

    Nobody is refused, so that a full house can't keep others from coming in.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._members: OrderedDict[Member, None] = OrderedDict()

    def enter(self, member: Member) -> Member | None:
        """Somebody new; the one who has to go for it, if there is one."""
        self._members[member] = None
        return (
            self._members.popitem(last=False)[0] if 0 < self._limit < len(self._members) else None
        )

    def stir(self, member: Member) -> None:
        """It has asked for something."""
        if member in self._members:
            self._members.move_to_end(member)

    def leave(self, member: Member) -> None:
        """It has ended, or doesn't speak HTTP any more. Idempotent."""
        self._members.pop(member, None)
