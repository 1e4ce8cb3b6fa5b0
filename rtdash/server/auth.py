"""Who asks: tokens are verified here, and become principals with scopes and venues."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt

ALL_VENUES = "*"
DEFAULT_SCOPES = ("hotel:read", "hotel:write", "restaurant:read", "restaurant:write")


class TokenRefused(Exception):  # noqa: N818 - a refusal, not a fault
    """A token that does not let its bearer in; `reason` is for the bearer and never holds the token."""

    def __init__(self, reason: str, *, expired: bool = False, revoked: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.expired = expired
        self.revoked = revoked


@dataclass(frozen=True, slots=True)
class Principal:
    """The bearer of a valid token (CONTRACT section 2)."""

    sub: str
    name: str | None
    scopes: frozenset[str]
    venues: tuple[str, ...]
    jti: str
    issued_at: datetime
    expires_at: datetime

    def allows(self, scope: str) -> bool:
        """Whether the token carries that scope."""
        return scope in self.scopes

    def may_see(self, venue_id: str) -> bool:
        """Whether the token is for that venue."""
        return venue_id in self.venues or ALL_VENUES in self.venues


class Verifier:
    """Turns tokens into principals. `secret` verifies HS256."""

    def __init__(self, secret: str, *, issuer: str | None = None, audience: str | None = None) -> None:
        self._secret = secret
        self._issuer = issuer
        self._audience = audience

    def verify(self, token: str) -> Principal:
        """The principal of a token. Raises TokenRefused."""
        try:
            claims = jwt.decode(token, self._secret, algorithms=["HS256"], options={"require": ["exp", "sub"]}, issuer=self._issuer, audience=self._audience)
        except jwt.ExpiredSignatureError:
            raise TokenRefused("the token has expired: get a new one", expired=True) from None
        except jwt.InvalidTokenError as error:
            raise TokenRefused(f"the token is not valid ({type(error).__name__}): get a new one") from None
        return _principal(claims)


def mint(secret: str, *, user: str, name: str | None = None, scopes: Sequence[str] = DEFAULT_SCOPES, venues: Sequence[str] = (ALL_VENUES,), ttl: timedelta = timedelta(hours=12), now: datetime | None = None) -> str:
    """A token signed with the server's secret (HS256)."""
    issued = now or datetime.now(UTC)
    claims = {"sub": user, "jti": uuid4().hex, "scope": " ".join(scopes), "venues": list(venues), "iat": issued, "exp": issued + ttl}
    return jwt.encode(claims | ({"name": name} if name else {}), secret, algorithm="HS256")


def _principal(claims: dict[str, Any]) -> Principal:
    return Principal(
        sub=claims["sub"],
        name=claims.get("name"),
        scopes=frozenset(str(claims.get("scope", "")).split()),
        venues=tuple(claims.get("venues", ())),
        jti=str(claims.get("jti", "")),
        issued_at=datetime.fromtimestamp(claims.get("iat", 0), UTC),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
    )
