"""The two addresses of a server, from whichever was given: the base of its REST interface, and its
socket.
"""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

_SECURE = {"http": False, "ws": False, "https": True, "wss": True}


def socket_url(url: str) -> str:
    """Return the socket's address: `http://host:8000` → `ws://host:8000/ws`; a `ws:` or `wss:` URL
    stays as it is. Raises ValueError.
    """
    parts = _split(url)
    path = (
        parts.path
        if parts.scheme.startswith("ws") and parts.path.strip("/")
        else parts.path.rstrip("/") + "/ws"
    )
    return parts._replace(scheme="wss" if _SECURE[parts.scheme] else "ws", path=path).geturl()


def rest_url(url: str) -> str:
    """Return the base of REST: `ws://host:8000/ws` → `http://host:8000`, without a slash at its
    end. Raises ValueError.
    """
    parts = _split(url)
    path = parts.path.removesuffix("/ws") if parts.scheme.startswith("ws") else parts.path
    return parts._replace(
        scheme="https" if _SECURE[parts.scheme] else "http", path=path.rstrip("/")
    ).geturl()


def is_this_machine(url: str) -> bool:
    """Whether the server is on this machine, so that no proxy may stand between."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761 section 6.3
        return True
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _split(url: str) -> SplitResult:
    """Return the parts. Raises ValueError, which never repeats the URL: it ends up in logs, and may
    carry a password.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SECURE or not parts.hostname:
        raise ValueError(
            "the server's URL begins with http://, https://, ws:// or wss:// and names a host"
        )
    if parts.query or parts.username or parts.password:
        raise ValueError(
            "the server's URL carries a query or a password: give the token by itself, it must not"
            " stand in a URL"
        )
    if not all(character.isprintable() and character != " " for character in url):
        raise ValueError("the server's URL has a blank or a control character in it")
    if parts.port == 0:  # reading it raises ValueError above 65535
        raise ValueError("the server's URL names port 0")
    return parts._replace(fragment="")
