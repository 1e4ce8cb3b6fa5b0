"""Signing in: codes are good once and for a minute, are no tokens, and their tokens are renewed."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from rtdash.server.auth.sign_in import mint_code
from rtdash.server.auth.tokens import mint
from tests.server.running import HOTEL, SECRET

PROFILE = "/api/user/profile"


def ask(client, code):
    return client.post("/api/login", json={"code": code})


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def anybody(server):
    with server.client("") as client:
        yield client


def test_a_code_becomes_a_token(anybody):
    """The token has the rights that the code names, and is for the user that it names."""
    code = mint_code(SECRET, user="front-desk", venues=[HOTEL], scopes=["hotel:read"])
    answer = ask(anybody, code)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    profile = anybody.get(PROFILE, headers=bearer(answer.json()["token"])).json()
    assert profile["id"] == "front-desk"
    assert profile["scopes"] == ["hotel:read"]
    assert [venue["id"] for venue in profile["venues"]] == [HOTEL]
    assert profile["expiresAt"] == answer.json()["expiresAt"]


def test_a_code_is_good_once(anybody):
    """The second use is refused, and says what to do."""
    code = mint_code(SECRET, user="anna")
    assert ask(anybody, code).status_code == 200
    again = ask(anybody, code)
    assert again.status_code == 401
    assert "rtdash open" in again.json()["detail"]


@pytest.mark.parametrize(
    "code",
    [
        mint_code(SECRET, user="anna", code_ttl=timedelta(seconds=-1)),
        mint_code("another-secret-" * 4, user="anna"),
        mint(SECRET, user="anna"),
        jwt.encode({"use": "login", "sub": "anna", "exp": 2**40}, SECRET, algorithm="HS256"),
        "nonsense",
        "x" * 9000,
        "",
    ],
    ids=["expired", "foreign", "a token", "without an id", "nonsense", "long", "empty"],
)
def test_what_is_no_code_is_refused(anybody, code):
    """Expired, of another server, a token, not a JWT: 401 with the same words."""
    answer = ask(anybody, code)
    assert answer.status_code == 401
    assert "sign-in code" in answer.json()["detail"]


@pytest.mark.parametrize("body", [[], {}, {"code": 1}, {"code": "a", "more": 1}, "code"])
def test_bodies_that_are_wrong(anybody, body):
    """What is no object with a code alone is 422."""
    assert anybody.post("/api/login", json=body).status_code == 422


def test_a_code_is_no_token(server):
    """A code is refused wherever a token is asked for."""
    with server.client(mint_code(SECRET, user="anna")) as client:
        answer = client.get(PROFILE)
    assert answer.status_code == 401
    assert "sign-in code" in answer.json()["detail"]


def test_codes_of_a_revoked_user(server, anybody):
    """Revoking a user ends codes that were minted before, too."""
    code = mint_code(SECRET, user="leaver")
    with server.admin() as admin:
        assert admin.post("/api/admin/revocations", json={"sub": "leaver"}).status_code == 204
    assert ask(anybody, code).status_code == 401


def test_a_token_of_a_sign_in_is_renewed(anybody):
    """The next token has the same rights and its own id."""
    code = mint_code(SECRET, user="anna", venues=[HOTEL], ttl=timedelta(hours=1))
    first = ask(anybody, code).json()["token"]
    answer = anybody.post("/api/login/renew", headers=bearer(first))
    assert answer.status_code == 200
    claims = [
        jwt.decode(one, options={"verify_signature": False})
        for one in (first, answer.json()["token"])
    ]
    assert claims[0]["jti"] != claims[1]["jti"]
    assert claims[0]["venues"] == claims[1]["venues"] == [HOTEL]
    assert claims[0]["login_at"] == claims[1]["login_at"]
    assert abs(claims[1]["exp"] - claims[1]["iat"] - 3600) <= 1


def test_other_tokens_are_not_renewed(server):
    """A token that was minted for a program is not made to live for ever."""
    with server.client() as client:
        answer = client.post("/api/login/renew")
    assert answer.status_code == 401
    assert "sign-in" in answer.json()["detail"]


def test_renewal_ends(serve):
    """A sign-in lasts as long as the setting says, and its last token no longer."""
    server = serve(limits={"login_ttl_s": 7200})
    now = datetime.now(UTC)
    early = mint(SECRET, user="a", login_at=now - timedelta(hours=3))
    late = mint(SECRET, user="a", login_at=now - timedelta(hours=1, minutes=50))
    with server.client("") as client:
        assert client.post("/api/login/renew", headers=bearer(early)).status_code == 401
        token = client.post("/api/login/renew", headers=bearer(late)).json()["token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] <= 601


def test_signing_out_needs_no_admin(server, anybody):
    """A token can revoke itself, and only itself."""
    token, other = (
        ask(anybody, mint_code(SECRET, user=user)).json()["token"] for user in ("anna", "bert")
    )
    mine, others = (
        jwt.decode(one, options={"verify_signature": False})["jti"] for one in (token, other)
    )
    path = "/api/admin/revocations"
    assert anybody.post(path, json={"jti": others}, headers=bearer(token)).status_code == 403
    assert anybody.post(path, json={"jti": mine}, headers=bearer(token)).status_code == 204
    assert anybody.get(PROFILE, headers=bearer(token)).status_code == 401
    assert anybody.get(PROFILE, headers=bearer(other)).status_code == 200
