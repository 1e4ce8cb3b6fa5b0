"""Claims and headers of tokens as other people's issuers write them: right ones are taken, wrong
ones are refused with words, and nothing of them is a fault of the server's.
"""

import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from rtdash.server.auth.keys import Keys
from rtdash.server.auth.tokens import TokenRefused, Verifier
from tests.server.sockets import SECRET, anyio_backend, lane, serving

__all__ = ["anyio_backend", "lane"]

pytestmark = pytest.mark.anyio

LEEWAY_S = 10.0


def signed(**claims: Any) -> str:
    """Return a token with these claims over good ones."""
    good = {"sub": "anna", "scope": "hotel:read", "venues": ["*"], "exp": int(time.time()) + 600}
    return jwt.encode({**good, **claims}, SECRET, "HS256")


def verifier(**options: Any) -> Verifier:
    return Verifier(SECRET, leeway_s=LEEWAY_S, **options)


@pytest.mark.parametrize("claim", ["iat", "nbf"])
async def test_an_issuer_whose_clock_is_ahead_is_taken(claim: str) -> None:
    """By seconds: no two machines have the same time. By more than the leeway it is refused."""
    assert verifier().verify(signed(**{claim: time.time() + 3})).sub == "anna"
    with pytest.raises(TokenRefused):
        verifier().verify(signed(**{claim: time.time() + 3 * LEEWAY_S}))


async def test_a_token_has_the_leeway_at_its_end_too() -> None:
    """On the first check and on those that come from memory, and no longer."""
    token = signed(exp=time.time() - LEEWAY_S / 2)
    known = verifier()
    assert known.verify(token).sub == known.verify(token).sub == "anna"
    with pytest.raises(TokenRefused, match="expired") as refused:
        known.verify(signed(exp=time.time() - 2 * LEEWAY_S))
    assert refused.value.expired


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": 1},
        {"sub": None},
        {"sub": ["anna"]},
        {"sub": ""},
        {"sub": "a\nb"},
        {"exp": None},
        {"exp": []},
        {"exp": "soon"},
        {"exp": 10**30},
        {"exp": 253402300800 * 10},
        {"iat": None},
        {"iat": "x"},
        {"iat": []},
        {"iat": 10**20},
        {"iat": -(10**20)},
        {"nbf": {}},
        {"nbf": None},
        {"scope": 1},
        {"scope": None},
        {"scope": {"hotel:read": True}},
        {"scope": ["hotel:read", 1]},
        {"venues": "*"},
        {"venues": None},
        {"venues": [1]},
        {"venues": [["*"]]},
        {"jti": []},
        {"jti": {}},
        {"jti": 1.5},
        {"jti": "\x00"},
        {"jti": "x" * 300},
        {"name": 5},
        {"name": "\ud800"},
        {"venues": ["\udfff"]},
        {"scope": "hotel:read \ud800"},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"exp": True},
        {"iat": float("nan")},
        {"nbf": float("inf")},
        {"login_at": "x"},
        {"login_at": 10**30},
    ],
    ids=str,
)
async def test_a_claim_of_a_wrong_type_refuses_the_token(claims: dict[str, Any]) -> None:
    """In words that name no library of ours; never a fault."""
    with pytest.raises(TokenRefused) as refused:
        verifier().verify(signed(**claims))
    assert "get a new one" in refused.value.reason or "claim" in refused.value.reason


async def test_such_a_token_is_401_and_4500(tmp_path: Path, lane: str) -> None:
    """And its server goes on."""
    with serving(tmp_path, lane) as server:
        async with server.client(token=signed(iat=None)) as client:
            assert (await client.farewell())[1] == 4500
        async with server.client() as client:
            assert (await client.ask(action="ping"))["status"] == "pong"


async def test_a_socket_has_the_leeway_too(tmp_path: Path, lane: str) -> None:
    """A token that has just expired lets in, and its end comes with the end of the leeway."""
    with serving(tmp_path, lane, jwt_leeway_s=3) as server:
        async with server.client(token=signed(exp=int(time.time()) - 1)) as client:
            said, code = await client.farewell()
            assert code == 4005
            assert said is not None


async def test_tokens_of_the_secret_can_be_switched_off() -> None:
    """Where an identity provider signs all of them, a reader of the secret can make none."""
    with pytest.raises(TokenRefused, match="key or an algorithm"):
        Verifier(None, keys=Keys()).verify(signed())
