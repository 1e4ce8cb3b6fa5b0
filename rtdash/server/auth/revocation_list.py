"""Revoked tokens and users: rows of the store, held in memory, where every check of a token
looks.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

from rtdash.domain.instants import Clock
from rtdash.server.auth.tokens import Principal
from rtdash.store import revocations
from rtdash.store.database import Database, StoreUnavailable

SWEEP_S = 1.0
"""How soon a revocation by another process is known here."""
OVERLAP = timedelta(seconds=30)
"""How far back a sweep looks, for rows of a slow transaction, or of a process with a slow clock."""
THOROUGH_SWEEPS = 60
"""Every so many sweeps all rows are read, whatever the clocks say."""


class RevocationList:
    """Revocations by token id, for good; by user, for the tokens issued at or before the instant."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._tokens: set[str] = set()
        self._users: dict[str, datetime] = {}
        self._swept_at: datetime | None = None
        self.on_revoked: Callable[[], None] = lambda: None
        """Called after new revocations are known, for the owner of open connections."""

    def is_user_revoked(self, sub: str, issued_at: datetime) -> bool:
        """Whether everything that was issued to the user at that instant is revoked."""
        revoked_at = self._users.get(sub)
        return revoked_at is not None and issued_at <= revoked_at

    def is_revoked(self, principal: Principal) -> bool:
        """Whether the bearer's token is no longer to be taken."""
        if principal.jti and principal.jti in self._tokens:
            return True
        return self.is_user_revoked(principal.sub, principal.issued_at)

    async def revoke(self, *, jti: str | None = None, sub: str | None = None) -> None:
        """Revoke a token by its id, or all of a user's tokens that exist. Known here at once.
        Raises StoreUnavailable.
        """
        now = self._clock()
        await self._database.write(
            lambda connection: revocations.revoke(connection, jti=jti, sub=sub, at=now)
        )
        await self.load()  # all of them: our clock may have been set back since the last sweep

    async def use_once(self, jti: str) -> bool:
        """Use up the id of a sign-in code. False when a process has done so before. Raises
        StoreUnavailable.
        """
        now = self._clock()
        return await self._database.write(
            lambda connection: revocations.use_once(connection, jti, at=now)
        )

    async def load(self, *, is_thorough: bool = True) -> None:
        """Read those in the store, or only those since shortly before the last time. Raises
        StoreUnavailable.
        """
        since = None if is_thorough or self._swept_at is None else self._swept_at - OVERLAP
        started = self._clock()
        found = await self._database.read(
            lambda connection: revocations.read_revocations(connection, since)
        )
        self._swept_at = started
        before = len(self._tokens), dict(self._users)
        if since is None:  # all of them: those that the store has removed go here, too
            self._tokens, self._users = set(), {}
        for revocation in found:
            if revocation.kind == "jti":
                self._tokens.add(revocation.value)
            else:
                self._users[revocation.value] = max(
                    revocation.at, self._users.get(revocation.value, revocation.at)
                )
        if before != (len(self._tokens), self._users):
            self.on_revoked()

    async def sweep_periodically(self) -> None:
        """Look for those of other processes, for ever; a store that is away is asked again."""
        for sweep in count(1):
            await asyncio.sleep(SWEEP_S)
            try:
                await self.load(is_thorough=sweep % THOROUGH_SWEEPS == 0)
            except StoreUnavailable:
                continue
