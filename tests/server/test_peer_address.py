"""Addresses in one spelling, and what trusted proxies say of the client behind them."""

import pytest

from rtdash.server.http.peer_address import (
    MAX_HOPS,
    PeerAddress,
    TrustedProxies,
    household,
    normalise,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::FFFF:c000:207", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("[2001:DB8::1]:99", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ('"[2001:db8::1]:99"', "2001:db8::1"),
        ("2001:0db8:0000::0001", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", "unknown"),
        ("_hidden", "_hidden"),
        ("x" * 300, "x" * 64),
        ("", ""),
    ],
)
def test_an_address_has_one_spelling(text: str, address: str) -> None:
    """However a peer or a proxy writes it."""
    assert normalise(text) == address


def test_a_household_is_an_ipv4_address_or_a_64() -> None:
    """IPv4 addresses are distinguished, also where they come mapped."""
    assert household("::ffff:192.0.2.7") == household("192.0.2.7") != household("192.0.2.8")
    assert household("2001:db8::1") == household("2001:db8::ffff:2") != household("2001:db8:0:1::1")


def test_clients_behind_a_translator_are_households() -> None:
    """All of IPv4 is one /64 there (NAT64, SIIT-DC): one flood would shut all clients out."""
    assert household("64:ff9b::192.0.2.7") == household("192.0.2.7") != household("192.0.2.8")
    assert household("64:ff9b:1::1") != household("64:ff9b:1::2")
    assert household("::ffff:0:192.0.2.7") != household("::ffff:0:192.0.2.8")
    assert household("::192.0.2.7") != household("::192.0.2.8")


def test_machines_of_a_link_are_households() -> None:
    """All of them have addresses of one /64, fe80::/64."""
    assert household("fe80::1") != household("fe80::2")
    assert household(normalise("fe80::1%eth0")) == household("fe80::1")


PROXY = PeerAddress("10.0.0.1", is_secure=False)


def fields(**values: str) -> list[tuple[bytes, bytes]]:
    names = {"by": b"x-forwarded-for", "scheme": b"x-forwarded-proto"}
    return [(names[name], value.encode()) for name, value in values.items()]


def test_of_a_long_chain_the_last_hops_are_looked_at() -> None:
    """A client that writes thousands of addresses of trusted proxies costs nothing more."""
    chain = [f"10.{number // 256}.{number % 256}.1" for number in range(6_000)]
    headers = fields(by=", ".join(["203.0.113.7", *chain]), scheme="https")
    assert TrustedProxies("10.0.0.0/8").client(PROXY, headers) == (chain[-MAX_HOPS], True)
    short = fields(by=", ".join(["203.0.113.7", *chain[: MAX_HOPS - 1]]))
    assert TrustedProxies("10.0.0.0/8").client(PROXY, short).host == "203.0.113.7"


@pytest.mark.parametrize(
    ("trusted", "headers", "client"),
    [
        ("10.0.0.0/8", fields(by="203.0.113.7", scheme="https"), ("203.0.113.7", True)),
        ("::ffff:10.0.0.0/104", fields(by="203.0.113.7"), ("203.0.113.7", False)),
        ("10.0.0.0/8", fields(by="1.2.3.4, 203.0.113.7"), ("203.0.113.7", False)),
        ("10.0.0.0/8", fields(by="203.0.113.7, 10.0.0.9"), ("203.0.113.7", False)),
        ("10.0.0.0/8", fields(by="::ffff:203.0.113.7"), ("203.0.113.7", False)),
        ("10.0.0.0/8", fields(by="10.1.1.1, 10.0.0.9"), ("10.1.1.1", False)),
        ("10.0.0.0/8", fields(scheme="HTTPS"), ("10.0.0.1", True)),
        ("10.0.0.0/8", fields(scheme="WSS"), ("10.0.0.1", True)),
        ("10.0.0.0/8", fields(by="203.0.113.7", scheme="http, https"), ("203.0.113.7", True)),
        (
            "10.0.0.0/8",
            fields(by="203.0.113.7, 10.0.0.9", scheme="https, http"),
            ("203.0.113.7", True),
        ),
        (
            "10.0.0.0/8",
            fields(by="1.1.1.1, 203.0.113.7, 10.0.0.9", scheme="http, https, http"),
            ("203.0.113.7", True),
        ),
        ("10.0.0.0/8", fields(by="203.0.113.7", scheme="gopher"), ("203.0.113.7", False)),
        ("10.0.0.0/8", fields(by=" , "), ("10.0.0.1", False)),
        ("192.0.2.0/24", fields(by="203.0.113.7", scheme="https"), ("10.0.0.1", False)),
        ("", fields(by="203.0.113.7", scheme="https"), ("10.0.0.1", False)),
        ("*", fields(by="203.0.113.7, 1.1.1.1", scheme="https, http"), ("203.0.113.7", True)),
    ],
)
def test_a_trusted_proxy_says_who_asks(
    trusted: str, headers: list[tuple[bytes, bytes]], client: tuple[str, bool]
) -> None:
    """The first address from the end that is no trusted proxy's, and the scheme that the outermost
    trusted proxy has seen; what stands before it may be made up.
    """
    assert TrustedProxies(trusted).client(PROXY, headers) == client
