"""Origins of web pages: the one rule on which pages of other sites may talk to a server."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import SplitResult, urlsplit

import idna

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SOCKET_SCHEMES = {"ws": "http", "wss": "https"}
_NUMBER_AT_END = re.compile(r"(?:.*\.)?(?:\d+|0x[\da-f]*)\.?", re.DOTALL)
"""A host that browsers read as an IPv4 address, or refuse (WHATWG URL, "ends in a number")."""


@dataclass(frozen=True, slots=True)
class Origins:
    """Allowed origins: whole ones, all subdomains of a host (`https://*.example.com`), or all.

    Browsers name a page by scheme, host and port (RFC 6454); apps that wrap pages have schemes of
    their own, as in `capacitor://localhost`.
    """

    whole: frozenset[str] = frozenset()
    below: tuple[tuple[str, str], ...] = ()
    """For each host with a wildcard: what an origin begins with, and what it ends with."""
    allows_all: bool = False

    @classmethod
    def parse(cls, setting: str) -> "Origins":
        """Parse a list with commas. Raises ValueError for an entry that no browser could ever
        match, saying how to mend it.
        """
        names = [name.strip() for name in setting.split(",") if name.strip()]
        canonical = [_parse_allowed(name) for name in names if name != "*"]
        return cls(
            whole=frozenset(name for name in canonical if "*" not in name),
            below=tuple(_around_wildcard(name) for name in canonical if "*" in name),
            allows_all="*" in names,
        )

    def allows(self, origin: str) -> bool:
        """Whether a page of that origin may ask, as its browser names it."""
        if self.allows_all:
            return True
        name = canonical_origin(origin)
        return name is not None and (
            name in self.whole
            or any(
                name.startswith(start) and name.endswith(end) and len(name) > len(start + end)
                for start, end in self.below
            )
        )

    def __str__(self) -> str:
        """Return the setting that means the same."""
        wildcards = [f"{start}*{end}" for start, end in self.below]
        return ",".join([*["*"] * self.allows_all, *sorted(self.whole), *wildcards])


def canonical_origin(text: str) -> str | None:
    """Return an origin as browsers write it: lower case, punycode, no default port (RFC 6454
    section 6.2). None for what is none, as `null`.
    """
    try:
        parts = urlsplit(text.strip().lower())
        host = _encode_host(parts.hostname or "")
        port = parts.port
    except ValueError:
        return None
    if not parts.scheme or not host or "@" in parts.netloc:
        return None
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (
        f":{port}" if port not in {None, _DEFAULT_PORTS.get(parts.scheme)} else ""
    )


def _parse_allowed(name: str) -> str:
    found = canonical_origin(name.rstrip("/"))
    if found is not None and _has_more(urlsplit(name.rstrip("/"))):
        found = None
    if name.lower() == "null":
        raise ValueError(
            "null names every page without an origin, which no setting can distinguish: name the"
            " page's own origin, or * for every page"
        )
    if found is None:
        raise ValueError(
            f"{name!r} is no origin: write it as in https://dashboard.example, or * for every page"
        )
    scheme, _, host = found.partition("://")
    if scheme in _SOCKET_SCHEMES:
        raise ValueError(
            f"{name!r} can never match: browsers send the page's origin, as in"
            f" {_SOCKET_SCHEMES[scheme]}://{host}"
        )
    if "*" in host and (not host.startswith("*.") or host.count("*") > 1 or len(host) < len("*.a")):
        raise ValueError(
            f"{name!r} can never match: a wildcard stands for all subdomains, as in"
            " https://*.example.com, or alone for every page"
        )
    return found


def _has_more(parts: SplitResult) -> bool:
    return bool(parts.path or parts.query or parts.fragment or "@" in parts.netloc)


def _around_wildcard(name: str) -> tuple[str, str]:
    start, _, end = name.partition("*")
    return start, end


def _encode_host(host: str) -> str:
    """Return a host in ASCII, as browsers do (UTS 46), and an address in its shortest form. Raises
    ValueError for one that is none.
    """
    if ":" in host:
        return _encode_address(host)
    if host.isascii():
        if any(one in " \t\\^`{|}<>\"'%" or not one.isprintable() for one in host):
            raise ValueError(host)
        return str(IPv4Address(host)) if _NUMBER_AT_END.fullmatch(host) else host
    wildcard = "*." if host.startswith("*.") else ""
    return wildcard + idna.encode(host.removeprefix(wildcard), uts46=True).decode("ascii")


def _encode_address(host: str) -> str:
    """Return an IPv6 address as browsers write it. Raises ValueError for one with a zone, too: no
    page's URL has one.
    """
    address = IPv6Address(host)
    if address.scope_id is not None:
        raise ValueError(host)
    return str(address)
