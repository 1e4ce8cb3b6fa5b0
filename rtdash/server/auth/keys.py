"""Public keys that tokens may be signed with: of a PEM file, or of a key set (JWKS) kept fresh."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

REFRESH_S = 300.0
"""How often a key set is fetched again, so that keys taken out of it stop working."""
MIN_REFRESH_S = 10.0
"""The least time between two fetches that unknown keys cause."""
FETCH_TIMEOUT_S = 5.0
"""For the whole answer, however slowly it comes."""
MAX_SET_BYTES = 256 * 1024
"""A key set of more is none: a hundred RSA keys have a tenth of it."""
MAX_KEYS = 100
"""Keys of a set that are used: a token that names none is checked with each."""
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 16_384
"""OpenSSL verifies nothing by a longer one."""
_PASSED_OVER_LINES = 10
_PEM = "PEM form (BEGIN PUBLIC KEY)"

_ALGORITHMS = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}
"""The one algorithm that each type of key is taken for."""

_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError)
"""Errors of PyJWT for a key that has members of wrong types or values, beside its own errors."""

_log = logging.getLogger(__name__)


# a refusal at the start, for the operator
class KeyUnusable(Exception):  # noqa: N818
    """A key that tokens can't be verified with; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, and the one algorithm that its type is good for."""

    algorithm: str
    key: Any
    key_id: str | None = None


class Keys:
    """The known public keys. Without file and URL there are none, and only HS256 tokens are
    taken.
    """

    def __init__(self, fixed: Sequence[Key] = (), jwks_url: str | None = None) -> None:
        """Raises KeyUnusable for a URL that can't be one."""
        if jwks_url is not None:
            _check_url(jwks_url)
        self.on_changed: Callable[[], None] = lambda: None
        """Called when the keys are others: what was verified must be verified again."""
        self._fixed = tuple(fixed)
        self._fetched: tuple[Key, ...] = ()
        self._content = b""
        self._url = jwks_url
        self._tried_at = float("-inf")
        self._fetching: asyncio.Task[bool] | None = None

    def matching(self, algorithm: Any, key_id: Any) -> list[Any]:
        """The keys for that algorithm; where the token names its key, only those of that name or of
        none.
        """
        keys = (*self._fixed, *self._fetched)
        return [
            one.key
            for one in keys
            if one.algorithm == algorithm and (key_id is None or one.key_id in {None, key_id})
        ]

    def replace_fixed(self, keys: Sequence[Key]) -> None:
        """Use other keys of the key file: what was verified with the old ones is verified again."""
        self._fixed = tuple(keys)
        self.on_changed()

    async def refresh(self) -> bool:
        """Fetch the key set, unless that was tried within the last 10 s; requests at the same time
        share one fetch. False: nothing new.
        """
        if self._url is None:
            return False
        if self._fetching is None:
            if time.monotonic() - self._tried_at < MIN_REFRESH_S:
                return False
            self._fetching = asyncio.create_task(self._fetch(self._url))
        return await asyncio.shield(self._fetching)

    async def refresh_periodically(self) -> None:
        """Keep the key set fresh, until cancelled."""
        try:
            while True:
                await self.refresh()
                await asyncio.sleep(REFRESH_S)
        finally:
            if self._fetching is not None:
                self._fetching.cancel()
                await asyncio.gather(self._fetching, return_exceptions=True)

    @property
    def is_remote(self) -> bool:
        """Whether there is a key set to keep fresh."""
        return self._url is not None

    async def _fetch(self, url: str) -> bool:
        self._tried_at = time.monotonic()
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                content = await _download(url)
            keys = self._fetched if content == self._content else _parse_key_set(content)
        except (OSError, ValueError, RecursionError) as error:
            name = type(error).__name__
            _log.warning("the key set can't be fetched (%s); the keys known so far stay", name)
            return False
        finally:
            self._fetching = None
        if content != self._content:
            self._fetched, self._content = keys, content
            self.on_changed()
        return True


