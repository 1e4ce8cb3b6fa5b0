"""Rights of a token, as its claims state them: the load uses tokens of different rights. Pure."""

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass

KINDS = ("hotel", "restaurant")


@dataclass(frozen=True, slots=True)
class TokenRights:
    """Kinds of venue that a token may read, and those that it may write to."""

    reads: frozenset[str]
    writes: frozenset[str]
    subject: str | None = None
    """The user that it is of."""


def parse_rights(token: str) -> TokenRights | None:
    """Return the rights in the claims of a JWT, unverified; None for any other token."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        scopes, subject = claims["scope"], claims.get("sub")
        scopes = set(scopes.split() if isinstance(scopes, str) else scopes)
    except (IndexError, KeyError, ValueError, TypeError, AttributeError, binascii.Error):
        return None
    return TokenRights(
        frozenset(kind for kind in KINDS if f"{kind}:read" in scopes),
        frozenset(kind for kind in KINDS if f"{kind}:write" in scopes),
        subject if isinstance(subject, str) else None,
    )


def split_by_rights(tokens: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the tokens with the rights of the first, and those with fewer.

    A token with more, or without claims that can be read, counts as one of the first.
    """
    full: list[str] = []
    fewer: list[str] = []
    most: TokenRights | None = None
    for token in tokens:
        rights = parse_rights(token)
        most = rights if not full else most
        lacks = (
            rights is not None
            and most is not None
            and (rights.reads < most.reads or rights.writes < most.writes)
        )
        (fewer if lacks else full).append(token)
    return tuple(full), tuple(fewer)
