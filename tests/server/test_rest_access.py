"""Access by REST: tokens, venues, scopes, rates."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.server.running import GRILL, HOTEL, SECRET, ask_until_refused

PATH = "/api/user/profile"


def signed(
    key: Any = SECRET,
    algorithm: str = "HS256",
    headers: dict[str, Any] | None = None,
    **claims: Any,
) -> str:
    """A token with these claims beside `sub` and a good `exp`; None leaves a claim out."""
    base = {
        "sub": "anna",
        "scope": "hotel:read",
        "venues": [HOTEL],
        "exp": datetime.now(UTC) + timedelta(days=1),
    }
    return jwt.encode(
        {name: value for name, value in (base | claims).items() if value is not None},
        key,
        algorithm=algorithm,
        headers=headers,
    )


def unsigned(**claims: Any) -> str:
    """A token by the algorithm `none`."""
    return jwt.encode({"sub": "anna", "exp": time.time() + 300} | claims, None, algorithm="none")


@pytest.mark.parametrize(
    ("token", "word"),
    [
        ("", "Authorization"),
        ("nonsense", "not valid"),
        (signed("another-secret-another-secret-another"), "not valid"),
        (unsigned(), "not accept"),
        (signed(algorithm="HS512"), "not accept"),
        (signed(exp=None), "not valid"),
        (signed(sub=None), "not valid"),
        (signed(sub=""), "sub"),
        (signed(exp=datetime.now(UTC) - timedelta(minutes=1)), "expired"),
        (signed(nbf=datetime.now(UTC) + timedelta(hours=12)), "not valid"),
        (signed(venues=HOTEL), "venues"),
        (signed(venues=[1]), "venues"),
        (signed(scope=["hotel:read"]), "scope"),
        ("x" * 9_000, "longer"),
    ],
    ids=(
        "none",
        "no token",
        "another secret",
        "unsigned",
        "another algorithm",
        "endless",
        "nobody's",
        "empty sub",
        "expired",
        "not yet",
        "venues no list",
        "venues no names",
        "scope no text",
        "too long",
    ),
)
def test_a_wrong_token_is_refused(server, token: str, word: str) -> None:
    """401 with a challenge, and never the token in the answer."""
    with server.client(token) as client:
        answer = client.get(PATH)
    assert (answer.status_code, answer.json()["type"]) == (
        401,
        "urn:rtdash:problem:unauthenticated",
    )
    assert answer.headers["www-authenticate"] == "Bearer"
    assert word in answer.json()["detail"]
    assert len(token) < 2 or token not in answer.text


@pytest.mark.parametrize("authorization", ["Basic YTpi", "Bearer", "Token x", "Bearer \xe9"])
def test_another_scheme_is_refused(server, authorization: str) -> None:
    """401, as without a token."""
    answer = httpx2.get(
        server.url + PATH, headers={"Authorization": authorization.encode("latin-1")}
    )
    assert answer.status_code == 401


def test_a_foreign_venue_is_forbidden_whether_it_exists_or_not(server) -> None:
    """403 with the same words, so that a caller can't learn which venues there are."""
    with server.client(venues=[HOTEL]) as client:
        foreign = client.get("/api/dashboard/stats", params={"venue": GRILL})
        unknown = client.get("/api/dashboard/stats", params={"venue": "nowhere"})
    assert (foreign.status_code, foreign.json()) == (403, unknown.json())


@pytest.mark.parametrize(
    ("claims", "method", "path"),
    [
        ({"scopes": ("restaurant:read",)}, "GET", "/api/hotel/bookings"),
        ({"scopes": ("hotel:read",)}, "GET", "/api/restaurant/reservations"),
        ({"scopes": ("hotel:read",)}, "POST", "/api/hotel/bookings"),
        ({"scopes": ("hotel:read",)}, "PATCH", "/api/hotel/bookings/x"),
        ({"scopes": ("hotel:write",)}, "GET", "/api/hotel/room-types"),
        ({"scopes": ("hotel:write",)}, "GET", "/api/dashboard/stats"),
        ({"scopes": ("hotel:write",)}, "GET", "/api/channels/hotel_stats/events"),
        ({"venues": [GRILL]}, "GET", "/api/hotel/bookings"),
        ({"venues": []}, "GET", "/api/dashboard/stats"),
        ({}, "POST", "/api/admin/revocations"),
    ],
)
def test_what_the_token_does_not_allow_is_forbidden(
    server, claims: dict[str, Any], method: str, path: str
) -> None:
    """403, saying what is missing."""
    body = {"jti": "x"} if "admin" in path else {"op": "confirm"} if method == "PATCH" else {}
    with server.client(**claims) as client:
        answer = client.request(method, path, json=body if method != "GET" else None)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:rtdash:problem:forbidden")


