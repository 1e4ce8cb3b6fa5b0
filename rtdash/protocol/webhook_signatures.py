"""Standard Webhooks (https://www.standardwebhooks.com): how a delivery is signed, and when its
signature holds.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE_S = 300
"""How far a timestamp may be from the receiver's clock: an older delivery may be a replay."""
MAX_ID = 256
SECRET_PREFIX = "whsec_"  # noqa: S105  a prefix, no secret

_VERSION = "v1"
_OF_URLS = str.maketrans("-_", "+/")


class BadDelivery(Exception):  # noqa: N818
    """A delivery that can't be shown to be the sender's, or not of now; the text says why."""


def parse_secret(text: str) -> bytes:
    """Return the key of a secret, `whsec_` and base64. Raises ValueError.

    Base64 may be that of URLs, and without its padding; `v1,` before it is as some consoles show
    it.
    """
    secret = text.strip().removeprefix(f"{_VERSION},")
    encoded = _plain(secret.removeprefix(SECRET_PREFIX))
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a secret is whsec_ and base64") from None
    if not secret.startswith(SECRET_PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError("a secret is whsec_ and the base64 of 24 to 64 bytes")
    return key


def sign(key: bytes, delivery_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of the header `webhook-signature`."""
    content = f"{delivery_id}.{timestamp}.".encode() + body
    digest = hmac.digest(key, content, "sha256")
    return f"{_VERSION},{base64.b64encode(digest).decode()}"


def check_age(headers: Mapping[str, str], now_s: float) -> tuple[str, int]:
    """Return id and timestamp of a delivery that is of now. Raises BadDelivery."""
    delivery_id, seconds = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not 0 < len(delivery_id) <= MAX_ID or not delivery_id.isprintable():
        raise BadDelivery(f"{ID} must be there, with at most {MAX_ID} printable characters")
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 12):
        raise BadDelivery(f"{TIMESTAMP} must be seconds since 1970")
    if abs(now_s - int(seconds)) > TOLERANCE_S:
        raise BadDelivery(
            f"{TIMESTAMP} is more than {TOLERANCE_S} s from this server's clock: send it anew"
        )
    return delivery_id, int(seconds)


def check_signature(
    keys: Iterable[bytes], header: str, delivery_id: str, timestamp: int, body: bytes
) -> None:
    """Raise BadDelivery unless one of the signatures in the header is by one of the keys.

    A proxy may have joined several headers by commas; signatures of other versions are passed over.
    """
    given = [_plain(one).encode() for one in header.replace(", ", " ").split()]
    for key in keys:
        wanted = _plain(sign(key, delivery_id, timestamp, body)).encode()
        if any(hmac.compare_digest(one, wanted) for one in given):
            return
    raise BadDelivery(
        f"{SIGNATURE} is by no key of this source: check the secret on both sides, and that nothing"
        " on the way changes the body"
    )


def _plain(encoded: str) -> str:
    """Return base64 in its usual letters, without padding."""
    return encoded.rstrip("=").translate(_OF_URLS)
