"""Weak entity tags of HTTP bodies (RFC 9110 section 8.8): how they are made and compared.

All comparison is weak, also for If-Match: a proxy that compresses turns strong tags into weak ones,
and clients send back what they got.
"""

import re
from hashlib import blake2b

_TAG = re.compile(r'(?:W/)?"([^"]*)"|(?:W/)?([^\s,"]+)')
"""Pattern of a tag in a list. Between quotes it may hold commas; quotes that a client forgot are
forgiven."""
_VERSION = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def weak_etag(content: bytes) -> str:
    """Return the weak tag of a body: equal for equal bodies."""
    return f'W/"{blake2b(content, digest_size=12).hexdigest()}"'


def is_listed(header: str | None, etag: str) -> bool:
    """Return whether an If-None-Match or If-Match header names the tag, or is `*`."""
    if header is None:
        return False
    if header == etag:
        return True
    opaque = etag.removeprefix("W/")
    return header.strip() == "*" or any(
        one.strip().removeprefix("W/") == opaque for one in header.split(",")
    )


def version_etag(version: int) -> str:
    """Return the tag of a version of a reservation."""
    return f'W/"{version}"'


def listed_versions(header: str | None) -> frozenset[int] | None:
    """Return the versions that an If-Match header names; None where any will do. A tag that no
    version has never matches, and is passed over.
    """
    if header is None or header.strip() == "*":
        return None
    tags = (quoted or bare for quoted, bare in _TAG.findall(header))
    return frozenset(int(tag) for tag in tags if _VERSION.fullmatch(tag))
