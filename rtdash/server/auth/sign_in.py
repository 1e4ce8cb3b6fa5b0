"""Signing in with a browser: one-time codes become tokens, and tokens of a sign-in are renewed.

A code is a JWT with `use: "login"`, good for a minute and once, over all processes; it is never a
token, nor a token a code (guide/tokens.md).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from rtdash.domain.instants import Clock
from rtdash.server.auth.revocation_list import RevocationList
from rtdash.server.auth.tokens import (
    ALL_VENUES,
    DEFAULT_SCOPES,
    LOGIN_USE,
    MAX_TOKEN_CHARS,
    Principal,
    TokenRefused,
    mint,
)

CODE_TTL = timedelta(seconds=60)
TOKEN_TTL = timedelta(hours=12)
_NOT_VALID = "the sign-in code is not valid, was used, or has expired: get a new one: rtdash open"


def mint_code(
    secret: str,
    *,
    user: str,
    name: str | None = None,
    scopes: Sequence[str] = DEFAULT_SCOPES,
    venues: Sequence[str] = (ALL_VENUES,),
    ttl: timedelta = TOKEN_TTL,
    now: datetime | None = None,
    code_ttl: timedelta = CODE_TTL,
    issuer: str | None = None,
    audience: str | None = None,
) -> str:
    """Return a code for one sign-in; `ttl` is how long the token to come is valid."""
    import jwt  # noqa: PLC0415 - few servers sign anyone in as they start

    issued = now or datetime.now(UTC)
    claims: dict[str, Any] = {
        "use": LOGIN_USE,
        "sub": user,
        "jti": uuid4().hex,
        "scope": " ".join(scopes),
        "venues": list(venues),
        "ttl": ttl.total_seconds(),
        "iat": round(issued.timestamp(), 3),
        "exp": issued + code_ttl,
    }
    claims |= {
        claim: value
        for claim, value in (("name", name), ("iss", issuer), ("aud", audience))
        if value
    }
    return jwt.encode(claims, secret, algorithm="HS256")


class SignIn:
    """Exchanges codes for tokens and renews these, all signed with the server's secret.

    `longest` is how long after its sign-in a token can be renewed; zero or less: without end. With
    `is_enabled` False no code is taken, as no such token would be.
    """

    def __init__(
        self,
        secret: str,
        revocations: RevocationList,
        clock: Clock,
        *,
        longest: timedelta,
        issuer: str | None = None,
        audience: str | None = None,
        is_enabled: bool = True,
    ) -> None:
        self._is_enabled = is_enabled
        self._secret = secret
        self._revocations = revocations
        self._clock = clock
        self._longest = longest
        self._issuer = issuer
        self._audience = audience

    async def redeem(self, code: str) -> tuple[str, datetime]:
        """Return the token of a code and when it expires. Raises TokenRefused, StoreUnavailable."""
        if not self._is_enabled:
            raise TokenRefused(
                "this server takes no tokens of its own secret: sign in at your identity provider"
            )
        claims = self._decode(code)
        # The insert fails for the second process that tries, so no lock is needed.
        if not await self._revocations.use_once(claims["jti"]):
            raise TokenRefused(_NOT_VALID)
        now = self._clock()
        return self._mint(
            now,
            user=claims["sub"],
            name=claims.get("name"),
            scopes=str(claims.get("scope", "")).split(),
            venues=claims.get("venues", []),
            ttl=timedelta(seconds=float(claims.get("ttl", TOKEN_TTL.total_seconds()))),
            login_at=now,
        )

    def renew(self, principal: Principal) -> tuple[str, datetime]:
        """Return the next token of a sign-in and when it expires.

        Raises TokenRefused for a token of another origin, and when the sign-in is too old.
        """
        if principal.login_at is None:
            raise TokenRefused("only a token of a sign-in can be renewed: get a new one")
        return self._mint(
            self._clock(),
            user=principal.sub,
            name=principal.name,
            scopes=sorted(principal.scopes),
            venues=principal.venues,
            ttl=principal.expires_at - principal.issued_at,
            login_at=principal.login_at,
        )

    def _mint(
        self, now: datetime, *, login_at: datetime, ttl: timedelta, **content: Any
    ) -> tuple[str, datetime]:
        if self._longest > timedelta():
            ttl = min(ttl, login_at + self._longest - now)
        if ttl <= timedelta():
            raise TokenRefused("the sign-in is too old: sign in again: rtdash open", expired=True)
        token = mint(
            self._secret,
            ttl=ttl,
            now=now,
            issuer=self._issuer,
            audience=self._audience,
            login_at=login_at,
            **content,
        )
        return token, (now + ttl).replace(microsecond=0)  # `exp` has whole seconds

    def _decode(self, code: str) -> dict[str, Any]:
        """Return the claims of a code. Raises TokenRefused, and never says which part is wrong."""
        import jwt  # noqa: PLC0415

        try:
            if len(code) > MAX_TOKEN_CHARS:
                raise TokenRefused(_NOT_VALID)
            claims = jwt.decode(
                code,
                self._secret,
                algorithms=["HS256"],
                options={
                    "require": ["exp", "sub", "jti"],
                    "verify_aud": self._audience is not None,
                    "verify_iss": self._issuer is not None,
                },
                issuer=self._issuer,
                audience=self._audience,
            )
        except (jwt.InvalidTokenError, ValueError, OverflowError):
            raise TokenRefused(_NOT_VALID) from None
        issued = datetime.fromtimestamp(claims.get("iat", 0), UTC)
        if claims.get("use") != LOGIN_USE or self._revocations.is_user_revoked(
            claims["sub"], issued
        ):
            raise TokenRefused(_NOT_VALID)
        return claims
