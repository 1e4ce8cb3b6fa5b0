"""The fast check of tokens says what PyJWT says, or leaves it to that."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtdash.server.auth.hs256 import verify_claims

SECRET = b"s" * 64


def encode(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed(header: object, claims: object, secret: bytes = SECRET) -> str:
    text = f"{encode(header)}.{encode(claims)}"
    mac = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return text + "." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def test_a_good_token_is_read() -> None:
    """With all its claims."""
    claims = {"sub": "anna", "exp": int(time.time()) + 60, "scope": "x", "jti": "1"}
    for header in ({"alg": "HS256"}, {"alg": "HS256", "typ": "JWT", "kid": "any"}):
        assert verify_claims(signed(header, claims), SECRET, 0) == claims


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS512"},
        {"alg": ["HS256"]},
        {"alg": "HS256", "crit": ["exp"]},
        {"alg": "HS256", "b64": False},
        {"alg": "HS256", "kid": 1},
        {},
        [],
        "HS256",
    ],
    ids=str,
)
def test_an_unusual_header_is_left_to_the_library(header: object) -> None:
    """The fast check does not interpret it."""
    token = signed(header, {"sub": "anna", "exp": int(time.time()) + 60})
    assert verify_claims(token, SECRET, 0) is None


def test_nothing_forged_is_read() -> None:
    """Another secret, a claim changed behind the signature, none at all, or half a token."""
    claims = {"sub": "anna", "exp": int(time.time()) + 60}
    good = signed({"alg": "HS256"}, claims)
    header, payload, signature = good.split(".")
    changed = encode({**claims, "sub": "mallory"})
    for token in (
        signed({"alg": "HS256"}, claims, b"x" * 64),
        signed({"alg": "HS256"}, claims, b""),
        f"{header}.{changed}.{signature}",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{good}.",
        f"{good}=",
        good[:-1],
        "",
        "..",
        "é" * 30,
    ):
        assert verify_claims(token, SECRET, 0) is None


CLAIMS = st.fixed_dictionaries(
    {"sub": st.sampled_from(["anna", 1, None]), "exp": st.integers(-100, 100)},
    optional={
        "iat": st.one_of(st.integers(-100, 100), st.sampled_from(["x", None, True, 1.5])),
        "nbf": st.one_of(st.integers(-100, 100), st.sampled_from(["x", None, True, 1.5])),
        "jti": st.sampled_from(["id", 1, None]),
        "aud": st.sampled_from(["x", ["x"]]),
    },
)


@settings(max_examples=200, deadline=None)
@given(claims=CLAIMS, leeway_s=st.sampled_from([0, 10]))
def test_what_it_reads_the_library_takes(claims: dict[str, Any], leeway_s: int) -> None:
    """The same claims, whatever their types and instants."""
    now = int(time.time())
    for name in ("exp", "iat", "nbf"):
        if isinstance(claims.get(name), int) and not isinstance(claims[name], bool):
            claims[name] += now
    token = signed({"alg": "HS256", "typ": "JWT"}, claims)
    found = verify_claims(token, SECRET, leeway_s)
    if found is not None:
        options = {"require": ["exp", "sub"], "verify_aud": False}
        taken = jwt.decode(
            token, SECRET, algorithms=["HS256"], options=options, leeway=leeway_s + 1
        )
        assert found == taken == claims
