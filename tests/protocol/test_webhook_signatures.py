"""Signatures of Standard Webhooks: the specification's own example, and what doesn't hold."""

import pytest

from rtdash.protocol.webhook_signatures import (
    BadDelivery,
    check_age,
    check_signature,
    parse_secret,
    sign,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}'
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_specifications_example() -> None:
    """Id, timestamp and body as they are printed there."""
    assert sign(parse_secret(SECRET), ID, AT, BODY) == SIGNED
    check_signature([parse_secret(SECRET)], f"v2,x {SIGNED}", ID, AT, BODY)


@pytest.mark.parametrize(
    "header",
    [
        f"v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzC== {SIGNED}",
        f"v1,AAAA {SIGNED} v1,BBBB",
        f"v1,AAAA, {SIGNED}",
        SIGNED.rstrip("="),
        SIGNED.replace("+", "-").replace("/", "_"),
        f"  {SIGNED}\t",
    ],
)
def test_a_signature_stands_among_others(header: str) -> None:
    """Of an asymmetric key, of the key before, joined by a proxy, in the base64 of URLs."""
    check_signature([parse_secret(SECRET)], header, ID, AT, BODY)


@pytest.mark.parametrize("body", [b'{"test":2432232314}', b'{"test": 2432232314}\n', BODY.upper()])
def test_a_body_that_was_written_anew_is_refused(body: bytes) -> None:
    """A proxy that parses and encodes it changes what was signed; the answer says so."""
    with pytest.raises(BadDelivery, match="nothing on the way changes the body"):
        check_signature([parse_secret(SECRET)], SIGNED, ID, AT, body)


@pytest.mark.parametrize(
    "secret",
    [
        "whsec_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_8",
        "whsec_+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/8=",
        "v1,whsec_+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/8",
        " whsec_+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/8=\n",
    ],
)
def test_one_secret_in_several_spellings(secret: str) -> None:
    """As consoles show it, and as it comes out of a file."""
    assert parse_secret(secret) == b"\xfb\xff\xbf" * 10 + b"\xfb\xff"


@pytest.mark.parametrize(
    ("header", "body"),
    [("", BODY), (SIGNED, BODY + b" "), ("v1,", BODY), (SIGNED[3:], BODY), ("v1,é", BODY)],
)
def test_what_is_not_signed_is_refused(header: str, body: bytes) -> None:
    """Another body, no signature, no version."""
    with pytest.raises(BadDelivery, match="check the secret"):
        check_signature([parse_secret(SECRET)], header, ID, AT, body)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"webhook-id": ID},
        {"webhook-id": ID, "webhook-timestamp": "soon"},
        {"webhook-id": ID, "webhook-timestamp": "9" * 5000},
        {"webhook-id": ID, "webhook-timestamp": str(AT - 301)},
        {"webhook-id": ID, "webhook-timestamp": str(AT + 301)},
        {"webhook-id": "x" * 257, "webhook-timestamp": str(AT)},
        {"webhook-id": "a\x00", "webhook-timestamp": str(AT)},
    ],
)
def test_a_delivery_is_of_now(headers: dict[str, str]) -> None:
    """What is too old or too early may be a replay."""
    with pytest.raises(BadDelivery):
        check_age(headers, AT)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ="]
)
def test_a_secret_is_long_and_has_its_prefix(secret: str) -> None:
    """24 bytes at least, as the specification wants."""
    with pytest.raises(ValueError, match="whsec_"):
        parse_secret(secret)


@pytest.mark.parametrize("at", [AT - 300, AT, AT + 300])
@pytest.mark.parametrize("delivery_id", ["x", "x" * 256])
def test_what_is_just_within_the_bounds_is_taken(at: int, delivery_id: str) -> None:
    """An id of 1 to 256 characters, and five minutes either way."""
    headers = {"webhook-id": delivery_id, "webhook-timestamp": str(at)}
    assert check_age(headers, AT) == (delivery_id, at)


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({"webhook-timestamp": str(AT)}, "webhook-id must be there"),
        ({"webhook-id": "", "webhook-timestamp": str(AT)}, "webhook-id must be there"),
        ({"webhook-id": ID}, "seconds since 1970"),
        ({"webhook-id": ID, "webhook-timestamp": "1" * 12}, "seconds since 1970"),
        ({"webhook-id": ID, "webhook-timestamp": str(AT - 301)}, "send it anew"),
    ],
)
def test_a_refused_delivery_says_what_is_wrong(headers: dict[str, str], word: str) -> None:
    """The sender's operator reads it."""
    with pytest.raises(BadDelivery, match=word):
        check_age(headers, AT)
