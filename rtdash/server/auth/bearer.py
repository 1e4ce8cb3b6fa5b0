"""Token of a request's `Authorization: Bearer` (RFC 6750 section 2.1): the one parser, for REST,
its short ways and handshakes.
"""

from collections.abc import Iterable

_SCHEME = "bearer "
_USUAL = "Bearer "


def parse_bearer(authorization: str) -> str | None:
    """Parse the value of an Authorization field into its token, without the blanks around it.

    None for another scheme and for a missing token. The scheme's case is free (RFC 9110 section
    11.1).
    """
    scheme = authorization[:7]
    if scheme != _USUAL and scheme.lower() != _SCHEME:
        return None
    return authorization[7:].strip() or None


def find_bearer(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Parse the token out of a head, given as ASGI does: names in lower case.

    None as in `parse_bearer`, without the field, and where it stands twice: which one is meant is
    unknown then.
    """
    found: bytes | None = None
    for name, value in headers:
        if name == b"authorization":
            if found is not None:
                return None
            found = value
    return None if found is None else parse_bearer(found.decode("latin-1"))
