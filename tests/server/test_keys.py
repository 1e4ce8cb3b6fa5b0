"""Public keys: from files, from key sets, and none that shouldn't be one."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from rtdash.server.auth.keys import MAX_KEYS, MAX_SET_BYTES, Keys, KeyUnusable, read_key_file
from rtdash.server.auth.tokens import TokenRefused, Verifier, token_digest
from tests.programs import free_port
from tests.server.sockets import LANES, serving

pytestmark = pytest.mark.anyio
SECRET = "s" * 64
OLD, NEW = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()


@pytest.fixture
def anyio_backend() -> str:
    """Everything of ours runs on asyncio."""
    return "asyncio"


class KeyServer:
    """Serves a key set that the test can change, at once or late, and counts the requests."""

    def __init__(self, port: int = 0) -> None:
        self.content = b"{}"
        self.asked = 0
        self.delay_s = 0.0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """The key set."""
                outer.asked += 1
                time.sleep(outer.delay_s)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(outer.content)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = HTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    """With the old key, one for encryption, and one of a curve that isn't taken."""
    server = KeyServer()
    old = json.loads(ECAlgorithm.to_jwk(OLD.public_key())) | {"kid": "old", "use": "sig"}
    other = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key())) | {
        "kid": "p384"
    }
    sealing = json.loads(OKPAlgorithm.to_jwk(NEW.public_key())) | {"kid": "new", "use": "enc"}
    server.content = json.dumps({"keys": [old, other, sealing]}).encode()
    yield server
    server.stop()


def signed(key: object, algorithm: str, **headers: str) -> str:
    """A good token."""
    return jwt.encode(
        {"sub": "anna", "exp": datetime.now(UTC) + timedelta(minutes=1)},
        key,
        algorithm=algorithm,
        headers=headers,
    )


async def test_a_key_set_is_fetched_when_a_token_names_a_key_of_it(key_server: KeyServer) -> None:
    """The first token of an unknown key waits for the fetch."""
    verifier = Verifier(SECRET, keys=Keys(jwks_url=key_server.url))
    assert (await verifier.authenticate(signed(OLD, "ES256", kid="old"))).sub == "anna"
    assert (await verifier.authenticate(signed(OLD, "ES256"))).sub == "anna"
    assert key_server.asked == 1


async def test_unknown_keys_dont_make_it_fetch_again_and_again(key_server: KeyServer) -> None:
    """A flood of tokens with made-up keys is one fetch."""
    verifier = Verifier(SECRET, keys=Keys(jwks_url=key_server.url))
    for number in range(5):
        with pytest.raises(TokenRefused):
            await verifier.authenticate(signed(OLD, "ES256", kid=f"made-up-{number}"))
    assert key_server.asked == 1


async def test_a_key_for_encryption_verifies_nothing(key_server: KeyServer) -> None:
    """Only keys for signatures, of the three types, are taken."""
    verifier = Verifier(SECRET, keys=Keys(jwks_url=key_server.url))
    with pytest.raises(TokenRefused):
        await verifier.authenticate(signed(NEW, "EdDSA", kid="new"))


async def test_keys_stay_when_the_set_cant_be_fetched(key_server: KeyServer) -> None:
    """Nonsense in place of the set changes nothing."""
    keys = Keys(jwks_url=key_server.url)
    assert await keys.refresh()
    key_server.content = b"<html>"
    keys._tried_at = float("-inf")
    assert not await keys.refresh()
    assert Verifier(SECRET, keys=keys).verify(signed(OLD, "ES256", kid="old")).sub == "anna"


async def test_keys_rotate(key_server: KeyServer) -> None:
    """A new key of the set verifies; one that was taken out doesn't any more, not even tokens that
    it had verified before.
    """
    keys = Keys(jwks_url=key_server.url)
    verifier = Verifier(SECRET, keys=keys)
    old, new = signed(OLD, "ES256", kid="old"), signed(NEW, "EdDSA", kid="new")
    assert (await verifier.authenticate(old)).sub == "anna"
    assert verifier.recall(token_digest(old)).sub == "anna"
    key_server.content = json.dumps(
        {"keys": [json.loads(OKPAlgorithm.to_jwk(NEW.public_key())) | {"kid": "new"}]}
    ).encode()
    keys._tried_at = float("-inf")
    assert (await verifier.authenticate(new)).sub == "anna"
    with pytest.raises(KeyError):
        verifier.recall(token_digest(old))
    with pytest.raises(TokenRefused):
        await verifier.authenticate(old)