def read_key_file(path: Path) -> tuple[Key, ...]:
    """Return the public keys of a PEM file, one or several. Raises KeyUnusable."""
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    marker = b"-----BEGIN "
    try:
        parts = path.read_bytes().split(marker)[1:]
        keys = tuple(_key(load_pem_public_key(marker + part)) for part in parts)
    except OSError as error:
        raise KeyUnusable(f"the key file {path} can't be read: {error.strerror}") from None
    except ValueError:
        raise KeyUnusable(f"the key file {path} must hold public keys in {_PEM}") from None
    if not keys:
        raise KeyUnusable(f"the key file {path} holds no key in {_PEM}")
    return keys


def _check_url(url: str) -> None:
    """The text leaves the URL out: it may carry a password."""
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.port is None or parts.port else ""
    except ValueError:
        raise KeyUnusable("the URL of the key set can't be read") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise KeyUnusable(
            "the URL of the key set must begin with https:// (or http://) and name a host"
        )


async def _download(url: str) -> bytes:
    """Return the content at the URL. Raises OSError, ValueError."""
    import httpx2  # noqa: PLC0415 - few servers have a key set, and all should start soon

    try:
        async with (
            httpx2.AsyncClient(timeout=FETCH_TIMEOUT_S) as client,
            client.stream("GET", url) as answer,
        ):
            answer.raise_for_status()
            content = b""
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > MAX_SET_BYTES:
                    raise ValueError("the key set is too large")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise ConnectionError(type(error).__name__) from None
    return content


def _parse_key_set(content: bytes) -> tuple[Key, ...]:
    """Return the keys of a JWKS that tokens can be verified with. Others are passed over, each by
    itself: a set may hold keys for encryption, of other types, and ones that a later standard
    defines (RFC 7517 section 5).
    """
    # as float: Python reads no integer of 4,301 digits, and one entry's would end the reading of all
    document = json.loads(content, parse_int=float)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("a key set is a JSON object with a list `keys`")  # noqa: TRY004  one error
    keys: list[Key] = []
    passed_over = 0
    for number, entry in enumerate(entries, 1):
        if len(keys) == MAX_KEYS:
            _log.warning("%d of the %d keys of the key set are used", MAX_KEYS, len(entries))
            break
        try:
            keys.append(_parse_entry(entry))
        except KeyUnusable as reason:
            passed_over += 1
            if passed_over <= _PASSED_OVER_LINES:
                _log.warning("key %d of the key set is passed over: %s", number, reason)
    if passed_over > _PASSED_OVER_LINES:
        _log.warning("%d keys of the key set are passed over in all", passed_over)
    return tuple(keys)


def _parse_entry(entry: Any) -> Key:
    """Return one key of a set. Raises KeyUnusable for one that is not for signatures of ours."""
    if not isinstance(entry, dict):
        raise KeyUnusable("it is no JSON object")
    # issuers write null, "" or [] for members that they have not set
    entry = {name: value for name, value in entry.items() if value not in (None, "", [])}
    purposes = entry.get("key_ops", ["verify"])
    is_list = isinstance(purposes, list)
    if entry.get("use", "sig") != "sig" or not is_list or "verify" not in purposes:
        raise KeyUnusable("it is not for signatures")
    key_id = entry.get("kid")
    if key_id is not None and not isinstance(key_id, str):
        raise KeyUnusable("its kid is no string")
    algorithm = _ALGORITHMS.get(str(entry.get("kty")))
    if algorithm is None:
        raise KeyUnusable("its type is none of RSA, EC and OKP")
    if entry.get("alg", algorithm) not in (algorithm, "Ed25519"):
        raise KeyUnusable(f"its algorithm is not {algorithm}")
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from jwt import PyJWK, PyJWTError  # noqa: PLC0415

    try:
        return _key(PyJWK(entry, algorithm).key, key_id)
    except (*_UNREADABLE, PyJWTError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(f"it can't be read ({type(error).__name__})") from None


def _key(key: Any, key_id: str | None = None) -> Key:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415

    match key:
        case rsa.RSAPublicKey() if MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
            return Key("RS256", key, key_id)
        case ec.EllipticCurvePublicKey() if isinstance(key.curve, ec.SECP256R1):
            return Key("ES256", key, key_id)
        case ed25519.Ed25519PublicKey():
            return Key("EdDSA", key, key_id)
        case _:
            raise KeyUnusable(
                f"a {type(key).__name__} is none of RSA ({MIN_RSA_BITS} to {MAX_RSA_BITS} bits), P-256"
                " and Ed25519"
            )
