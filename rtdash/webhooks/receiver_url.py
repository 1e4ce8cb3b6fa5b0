"""Addresses of receivers, as people give them."""

import httpx2

from rtdash.protocol.webhook_addresses import AllowedAddresses, parse_address

MAX_URL = 2_000

_HINT = "write it as in https://receiver.example/rtdash"


def parse_receiver_url(text: str, allowed: AllowedAddresses) -> httpx2.URL:
    """Return the URL, its host in ASCII. Raises ValueError with what to mend."""
    if len(text) > MAX_URL or not text.isprintable() or " " in text:
        raise ValueError(
            f"it must have at most {MAX_URL} printable characters and no blanks: {_HINT}"
        )
    try:
        url = httpx2.URL(text)
        host, port = url.raw_host.decode("ascii"), url.port
    except (httpx2.InvalidURL, ValueError) as error:
        raise ValueError(f"it is no URL ({error}): {_HINT}") from None
    if url.scheme not in {"https", "http"} or not host or port == 0:
        raise ValueError(f"it must begin with https:// and name a host: {_HINT}")
    if url.userinfo:
        raise ValueError("it must hold no user and password: receivers check the signature instead")
    if url.fragment:
        raise ValueError("it must have no part behind #: that is never sent")
    if url.scheme == "http" and not allowed.has(host, parse_address(host)):
        raise ValueError(
            "it must begin with https://, unless its host is allowed by RTDASH_HOOKS_ALLOW: guests'"
            " names would travel unencrypted"
        )
    return url