async def test_an_unchanged_set_forgets_nobody(key_server: KeyServer) -> None:
    """Fetching it again costs no verification."""
    keys = Keys(jwks_url=key_server.url)
    verifier = Verifier(SECRET, keys=keys)
    token = signed(OLD, "ES256", kid="old")
    await verifier.authenticate(token)
    keys._tried_at = float("-inf")
    assert await keys.refresh()
    assert verifier.recall(token_digest(token)).sub == "anna"


async def test_a_key_set_that_is_too_large_or_too_slow_is_none(
    key_server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever answers at its address costs a bounded number of bytes and seconds."""
    whole = key_server.content
    key_server.content = whole[:-1] + b" " * MAX_SET_BYTES + b"}"
    keys = Keys(jwks_url=key_server.url)
    assert not await keys.refresh()
    monkeypatch.setattr("rtdash.server.auth.keys.FETCH_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert not await Keys(jwks_url=f"http://127.0.0.1:{mute.getsockname()[1]}/keys").refresh()
    key_server.content = b"[" * 100_000
    keys._tried_at = float("-inf")
    assert not await keys.refresh()


@pytest.mark.parametrize("lane", LANES)
async def test_a_server_starts_without_its_key_set(tmp_path: Path, lane: str) -> None:
    """Tokens of its own open meanwhile, those of the set are 4500; once the set can be fetched they
    open, and go on to when it can't.
    """
    port = free_port()
    token = signed(OLD, "ES256", kid="old")
    with serving(tmp_path, lane, settings={"jwks_url": f"http://127.0.0.1:{port}/keys"}) as server:
        keys = server.services.verifier._keys
        await server.until(lambda: keys._tried_at > 0 and keys._fetching is None)
        async with server.client() as client:
            assert (await client.ask(action="ping"))["status"] == "pong"
        async with server.client(token=token) as client:
            assert (await client.farewell())[1] == 4500
        key_server = KeyServer(port)
        key_server.content = json.dumps(
            {"keys": [json.loads(ECAlgorithm.to_jwk(OLD.public_key())) | {"kid": "old"}]}
        ).encode()
        async with server.client(token=token) as client:
            assert (await client.farewell())[1] == 4500, "fetched again within MIN_REFRESH_S"
        keys._tried_at = float("-inf")
        async with server.client(token=token) as client:
            assert (await client.ask(action="ping"))["status"] == "pong"
        key_server.stop()
        keys._tried_at = float("-inf")
        await server.call(keys.refresh)
        async with server.client(token=token) as client:
            assert (await client.ask(action="ping"))["status"] == "pong"
        assert server.services.tasks.dead == []


@pytest.mark.parametrize("lane", LANES)
async def test_without_a_limit_a_late_key_set_is_waited_for(
    tmp_path: Path, lane: str, key_server: KeyServer
) -> None:
    """handshake_timeout 0 means no limit: a handshake whose key is still fetched comes in."""
    with serving(
        tmp_path, lane, settings={"jwks_url": key_server.url}, handshake_timeout_s=0
    ) as server:
        keys = server.services.verifier._keys
        await server.until(lambda: keys._tried_at > 0 and keys._fetching is None)
        key_server.content = json.dumps(
            {"keys": [json.loads(OKPAlgorithm.to_jwk(NEW.public_key())) | {"kid": "new"}]}
        ).encode()
        key_server.delay_s = 0.3
        keys._tried_at = float("-inf")
        async with server.client(token=signed(NEW, "EdDSA", kid="new")) as client:
            assert (await client.ask(action="ping"))["status"] == "pong"
    assert key_server.asked == 2


@pytest.mark.parametrize(
    "url", ["keys", "ftp://me:hunter2@host/keys", "https://", "https://me:hunter2@host:x/"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """At start; its password is not repeated."""
    with pytest.raises(KeyUnusable) as refused:
        Keys(jwks_url=url)
    assert "hunter2" not in str(refused.value)


def test_a_key_file_may_hold_several_keys(tmp_path: Path) -> None:
    """Each is good for the algorithm of its type."""
    public = [
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        for key in (OLD, NEW)
    ]
    (tmp_path / "keys.pem").write_bytes(b"comment\n" + b"\n".join(public))
    assert [key.algorithm for key in read_key_file(tmp_path / "keys.pem")] == ["ES256", "EdDSA"]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "no key"),
        (b"-----BEGIN PUBLIC KEY-----\nxx\n-----END PUBLIC KEY-----\n", "PEM"),
        (OLD.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "public"),
        (
            rsa.generate_private_key(65_537, 1_024)
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "2048",
        ),
    ],
)
def test_a_key_file_that_cant_be_used_is_refused(tmp_path: Path, content: bytes, word: str) -> None:
    """At start, with the reason."""
    (tmp_path / "key.pem").write_bytes(content)
    with pytest.raises(KeyUnusable, match=word):
        read_key_file(tmp_path / "key.pem")
    with pytest.raises(KeyUnusable, match="can't be read"):
        read_key_file(tmp_path / "missing.pem")


@pytest.mark.parametrize(
    "odd",
    [
        *(None, [], {"alg": ["ES256"]}, {"use": ["sig"]}, {"kid": ["x"]}, {"key_ops": 5}),
        *({"kty": []}, {"kty": "oct", "k": "c2VjcmV0"}, {"kty": "RSA", "x5c": ["MIIB"]}),
        *({"crv": "secp256k1"}, {"crv": 256}, {"crv": ["P-256"]}, {"x": 5}, {"x": None}, {"x": {}}),
        *({"x": "AA"}, {"x": "\ud800"}, {"d": 5}, {"d": "AA"}, {"kty": "RSA", "n": "AQAB", "e": 5}),
        *({"kty": "RSA", "n": "_" * 60_000, "e": "AQAB"}, {"kty": "RSA", "n": "", "e": ""}),
        *({"kty": "OKP", "crv": "X25519"}, {"kty": "OKP", "crv": "Ed448", "x": "AA"}),
    ],
    ids=lambda odd: str(odd)[:40],
)
async def test_an_odd_entry_takes_no_other_with_it(key_server: KeyServer, odd: object) -> None:
    """The entry is passed over by itself (RFC 7517 section 5)."""
    good = json.loads(ECAlgorithm.to_jwk(OLD.public_key()))
    entry = good | odd if isinstance(odd, dict) else odd
    key_server.content = json.dumps({"keys": [entry, good | {"kid": "old"}]}).encode()
    verifier = Verifier(SECRET, keys=Keys(jwks_url=key_server.url))
    assert (await verifier.authenticate(signed(OLD, "ES256", kid="old"))).sub == "anna"


async def test_a_number_without_end_touches_its_entry_alone(key_server: KeyServer) -> None:
    """An integer that Python refuses to read is one entry's, not the set's."""
    good = ECAlgorithm.to_jwk(OLD.public_key())
    key_server.content = b'{"keys": [{"kty": %s}, %s]}' % (b"9" * 5_000, good.encode())
    verifier = Verifier(SECRET, keys=Keys(jwks_url=key_server.url))
    assert (await verifier.authenticate(signed(OLD, "ES256"))).sub == "anna"


@pytest.mark.parametrize("unset", [None, "", []], ids=repr)
async def test_members_that_an_issuer_has_not_set_are_absent(
    key_server: KeyServer, unset: object
) -> None:
    """Issuers publish `"key_ops": []` and `"alg": null` for members that they don't use, those of
    private keys among them.
    """
    members = ("use", "key_ops", "alg", "kid", "x5c", "oth", "d", "p", "k")
    good = json.loads(ECAlgorithm.to_jwk(OLD.public_key()))
    key_server.content = json.dumps({"keys": [good | dict.fromkeys(members, unset)]}).encode()
    verifier = Verifier(SECRET, keys=Keys(jwks_url=key_server.url))
    assert (await verifier.authenticate(signed(OLD, "ES256", kid="old"))).sub == "anna"


async def test_a_set_of_thousands_of_keys_costs_little(
    key_server: KeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A token that names no key is checked with a hundred at most, and of those that are passed
    over some are named.
    """
    good = json.loads(ECAlgorithm.to_jwk(OLD.public_key()))
    key_server.content = json.dumps({"keys": [{"kty": 1}] * 5_000 + [good] * 1_000}).encode()
    assert len(key_server.content) < MAX_SET_BYTES
    keys = Keys(jwks_url=key_server.url)
    assert (await Verifier(SECRET, keys=keys).authenticate(signed(OLD, "ES256"))).sub == "anna"
    assert len(keys.matching("ES256", None)) == MAX_KEYS
    lines = [record.getMessage() for record in caplog.records]
    assert 0 < len(lines) < 20
    assert "5000 keys of the key set are passed over in all" in lines


async def test_a_key_set_that_has_moved_is_not_followed(key_server: KeyServer) -> None:
    """A redirect, also one in a circle, is no key set: the keys known so far stay."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: " + key_server.url.encode() + b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        keys = Keys(jwks_url=f"http://127.0.0.1:{port}/")
        assert not await keys.refresh()
    assert key_server.asked == 0
