"""Weak entity tags of HTTP bodies (RFC 9110 section 8.8): how they are made and compared."""

from hashlib import blake2b


def weak_etag(content: bytes) -> str:
    """Return the weak tag of a body: equal for equal bodies."""
    return f'W/"{blake2b(content, digest_size=12).hexdigest()}"'


def is_listed(header: str | None, etag: str) -> bool:
    """Return whether an If-None-Match or If-Match header names the tag, or is `*`.

    Compares weakly (RFC 9110 section 8.8.3.2), also for If-Match: a proxy that compresses turns
    strong tags into weak ones, and clients send back what they got.
    """
    if header is None:
        return False
    opaque = etag.removeprefix("W/")
    return header.strip() == "*" or any(
        one.strip().removeprefix("W/") == opaque for one in header.split(",")
    )
