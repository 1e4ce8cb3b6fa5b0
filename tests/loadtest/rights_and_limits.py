"""Servers that are wrong about rights, sessions and slow consumers, each in one way."""

import asyncio
from typing import Any

from tests.loadtest.independent_behaviour import Behaviour, Client
from tests.loadtest.independent_server import IndependentServer

Json = dict[str, Any]


class Unguarded(Behaviour):
    """Lets every token follow everything."""

    def may_read(self, kind: str, reads: set[str]) -> bool:
        """Whatever it says."""
        return True


class UnguardedWrites(Behaviour):
    """Lets tokens write that may only read."""

    def may_write(self, kind: str, writes: set[str]) -> bool:
        """Whatever it says."""
        return True


class Defenceless(Unguarded, UnguardedWrites):
    """Refuses nothing."""


class Hoarding(Behaviour):
    """Stores a session for each connection and for each resume, three times."""

    def session_rows(self, rows: int) -> int:
        """And removes none."""
        return 3 * rows


class Unforgetting(Behaviour):
    """Keeps every session for ever."""

    session_ttl_s = 1e9


class Unpinged(Behaviour):
    """Honest; it sends no ping, whose answer a client that reads nothing can't give."""

    ping_interval_s = None
    most_waiting = 120


class Neighbourly(Unpinged):
    """Closes another client as well when it closes a slow consumer."""

    def dropped(self, server: IndependentServer, client: Client) -> None:
        """The fourth that came: after those beside the load."""
        other = sorted(server.clients, key=lambda one: one.number)[3]
        self._task = asyncio.create_task(other.socket.close(1011))


class Patient(Unpinged):
    """Never closes a slow consumer, and remembers everything for it."""

    most_waiting = 9_999