@pytest.mark.parametrize(
    ("venues", "method", "path"),
    [
        (["ghost"], "GET", "/api/dashboard/stats"),
        (["ghost"], "GET", "/api/hotel/bookings"),
        (["ghost"], "POST", "/api/operations"),
        (["ghost", HOTEL], "GET", "/api/dashboard/stats?venue=ghost"),
        (["*"], "GET", "/api/dashboard/stats?venue=ghost"),
    ],
)
def test_a_venue_of_the_token_that_is_absent_is_named(
    server, venues: list[str], method: str, path: str
) -> None:
    """403 that says which one, and how to mend it."""
    with server.client(venues=venues) as client:
        answer = client.request(method, path, json=[] if method == "POST" else None)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:rtdash:problem:forbidden")
    assert "this server has no venue 'ghost'" in answer.json()["detail"]
    assert "rtdash venues import FILE" in answer.json()["detail"]


def test_of_several_venues_the_one_that_is_there_serves(server) -> None:
    """The absent one is passed over where none is named."""
    with server.client(venues=["ghost", HOTEL]) as client:
        assert client.get("/api/dashboard/stats").json()["venue"] == HOTEL


def test_issuer_and_audience_are_checked_when_set(serve) -> None:
    """Only a token from there and for us gets in."""
    server = serve(issuer="https://id.example", audience="rtdash")
    for claims, status in (
        ({}, 401),
        ({"iss": "https://id.example", "aud": "other"}, 401),
        ({"iss": "https://evil.example", "aud": "rtdash"}, 401),
        ({"iss": "https://id.example", "aud": ["x", "rtdash"]}, 200),
    ):
        with server.client(signed(**claims)) as client:
            assert client.get(PATH).status_code == status, claims


KEYS = {
    "RS256": rsa.generate_private_key(65_537, 2_048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def pem(algorithm: str) -> bytes:
    """The public key as a key file holds it."""
    return (
        KEYS[algorithm].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_key_file_verifies_what_its_key_signed(serve, tmp_path: Path, algorithm: str) -> None:
    """The key's tokens get in beside those of the secret; those of another key of the same type
    don't.
    """
    (tmp_path / "key.pem").write_bytes(pem(algorithm))
    server = serve(jwt_key_file=tmp_path / "key.pem")
    stranger = {
        "RS256": rsa.generate_private_key(65_537, 2_048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
    }
    other = stranger.get(algorithm, ed25519.Ed25519PrivateKey.generate())
    for token, status in (
        (signed(KEYS[algorithm], algorithm), 200),
        (signed(), 200),
        (signed(other, algorithm), 401),
    ):
        with server.client(token) as client:
            assert client.get(PATH).status_code == status


def test_a_public_key_is_never_taken_for_a_secret(serve, tmp_path: Path) -> None:
    """A token by HS256 that is signed with the text of the public key is refused (algorithm
    confusion, RFC 8725 section 2.1).
    """
    (tmp_path / "key.pem").write_bytes(pem("RS256"))
    server = serve(jwt_key_file=tmp_path / "key.pem")

    def part(value: bytes) -> bytes:
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    for key in (pem("RS256"), pem("RS256").strip()):
        content = (
            part(b'{"alg":"HS256","typ":"JWT"}')
            + b"."
            + part(json.dumps({"sub": "anna", "exp": time.time() + 300}).encode())
        )
        forged = content + b"." + part(hmac.new(key, content, hashlib.sha256).digest())
        with server.client(forged.decode()) as client:
            assert client.get(PATH).status_code == 401


def test_more_requests_than_allowed_wait(serve) -> None:
    """429 with Retry-After for the user who asks too much, and not for another."""
    server = serve(limits={"requests_per_second": 1, "requests_burst": 3})
    with server.client(user="greedy") as greedy, server.client(user="modest") as modest:
        answer = ask_until_refused(greedy, chain([PATH], repeat("/api/dashboard/stats")), burst=3)
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["type"] == "urn:rtdash:problem:rate_limited"
        assert modest.get(PATH).status_code == 200
