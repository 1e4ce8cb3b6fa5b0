"""Everything by which a server knows its callers, built of its settings."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from rtdash.domain.instants import Clock
from rtdash.server.auth.keys import Keys, KeyUnusable, read_key_file
from rtdash.server.auth.revocation_list import RevocationList
from rtdash.server.auth.sign_in import SignIn
from rtdash.server.auth.tokens import Verifier
from rtdash.settings import Settings
from rtdash.store.database import Database

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Authentication:
    """Keys, verifier, revocations and sign-in of one server."""

    keys: Keys
    verifier: Verifier
    revocations: RevocationList
    sign_in: SignIn


def read_keys(settings: Settings) -> Keys:
    """Return the public keys that the settings name. Raises KeyUnusable.

    Without an audience every application of an identity provider shares its keys, and a token made
    for another one would be taken (RFC 8725 section 3.9).
    """
    fixed = read_key_file(settings.jwt_key_file) if settings.jwt_key_file else ()
    if not settings.local_tokens and not fixed and settings.jwks_url is None:
        raise KeyUnusable(
            "no token could ever be taken: RTDASH_LOCAL_TOKENS is off, and no public keys are set:"
            " set RTDASH_JWKS_URL or RTDASH_JWT_KEY_FILE"
        )
    if settings.jwks_url is not None and settings.audience is None:
        _log.warning(
            "RTDASH_JWKS_URL without RTDASH_AUDIENCE: a token that the provider made for another"
            " application is taken as well"
        )
    return Keys(fixed, settings.jwks_url)


async def open_identity(
    settings: Settings,
    secret: str,
    keys: Keys,
    database: Database,
    clock: Clock,
    *,
    on_refused: Callable[..., None],
) -> Authentication:
    """Build it, with the revocations that are known. Raises StoreUnavailable."""
    revocations = RevocationList(database, clock)
    await revocations.load()
    verifier = Verifier(
        secret if settings.local_tokens else None,
        issuer=settings.issuer,
        audience=settings.audience,
        leeway_s=settings.limits.jwt_leeway_s,
        keys=keys,
        is_revoked=revocations.is_revoked,
        on_refused=on_refused,
    )
    sign_in = SignIn(
        secret,
        revocations,
        clock,
        longest=timedelta(seconds=settings.limits.login_ttl_s),
        issuer=settings.issuer,
        audience=settings.audience,
        is_enabled=settings.local_tokens,
    )
    return Authentication(keys, verifier, revocations, sign_in)
