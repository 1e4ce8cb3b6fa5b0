"""Verification of tokens: they become principals with scopes and venues. A token is never kept,
only its digest.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any
from uuid import uuid4

from rtdash.domain.venues import Venue
from rtdash.server.auth.hs256 import verify_claims
from rtdash.server.auth.keys import Keys
from rtdash.server.auth.principal import (
    ADMIN,
    ALL_VENUES,
    LOGIN_USE,
    MAX_JTI_CHARS,
    MAX_SUB_CHARS,
    Principal,
    TokenRefused,
    principal_of,
)

__all__ = [
    "ADMIN",
    "ALL_VENUES",
    "DEFAULT_SCOPES",
    "LOGIN_USE",
    "MAX_JTI_CHARS",
    "MAX_SUB_CHARS",
    "MAX_TOKEN_CHARS",
    "Principal",
    "TokenRefused",
    "UnknownKeyError",
    "Verifier",
    "mint",
    "own_venues",
    "token_digest",
]

DEFAULT_SCOPES = ("hotel:read", "hotel:write", "restaurant:read", "restaurant:write")
MAX_TOKEN_CHARS = 8192
MAX_KNOWN = 10_000
"""Verified tokens remembered at once; the oldest are forgotten first."""


class Verifier:
    """Turns tokens into principals.

    `secret` verifies HS256, None: no such token is taken. `keys` verify the asymmetric algorithms,
    each fixed by the type of its key, so that no token chooses how it is checked (RFC 8725 section
    3.1). `is_revoked` is asked each time, also for tokens that were verified before. Tokens live by
    the machine's clock, from which an issuer's may differ by `leeway_s`.
    """

    def __init__(
        self,
        secret: str | None,
        *,
        issuer: str | None = None,
        audience: str | None = None,
        leeway_s: float = 0.0,
        keys: Keys | None = None,
        is_revoked: Callable[[Principal], bool] = lambda _: False,
        on_refused: Callable[..., None] = lambda **_: None,
    ) -> None:
        self._secret = secret
        self._fast_secret = None if secret is None or issuer or audience else secret.encode()
        self._issuer = issuer
        self._audience = audience
        self._leeway_s = leeway_s
        self._keys = keys or Keys()
        self._is_revoked = is_revoked
        self._on_refused = on_refused
        self._known: dict[bytes, tuple[Principal, float]] = {}
        self._keys.on_changed = (
            self._known.clear
        )  # a token of a key that was taken out is not to be taken from memory

    @property
    def may_wait(self) -> bool:
        """Whether `authenticate` may have to fetch a key set; otherwise it never waits."""
        return self._keys.is_remote

    def verify(self, token: str) -> Principal:
        """Return the principal of a token. Raises TokenRefused."""
        digest = token_digest(token)
        if digest not in self._known:
            principal = self._check(token)
            self._remember(digest, (principal, principal.expires_at.timestamp() + self._leeway_s))
        return self.recall(digest)

    def recall(self, digest: bytes) -> Principal:
        """Return what `verify` does for the digest of a token that was verified before. Raises
        KeyError for another, and TokenRefused.
        """
        principal, expires_at = self._known[digest]
        if expires_at <= time.time():
            del self._known[digest]
            raise TokenRefused("the token has expired: get a new one", expired=True)
        if self._is_revoked(principal):
            raise TokenRefused("the token has been revoked: get a new one", revoked=True)
        return principal

    async def authenticate(self, token: str) -> Principal:
        """Verify a token; one signed with a key that is not known yet has the key set fetched
        anew first (at most every 10 s).
        """
        try:
            try:
                return self.verify(token)
            except UnknownKeyError:
                if not await self._keys.refresh():
                    raise
            return self.verify(token)
        except TokenRefused as refusal:
            self._on_refused(expired=refusal.expired, revoked=refusal.revoked)
            raise

    def _check(self, token: str) -> Principal:
        if len(token) > MAX_TOKEN_CHARS:
            raise TokenRefused(f"the token is longer than {MAX_TOKEN_CHARS} characters")
        try:
            secret = self._fast_secret
            claims = None if secret is None else verify_claims(token, secret, self._leeway_s)
            return principal_of(self._verify_claims(token) if claims is None else claims)
        # TypeError and OSError: an instant of another type, or beyond what the system's clock knows
        except (ValueError, OverflowError, TypeError, OSError) as error:
            raise _not_valid(error) from None

    def _verify_claims(self, token: str) -> dict[str, Any]:
        """Return the claims of any token that is valid. Raises TokenRefused."""
        import jwt  # noqa: PLC0415 - many servers never see an unusual token

        try:
            header = jwt.get_unverified_header(token)
            algorithm = header.get("alg")
            for key in self._candidates(algorithm, header.get("kid")):
                claims = self._decode(token, key, str(algorithm))
                if claims is not None:
                    return claims
        except jwt.ExpiredSignatureError:
            raise TokenRefused("the token has expired: get a new one", expired=True) from None
        except jwt.InvalidTokenError as error:
            raise _not_valid(error) from None
        raise TokenRefused("the token's signature is not valid: get a new one")

    def _candidates(self, algorithm: Any, key_id: Any) -> Sequence[Any]:
        """The keys that such a token may have been signed with. HS256 is checked with the secret
        and nothing else.
        """
        if algorithm == "HS256" and self._secret is not None:
            return (self._secret,)
        keys = self._keys.matching(algorithm, key_id)
        if not keys:
            raise UnknownKeyError
        return keys

    def _decode(self, token: str, key: Any, algorithm: str) -> dict[str, Any] | None:
        """Return the claims; None when the signature is not that key's."""
        import jwt  # noqa: PLC0415

        options = {
            "require": ["exp", "sub"],
            "verify_aud": self._audience is not None,
            "verify_iss": self._issuer is not None,
        }
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                options=options,  # type: ignore[arg-type]
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway_s,
            )
        except jwt.InvalidSignatureError:
            return None

    def _remember(self, digest: bytes, known: tuple[Principal, float]) -> None:
        while len(self._known) >= MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[digest] = known


