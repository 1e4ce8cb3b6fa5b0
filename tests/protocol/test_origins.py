"""Origins: what is allowed, however it is spelt, and what is refused as a setting."""

import pytest

from rtdash.protocol.origins import Origins, canonical_origin


@pytest.mark.parametrize(
    ("setting", "origin"),
    [
        ("https://dash.example", "https://dash.example"),
        ("https://Dash.Example:443/", "https://dash.example"),
        ("http://localhost:3000 , https://x.example", "http://localhost:3000"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("ionic://localhost", "ionic://localhost"),
        ("tauri://localhost", "tauri://localhost"),
        ("moz-extension://0123-ab", "moz-extension://0123-ab"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://faß.example", "https://xn--fa-hia.example"),
        ("https://*.example.com", "https://eu.dash.example.com"),
        ("https://*.bücher.example:8443", "https://a.xn--bcher-kva.example:8443"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://[0:0:0:0:0:0:0:1]:8000", "http://[::1]:8000"),
        ("http://[2001:DB8:0:0::0001]", "http://[2001:db8::1]"),
        ("http://192.0.2.7:8000", "http://192.0.2.7:8000"),
        ("https://7.example", "https://7.example"),
        ("*", "null"),
        ("*", "https://anything.example"),
    ],
)
def test_what_is_meant_is_allowed(setting: str, origin: str) -> None:
    """Case, default ports, a slash at the end and the script of a host make no difference."""
    assert Origins.parse(setting).allows(origin)
    assert Origins.parse(str(Origins.parse(setting))) == Origins.parse(setting)


@pytest.mark.parametrize(
    ("setting", "origin"),
    [
        ("https://dash.example", "http://dash.example"),
        ("https://dash.example", "https://dash.example:8443"),
        ("https://dash.example", "https://dash.example.evil"),
        ("https://*.example.com", "https://example.com"),
        ("https://*.example.com", "https://.example.com"),
        ("https://*.example.com", "https://evilexample.com"),
        ("https://*.example.com", "http://a.example.com"),
        ("https://*.example.com", "https://a.example.com:8443"),
        ("https://*.example.com", "https://evil.example/.example.com"),
        ("https://dash.example", "null"),
        ("https://dash.example", ""),
        ("https://dash.example", "https://dash.example@evil.example"),
        ("", "https://dash.example"),
    ],
)
def test_everything_else_is_not(setting: str, origin: str) -> None:
    """Scheme, port and the whole host count."""
    assert not Origins.parse(setting).allows(origin)


@pytest.mark.parametrize(
    "setting",
    [
        "dash.example",
        "*.example.com",
        "https://*",
        "https://*.",
        "https://a.*.example",
        "https://a*.example",
        "https://*.*.example",
        "https://dash.example/page",
        "https://dash.example?x",
        "https://dash.example#x",
        "https://user@dash.example",
        "https://dash.example:99999",
        "https://dash.example:port",
        "https://da sh.example",
        "https://",
        "wss://dash.example",
        "ws://dash.example",
        "null",
        "https://dash.example https://other.example",
        "file://",
        "http://127.1:3000",
        "http://192.0.2.010",
        "http://256.1.1.1",
        "http://0x7f.0.0.1",
        "https://*.192.0.2.7",
        "http://[fe80::1%25eth0]:3000",
        "http://[::1.2]",
        "https://d%61sh.example",
    ],
)
def test_a_setting_that_can_never_match_is_refused(setting: str) -> None:
    """At the start, with words that say how to write it."""
    with pytest.raises(ValueError, match=r"as in|own origin"):
        Origins.parse(f"https://fine.example,{setting}")


def test_what_is_no_origin_has_no_canonical_form() -> None:
    """`null` least of all."""
    assert [canonical_origin(text) for text in ("null", "", "x", "https://", "http://[")] == [
        None
    ] * 5
