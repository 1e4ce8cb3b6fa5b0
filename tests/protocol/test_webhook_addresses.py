"""Which addresses webhooks may be sent to."""

import pytest

from rtdash.protocol.webhook_addresses import AllowedAddresses, parse_address, why_refused


def judge(text: str) -> str | None:
    address = parse_address(text)
    assert address is not None, text
    return why_refused(address)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "::1", "::",
        "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00::1", "fd00:ec2::254",
        "fec0::1", "169.254.169.254", "169.254.1.1", "fe80::1", "fe80::1%eth0", "168.63.129.16",
        "100.64.0.1", "100.100.100.200", "100.127.255.255",
        "224.0.0.1", "239.255.255.255", "ff02::1", "255.255.255.255", "240.0.0.1",
        "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "2001:db8::1", "192.0.0.8",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0",
        "::127.0.0.1", "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
        "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)  # fmt: skip
def test_addresses_of_the_inside_are_refused(text: str) -> None:
    """In every form in which they can be written, each with what it is."""
    assert judge(text)


@pytest.mark.parametrize(
    "text",
    [
        "8.8.8.8", "1.1.1.1", "172.32.0.1", "172.15.255.255", "100.63.255.255", "100.128.0.1",
        "169.253.255.255", "2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)  # fmt: skip
def test_addresses_of_the_outside_are_not(text: str) -> None:
    assert judge(text) is None


def test_the_servers_own_addresses_are_refused() -> None:
    """Also where they are addresses of the outside, and written as IPv6."""
    own = parse_address("8.8.8.8")
    assert own is not None
    for text in ("8.8.8.8", "::ffff:8.8.8.8"):
        address = parse_address(text)
        assert address is not None
        assert why_refused(address, {own}) == "the server itself"


def test_what_a_setting_allows() -> None:
    """Networks, addresses and names, in any case and with the root's dot."""
    allowed = AllowedAddresses.parse(" 10.0.0.0/8, ::1,Receiver.Internal., 192.168.1.7 ,")
    inside = parse_address("10.1.2.3")
    assert allowed.has("x", inside)
    assert allowed.has("x", parse_address("::ffff:10.1.2.3"))
    assert allowed.has("[::1]", parse_address("::1"))
    assert allowed.has("RECEIVER.internal")
    assert not allowed.has("receiver.internal.evil.example", parse_address("8.8.8.8"))
    assert not allowed.has("x", parse_address("192.168.1.8"))
    assert not AllowedAddresses.parse("").has("", inside)
    assert AllowedAddresses.parse(str(allowed)) == allowed
    for text in ("10.0.0.1/8", "10.0.0", "a b", "http://x", "*", "x/24", "-a", "a..b"):
        with pytest.raises(ValueError, match="no network and no host"):
            AllowedAddresses.parse(text)