class UnknownKeyError(TokenRefused):
    """A token by an algorithm or a key that the server doesn't know."""

    def __init__(self) -> None:
        super().__init__(
            "the token is signed with a key or an algorithm that this server does not accept: get a"
            " new one"
        )


def _not_valid(error: Exception) -> TokenRefused:
    return TokenRefused(f"the token is not valid ({type(error).__name__}): get a new one")


def own_venues(venues: Mapping[str, Venue], caller: Principal) -> Iterable[Venue]:
    """The token's venues in its order, each once; `*` among them stands for all in the order of
    their file.
    """
    if caller.venues == (ALL_VENUES,):
        return venues.values()
    ids = (
        venue_id for own in caller.venues for venue_id in (venues if own == ALL_VENUES else (own,))
    )
    return [venues[venue_id] for venue_id in dict.fromkeys(ids) if venue_id in venues]


def mint(
    secret: str,
    *,
    user: str,
    name: str | None = None,
    scopes: Sequence[str] = DEFAULT_SCOPES,
    venues: Sequence[str] = (ALL_VENUES,),
    ttl: timedelta = timedelta(hours=12),
    now: datetime | None = None,
    issuer: str | None = None,
    audience: str | None = None,
    login_at: datetime | None = None,
) -> str:
    """A token signed with the server's secret (HS256). `iat` has milliseconds, so that one minted
    right after a revocation is good.
    """
    import jwt  # noqa: PLC0415

    issued = now or datetime.now(UTC)
    claims = {
        "sub": user,
        "jti": uuid4().hex,
        "scope": " ".join(scopes),
        "venues": list(venues),
        "iat": round(issued.timestamp(), 3),
        "exp": issued + ttl,
    }
    signed_in = login_at and round(login_at.timestamp(), 3)
    optional = (("name", name), ("iss", issuer), ("aud", audience), ("login_at", signed_in))
    claims |= {claim: value for claim, value in optional if value}
    return jwt.encode(claims, secret, algorithm="HS256")


def token_digest(token: str) -> bytes:
    """Return the digest that is remembered of a token in its place."""
    return blake2b(token.encode("utf-8", "replace"), digest_size=16).digest()
