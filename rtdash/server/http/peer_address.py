"""Address of a peer, in one spelling, and what trusted proxies say of the client behind them."""

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import NamedTuple

from rtdash.settings.model import PREFIX_PATH

MAX_HOPS = 32
"""Addresses of X-Forwarded-For that are looked at: a client may write thousands, of trusted proxies
too, and each is compared with every network."""
_IPV6_NETWORK_BITS = 64
_TRANSLATED = IPv6Network("64:ff9b::/96")
_SHARED = (IPv6Network("64:ff9b:1::/48"), IPv6Network("::/64"), IPv6Network("fe80::/10"))
"""Translators of a network's own (RFC 8215), addresses that hold an IPv4 one, and those of a link,
where all machines have the same /64: each counts by itself."""
_SCHEMES = {b"https": True, b"wss": True, b"http": False, b"ws": False}


class PeerAddress(NamedTuple):
    """Client of a connection or request: its address, and whether it came by TLS."""

    host: str
    is_secure: bool


class TrustedProxies:
    """Proxies with X-Forwarded-For and X-Forwarded-Proto that count: networks, or `*` for every
    peer.

    `setting` is a list with commas, valid already.
    """

    def __init__(self, setting: str) -> None:
        names = [name.strip() for name in setting.split(",") if name.strip()]
        self._trusts_all = "*" in names
        self._networks = tuple(_plain_network(name) for name in names if name != "*")

    def __bool__(self) -> bool:
        """Whether any proxy is trusted."""
        return self._trusts_all or bool(self._networks)

    def __contains__(self, host: str) -> bool:
        """Whether that address is a trusted proxy's."""
        if self._trusts_all:
            return True
        address = parse_address(host)
        return address is not None and any(address in network for network in self._networks)

    def client(self, peer: PeerAddress, headers: Iterable[tuple[bytes, bytes]]) -> PeerAddress:
        """Return the client that a request of `peer` comes from.

        Each proxy appends the address that it saw, so the list is read from its end: the first
        address that is no trusted proxy's is the client's. What stands before it the client may
        have made up. Of several X-Forwarded-Proto values the one counts that the outermost trusted
        proxy has written, which saw the client itself.
        """
        if peer.host not in self:
            return peer
        hops, schemes = _forwarded(headers)
        if not hops:
            host, trusted = peer.host, 1
        elif self._trusts_all:
            host, trusted = normalise(hops[0]), len(hops)
        else:
            trusted = 1
            host = normalise(hops[-1])
            while host in self and trusted < min(len(hops), MAX_HOPS):
                trusted += 1
                host = normalise(hops[-trusted])
        scheme = schemes[max(0, len(schemes) - trusted)] if schemes else b""
        return PeerAddress(host, _SCHEMES.get(scheme, peer.is_secure))

    def prefix(self, peer: PeerAddress, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the path that proxies have taken off, as in `/rtdash`; empty for a peer that is no
        trusted proxy. Several proxies append theirs, the outermost first.
        """
        if peer.host not in self:
            return ""
        values = [value for name, value in headers if name == b"x-forwarded-prefix"]
        parts = [part.strip().rstrip(b"/") for part in b",".join(values).split(b",")]
        path = b"".join(parts).decode("latin-1")
        return path if len(path) <= _LONGEST_PREFIX and PREFIX_PATH.fullmatch(path) else ""


@lru_cache(maxsize=4096)
def parse_address(host: str) -> IPv4Address | IPv6Address | None:
    """Parse an address without a port; an IPv4 address in IPv6's clothes is the IPv4 address (RFC
    4291 section 2.5.5.2). None for what is no address.
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def normalise(text: str) -> str:
    """Return an address in its one spelling, without port and brackets; what is none stays."""
    text = text.strip().strip('"')
    host = text
    if text.startswith("["):
        host = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        host = text.partition(":")[0]
    address = parse_address(host) if len(host) <= _LONGEST_ADDRESS else None
    return text[:_LONGEST_ADDRESS] if address is None else str(address)


def household(host: str) -> str:
    """Return what a rate by address counts: an IPv4 address, or the /64 of an IPv6 one, since
    providers hand out whole networks. Behind a translator all of IPv4 is one /64: its clients are
    distinguished by the IPv4 address within (RFC 6052, RFC 7755).
    """
    address = parse_address(host) if ":" in host else None
    if not isinstance(address, IPv6Address):
        return host if address is None else str(address)
    if address in _TRANSLATED:
        return str(IPv4Address(int(address) & 0xFFFFFFFF))
    if any(address in network for network in _SHARED):
        return str(address)
    return str(int(address) >> (128 - _IPV6_NETWORK_BITS))


_LONGEST_PREFIX = 256
_LONGEST_ADDRESS = 64
"""Characters of an IPv6 address with its zone; what is longer is no address."""


def _plain_network(name: str) -> IPv4Network | IPv6Network:
    network = ip_network(name, strict=False)
    mapped = network.network_address
    if isinstance(mapped, IPv6Address) and mapped.ipv4_mapped and network.prefixlen >= 96:
        return IPv4Network((mapped.ipv4_mapped, network.prefixlen - 96))
    return network


def _forwarded(headers: Iterable[tuple[bytes, bytes]]) -> tuple[Sequence[str], Sequence[bytes]]:
    """Return the addresses and the schemes of the hops, several fields joined in their order."""
    hops: list[str] = []
    schemes: list[bytes] = []
    for name, value in headers:
        if name == b"x-forwarded-for":
            hops += [hop.strip() for hop in value.decode("latin-1").split(",") if hop.strip()]
        elif name == b"x-forwarded-proto":
            schemes += [one.strip().lower() for one in value.split(b",") if one.strip()]
    return hops, schemes
