"""Addresses that webhooks may be sent to: those of the outside, and what a setting allows besides."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_-]+)*", re.ASCII)
_TRANSLATED = ip_network("64:ff9b::/96")
"""IPv4 behind NAT64 (RFC 6052): judged by the address inside."""

_REFUSED = {
    ip_network(text): kind
    for kind, texts in {
        "the server itself": "0.0.0.0/8 127.0.0.0/8 ::/128 ::1/128",
        "a private network": "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10",
        "link-local, as metadata services are": "169.254.0.0/16 fe80::/10",
        "a metadata service": "168.63.129.16/32",
        "a carrier's network (CGNAT)": "100.64.0.0/10",
        "multicast": "224.0.0.0/4 ff00::/8",
        "a tunnel to IPv4": "::/96 ::ffff:0:0:0/96 64:ff9b:1::/48 2001::/32 2002::/16",
        "for examples and measurements": (
            "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 198.18.0.0/15 2001:db8::/32 3fff::/20"
        ),
        "reserved": "192.0.0.0/24 192.88.99.0/24 240.0.0.0/4 100::/64 5f00::/16",
    }.items()
    for text in texts.split()
}
"""The special-purpose registries (RFC 6890 and its updates), and what clouds add to them. The
module `ipaddress` alone leaves some out, depending on its version.
"""


@dataclass(frozen=True, slots=True)
class AllowedAddresses:
    """Names of hosts, and networks, that are allowed whatever they are."""

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "AllowedAddresses":
        """Read a comma-separated list of networks, addresses and host names. Raises ValueError."""
        names, networks = set(), []
        for one in (part.strip() for part in text.split(",")):
            if not one:
                continue
            try:
                networks.append(ip_network(one))
            except ValueError:
                name = one.lower().rstrip(".")
                if "/" in one or name.replace(".", "").isdigit() or not _NAME.fullmatch(name):
                    raise ValueError(
                        f"{one!r} is no network and no host: write it as in 10.0.0.0/8 or"
                        " receiver.internal"
                    ) from None
                names.add(name)
        return cls(frozenset(names), tuple(networks))

    def __str__(self) -> str:
        return ",".join([*sorted(self.names), *map(str, self.networks)])

    def has(self, host: str, address: Address | None = None) -> bool:
        """Whether a host, or the address that it has, is allowed by the setting."""
        plain = None if address is None else _unwrapped(address)
        return host.lower().rstrip(".") in self.names or any(
            one in network for network in self.networks for one in (address, plain) if one
        )


def parse_address(text: str) -> Address | None:
    """Return the address that a text is, without its zone; None for a name."""
    try:
        return ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None


def why_refused(address: Address, own: Collection[Address] = ()) -> str | None:
    """Return what an address is that webhooks may not be sent to, None for one of the outside.
    `own` are the server's own addresses.
    """
    plain = _unwrapped(address)
    if plain in own or address in own:
        return "the server itself"
    for network, kind in _REFUSED.items():
        if plain.version == network.version and plain in network:
            return kind
    return None if plain.is_global else "reserved"


def _unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _TRANSLATED:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
