"""A server's two addresses, from either."""

import pytest

from rtdash.client.addresses import rest_url, socket_url


@pytest.mark.parametrize(
    ("given", "socket", "rest"),
    [
        ("http://127.0.0.1:8000", "ws://127.0.0.1:8000/ws", "http://127.0.0.1:8000"),
        ("https://api.example.com/", "wss://api.example.com/ws", "https://api.example.com"),
        ("https://example.com/hotel/", "wss://example.com/hotel/ws", "https://example.com/hotel"),
        ("ws://127.0.0.1:8000/ws", "ws://127.0.0.1:8000/ws", "http://127.0.0.1:8000"),
        ("wss://api.example.com/ws", "wss://api.example.com/ws", "https://api.example.com"),
        ("wss://api.example.com", "wss://api.example.com/ws", "https://api.example.com"),
        ("http://[::1]:8000", "ws://[::1]:8000/ws", "http://[::1]:8000"),
    ],
)
def test_addresses(given, socket, rest):
    """Whichever is given, both come out."""
    assert (socket_url(given), rest_url(given)) == (socket, rest)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://example.com", "http://", "", "http:///ws"]
)
def test_no_address(url):
    """What isn't the address of a server is refused with the way to write it."""
    with pytest.raises(ValueError, match="begins with http"):
        socket_url(url)


@pytest.mark.parametrize(
    "url", ["ws://example.com/ws?token=secret", "http://anna:secret@example.com"]
)
def test_secrets_have_no_place_in_an_address(url):
    """A token in a URL is refused, and not repeated."""
    with pytest.raises(ValueError, match="by itself") as refused:
        rest_url(url)
    assert "secret" not in str(refused.value)
