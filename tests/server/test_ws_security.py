"""Clients that must not get in by the socket, nor stay: keys, revocations, origins, wrong paths. On
both lanes.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from rtdash.cli.main import run
from rtdash.server.auth.tokens import DEFAULT_SCOPES
from rtdash.server.http.origin_policy import LINES_A_MINUTE
from tests.server.sockets import SECRET, Server, anyio_backend, edge, lane, serving

__all__ = ["anyio_backend", "edge", "lane"]

pytestmark = pytest.mark.anyio

KEYS = {
    "RS256": rsa.generate_private_key(65_537, 2_048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
SOON = datetime.now(UTC) + timedelta(days=1)


def signed(key: Any = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """A token for everything, with these claims over the good ones."""
    good = {"sub": "ann", "scope": " ".join(DEFAULT_SCOPES), "venues": ["*"], "exp": SOON}
    return jwt.encode(good | claims, key, algorithm=algorithm)


def public(algorithm: str) -> bytes:
    """The public key as a key file holds it."""
    return (
        KEYS[algorithm].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )


def forged(key: bytes) -> str:
    """A token by HS256 whose secret is the text of a public key, which is no secret."""

    def part(value: bytes) -> bytes:
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    content = (
        part(b'{"alg":"HS256","typ":"JWT"}')
        + b"."
        + part(json.dumps({"sub": "ann", "exp": time.time() + 300}).encode())
    )
    return (content + b"." + part(hmac.new(key, content, hashlib.sha256).digest())).decode()


async def test_only_the_configured_keys_open(tmp_path: Path, lane: str) -> None:
    """RS256, ES256 and EdDSA by the key file, HS256 by the secret; `none`, confusion, foreign keys,
    wrong times and parties: 4500.
    """
    (tmp_path / "keys.pem").write_bytes(b"".join(public(algorithm) for algorithm in KEYS))
    settings = {
        "jwt_key_file": tmp_path / "keys.pem",
        "issuer": "https://id.example",
        "audience": "rtdash",
    }
    ours = {"iss": "https://id.example", "aud": "rtdash"}
    with serving(tmp_path / "data", lane, settings=settings) as server:
        for algorithm, key in (("HS256", SECRET), *KEYS.items()):
            async with server.client(token=signed(key, algorithm, **ours)) as client:
                await client.subscribe("hotel_reservations")
        for token in (
            signed(None, "none", **ours),
            *(forged(public(algorithm)) for algorithm in KEYS),
            signed(ed25519.Ed25519PrivateKey.generate(), "EdDSA", **ours),
            signed("another secret that is long enough for it", **ours),
            signed(**ours | {"aud": "another"}),
            signed(**ours | {"iss": "https://evil.example"}),
            signed(nbf=datetime.now(UTC) + timedelta(minutes=1), **ours),
            signed(sub="a\nb", **ours),
            signed(sub="a" * 201, **ours),
        ):
            async with server.client(token=token) as client:
                assert (await client.farewell())[1] == 4500
        async with server.client(
            token=signed(**ours | {"exp": datetime.now(UTC) - timedelta(seconds=60)})
        ) as client:
            assert (await client.farewell())[1] == 4005


@pytest.mark.parametrize("what", ["--id", "--user"])
async def test_the_command_revokes(
    edge: Server, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """`rtdash token revoke` closes open sockets with 4504, keeps the user out by REST and socket,
    and leaves all other users alone.
    """
    monkeypatch.setenv("RTDASH_URL", f"http://127.0.0.1:{edge.port}")
    monkeypatch.setenv("RTDASH_SECRET", SECRET)
    token = signed(
        sub=f"leaving{what}", jti=f"jti{what}", iat=datetime.now(UTC) - timedelta(seconds=5)
    )
    async with (
        edge.client(token=token) as leaving,
        edge.client(token=edge.token("staying")) as staying,
    ):
        await leaving.subscribe("hotel_reservations")
        await staying.subscribe("hotel_reservations")
        value = f"leaving{what}" if what == "--user" else f"jti{what}"
        assert await asyncio.to_thread(run, ["token", "revoke", what, value]) == 0
        said, code = await leaving.farewell()
        assert (code, said and said["reconnect"]) == (4504, False)
        assert (await staying.ask(action="ping"))["status"] == "pong"
        refused = await staying.ask(action="authenticate", token=token)
        assert refused["code"] == "unauthenticated"
    async with edge.client(token=token) as again:
        assert (await again.farewell())[1] == 4504
    async with httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{edge.port}", trust_env=False
    ) as rest:
        assert (
            await rest.get("/api/user/profile", headers={"Authorization": f"Bearer {token}"})
        ).status_code == 401


async def test_a_revocation_during_the_handshake_is_not_missed(edge: Server) -> None:
    """Between the check of the token and the admission the connection is not yet among the open
    ones: the admission checks again.
    """
    token = signed(sub="racing", jti="racing-jti")
    principal = edge.services.verifier.verify(token)
    edge.services.verifier._is_revoked = lambda _: (
        False
    )  # as if the check had been before the revocation
    try:
        await edge.call(lambda: edge.services.revocations.revoke(jti=principal.jti))
        async with edge.client(token=token) as client:
            assert (await client.farewell())[1] == 4504
    finally:
        edge.services.verifier._is_revoked = edge.services.revocations.is_revoked


async def test_one_setting_lets_pages_in(tmp_path: Path, lane: str) -> None:
    """`allowed_origins` is for the socket and for REST with its preflight, however the origin was
    written; other pages are refused.
    """
    good, evil = "https://dash.example", "https://evil.example"
    with serving(
        tmp_path,
        lane,
        settings={"allowed_origins": "https://Dash.Example:443/ , http://localhost:3000"},
    ) as server:
        async with connect(server.url(token=server.token()), proxy=None, origin=good) as websocket:
            await websocket.send('{"action":"ping"}')
            assert "pong" in str(await websocket.recv())
        with pytest.raises(InvalidStatus) as refused:
            await connect(server.url(token=server.token()), proxy=None, origin=evil)
        assert refused.value.response.status_code == 403
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{server.port}", trust_env=False
        ) as rest:
            asked = {
                "Access-Control-Request-Method": "PATCH",
                "Access-Control-Request-Headers": "authorization,idempotency-key",
            }
            for origin, status in ((good, 200), ("http://localhost:3000", 200), (evil, 400)):
                preflight = await rest.options(
                    "/api/hotel/bookings/x", headers={"Origin": origin, **asked}
                )
                assert preflight.status_code == status
                answer = await rest.get(
                    "/api/dashboard/stats",
                    headers={"Origin": origin, "Authorization": f"Bearer {server.token()}"},
                )
                assert answer.headers.get("access-control-allow-origin") == (
                    origin if status == 200 else None
                )


async def test_a_wrong_path_is_told(edge: Server, caplog: pytest.LogCaptureFixture) -> None:
    """404, and the token in its URL is in no log."""
    caplog.set_level("INFO")
    caplog.set_level("DEBUG", logger="rtdash")
    token = edge.token()
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://127.0.0.1:{edge.port}/socket?token={token}", proxy=None)
    assert refused.value.response.status_code == 404
    assert "/socket" in caplog.text
    assert token not in caplog.text


async def test_wrong_tokens_are_paced_by_address(tmp_path: Path, lane: str) -> None:
    """Guessing is slowed down: refused tokens count against their address like other handshakes."""
    with serving(tmp_path, lane, handshakes_per_minute=1, handshakes_burst=2) as server:
        for _ in range(2):
            async with server.client(token="guess") as client:
                assert (await client.farewell())[1] == 4500
        with pytest.raises(InvalidStatus) as refused:
            await connect(server.url(token=server.token()), proxy=None)
        assert refused.value.response.status_code == 503


async def test_a_refused_origin_is_logged_with_the_setting_that_would_allow_it(
    tmp_path: Path, lane: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Once a minute for each origin, however often its page tries; REST's preflights too."""
    with serving(tmp_path, lane) as server:
        for origin in ["https://Dash.example:443"] * 3 + ["https://other.example", "null"]:
            with pytest.raises(InvalidStatus):
                await connect(server.url(token=server.token()), origin=origin, proxy=None)
        asked = {"Origin": "https://page.example", "Access-Control-Request-Method": "GET"}
        async with httpx2.AsyncClient(trust_env=False) as client:
            for headers in (asked, asked, {}, {"Origin": ""}):  # a probe names no page
                url = f"http://127.0.0.1:{server.port}/api/user/profile"
                await client.options(url, headers=headers)
        lines = said_of_origins(caplog)
    assert [line.rpartition("RTDASH_ALLOWED_ORIGINS=")[2].split()[0] for line in lines] == [
        "https://dash.example",
        "https://other.example",
        "*",
        "https://page.example",
    ]


def said_of_origins(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The lines about refused origins."""
    return [record.getMessage() for record in caplog.records if "origin" in record.getMessage()]


async def test_made_up_origins_dont_fill_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each Origin is new, and any client may send one: so many lines a minute for all of them."""
    with serving(tmp_path, "fast") as server:
        async with httpx2.AsyncClient(trust_env=False) as client:
            for number in range(3 * LINES_A_MINUTE):
                origin = {"Origin": f"https://{number}.example"}
                await client.options(f"http://127.0.0.1:{server.port}/healthz", headers=origin)
    assert LINES_A_MINUTE <= len(said_of_origins(caplog)) < 3 * LINES_A_MINUTE
