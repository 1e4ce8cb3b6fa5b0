"""Revoked tokens and users: rows of the store, held in memory, where every check of a token looks."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from rtdash.domain.instants import Clock
from rtdash.server.auth import Principal
from rtdash.store import sessions
from rtdash.store.database import Database, StoreUnavailable

SWEEP_S = 1.0
"""How soon a revocation by another process is known here."""
OVERLAP = timedelta(seconds=30)
"""How far back a sweep looks, for rows whose transaction was slow or whose process has a slow clock."""


class Revocations:
    """By token id, for good; by user, for the tokens issued at or before the instant."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._tokens: set[str] = set()
        self._users: dict[str, datetime] = {}
        self._swept_at: datetime | None = None
        self.on_revoked: Callable[[], None] = lambda: None
        """Called after new revocations are known, for whoever holds open connections."""

    def is_revoked(self, principal: Principal) -> bool:
        """Whether the bearer's token is no longer to be taken."""
        if principal.jti and principal.jti in self._tokens:
            return True
        revoked_at = self._users.get(principal.sub)
        return revoked_at is not None and principal.issued_at <= revoked_at

    async def revoke(self, *, jti: str | None = None, sub: str | None = None) -> None:
        """Revoke a token by its id, or all of a user's tokens that exist. Known here at once. Raises StoreUnavailable."""
        now = self._clock()
        await self._database.write(lambda connection: sessions.revoke(connection, jti=jti, sub=sub, at=now))
        await self.load()

    async def load(self) -> None:
        """Read what is new in the store. Raises StoreUnavailable."""
        since = self._swept_at - OVERLAP if self._swept_at else None
        started = self._clock()
        found = await self._database.read(lambda connection: sessions.read_revocations(connection, since))
        self._swept_at = started
        before = len(self._tokens), dict(self._users)
        for revocation in found:
            if revocation.kind == "jti":
                self._tokens.add(revocation.value)
            else:
                self._users[revocation.value] = max(revocation.at, self._users.get(revocation.value, revocation.at))
        if before != (len(self._tokens), self._users):
            self.on_revoked()

    async def run(self) -> None:
        """Look for those of other processes, for ever; a store that is away is asked again."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self.load()
            except StoreUnavailable:
                continue
