"""Bearer of a token: what its claims say, each checked for its type."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

ALL_VENUES = "*"
ADMIN = "admin"
MAX_SUB_CHARS = 200
"""Pattern of an id that can be revoked, and stored in every database."""
MAX_JTI_CHARS = 200
"""The same for an id."""
LOGIN_USE = "login"
"""The claim `use` of a sign-in code, which is never a token."""


class TokenRefused(Exception):  # noqa: N818
    """A token that does not let its bearer in; `reason` is for the bearer and never holds the
    token.
    """

    def __init__(self, reason: str, *, expired: bool = False, revoked: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.expired = expired
        self.revoked = revoked


@dataclass(frozen=True, slots=True)
class Principal:
    """The bearer of a valid token (guide: tokens, "Claims")."""

    sub: str
    name: str | None
    scopes: frozenset[str]
    venues: tuple[str, ...]
    jti: str
    issued_at: datetime
    expires_at: datetime
    login_at: datetime | None = None
    """When its bearer signed in with a browser; None for every other token."""

    def allows(self, scope: str) -> bool:
        """Whether the token carries that scope."""
        return scope in self.scopes

    def may_see(self, venue_id: str) -> bool:
        """Whether the token is for that venue."""
        return venue_id in self.venues or ALL_VENUES in self.venues


def principal_of(claims: Mapping[str, Any]) -> Principal:
    """Return the principal of verified claims. Raises TokenRefused naming the claim that is of a
    wrong type; ValueError, OverflowError and OSError for an instant that no clock knows.
    """
    if claims.get("use") == LOGIN_USE:
        raise TokenRefused("this is a sign-in code and no token: POST it to /api/login")
    venues = claims.get("venues", [])
    if not isinstance(venues, list) or not all(
        isinstance(venue, str) and _is_text(venue) for venue in venues
    ):
        raise TokenRefused("the token's claim `venues` must be a list of strings")
    scope = _text(claims, "scope", "a string of scopes with spaces between") or ""
    jti = _text(claims, "jti", f"a string of at most {MAX_JTI_CHARS} printable characters") or ""
    name = _text(claims, "name", "a string")
    sub = claims["sub"]
    if not sub.isprintable() or not 1 <= len(sub) <= MAX_SUB_CHARS:
        raise TokenRefused(
            f"the token's claim `sub` must name a user in 1 to {MAX_SUB_CHARS} printable characters"
        )
    if not jti.isprintable() or len(jti) > MAX_JTI_CHARS:
        raise TokenRefused(
            f"the token's claim `jti` must be a string of at most {MAX_JTI_CHARS} printable"
            " characters"
        )
    return Principal(
        sub=sub,
        name=name,
        scopes=frozenset(scope.split()),
        venues=tuple(venues),
        jti=jti,
        issued_at=_instant(claims, "iat") or datetime.fromtimestamp(0, UTC),
        expires_at=_instant(claims, "exp") or datetime.fromtimestamp(0, UTC),
        login_at=_instant(claims, "login_at"),
    )


def _text(claims: Mapping[str, Any], claim: str, form: str) -> str | None:
    value = claims.get(claim)
    if claim in claims and not (isinstance(value, str) and _is_text(value)):
        raise TokenRefused(f"the token's claim `{claim}` must be {form}")
    return value


def _is_text(value: str) -> bool:
    """Whether it can be written in UTF-8: JSON may hold halves of characters."""
    return value.isascii() or not any("\ud800" <= one <= "\udfff" for one in value)


def _instant(claims: Mapping[str, Any], claim: str) -> datetime | None:
    """Return the instant of a claim, None where it is missing."""
    if claim not in claims:
        return None
    value = claims[claim]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenRefused(f"the token's claim `{claim}` must be a number of seconds")
    return datetime.fromtimestamp(value, UTC)
