"""`rtdash token`: mints from the secret of this machine, and revokes."""

import json
from pathlib import Path

import httpx2
import jwt
import pytest

from rtdash.cli.main import run
from tests.client.processes import Served


def test_token_prints_just_the_token(served: Served, capfd: pytest.CaptureFixture[str]) -> None:
    """For all venues, with all scopes but admin's, for 12 hours."""
    assert run(["token", "--data", str(served.data)]) == 0
    out, err = capfd.readouterr()
    claims = jwt.decode(out.strip(), options={"verify_signature": False})
    assert (out.count("\n"), err) == (1, "")
    assert (claims["sub"], claims["venues"], claims["scope"]) == (
        "local",
        ["*"],
        "hotel:read hotel:write restaurant:read restaurant:write",
    )
    assert claims["exp"] - claims["iat"] == pytest.approx(12 * 3600, abs=1)


def test_token_takes_what_it_is_told(served: Served, capfd: pytest.CaptureFixture[str]) -> None:
    """Claims by options, and the server believes them."""
    options = [
        "--user",
        "ada",
        "--name",
        "Ada",
        "--scope",
        "hotel:read",
        "--venue",
        "harbour-hotel",
        "--ttl",
        "90s",
    ]
    assert run(["token", "--data", str(served.data), *options]) == 0
    token = capfd.readouterr().out.strip()
    profile = httpx2.get(
        f"{served.url}/api/user/profile", headers={"Authorization": f"Bearer {token}"}
    ).json()
    assert (profile["id"], profile["name"], profile["scopes"]) == ("ada", "Ada", ["hotel:read"])
    assert [venue["id"] for venue in profile["venues"]] == ["harbour-hotel"]


def test_tokens_are_as_the_server_wants_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With an issuer and an audience set, the commands on this machine still get in without typing
    a token.
    """
    monkeypatch.chdir(tmp_path)
    Path("rtdash.toml").write_text('audience = "dashboards"\n')
    monkeypatch.setenv("RTDASH_ISSUER", "https://rtdash.example")
    server = Served(tmp_path / "data")
    try:
        assert run(["venues", "--data", str(server.data)]) == 0
        assert "harbour-hotel" in capfd.readouterr().out
        answer = httpx2.get(
            f"{server.url}/api/user/profile", headers={"Authorization": f"Bearer {server.token()}"}
        )
        assert answer.status_code == 401  # the test's own token has neither
    finally:
        server.end()


def test_token_revoke_ends_a_users_tokens(
    served: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    """What was issued until now is refused from now on."""
    assert run(["token", "--data", str(served.data), "--user", "mallory"]) == 0
    token = capfd.readouterr().out.strip()
    assert run(["token", "revoke", "--data", str(served.data), "--user", "mallory"]) == 0
    out, err = capfd.readouterr()
    assert (out, "every token of mallory" in err) == ("", True)
    assert (
        httpx2.get(
            f"{served.url}/api/user/profile", headers={"Authorization": f"Bearer {token}"}
        ).status_code
        == 401
    )


def test_token_as_json(served: Served, capfd: pytest.CaptureFixture[str]) -> None:
    """With what is needed to revoke it, or to replace it in time."""
    options = ["--user", "ada", "--venue", "harbour-hotel", "--json"]
    assert run(["token", "--data", str(served.data), *options]) == 0
    told = json.loads(capfd.readouterr().out)
    claims = jwt.decode(told["token"], options={"verify_signature": False})
    assert (told["id"], told["user"], told["venues"]) == (claims["jti"], "ada", ["harbour-hotel"])
    assert told["expiresAt"].endswith("Z")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--ttl", "5"], "not a duration without its unit"),
        (["--venue", "harbor-hotel"], "did you mean harbour-hotel?"),
        (["--scope", "hotel:raed"], "did you mean hotel:read?"),
    ],
)
def test_slips_are_refused(
    served: Served, options: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A token for a venue that isn't there, or for five seconds, would only be noticed later."""
    assert run(["token", "--data", str(served.data), *options]) == 2
    out, err = capfd.readouterr()
    assert (out, said in err) == ("", True), err


@pytest.mark.parametrize("content", [b"\xff\xfea\x00", b"two words", "\u00e9".encode()])
def test_a_file_that_holds_no_token(
    content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The error comes before anything is sent."""
    (tmp_path / "token").write_bytes(content)
    arguments = ["venues", "--url", "http://127.0.0.1:9", "--token", f"@{tmp_path}/token"]
    assert run(arguments) == 2
    assert "token" in capfd.readouterr().err


def test_a_byte_order_mark_is_no_part_of_a_token(served: Served, tmp_path: Path) -> None:
    """Editors and shells of Windows write one."""
    (tmp_path / "token").write_text(served.token(), encoding="utf-8-sig")
    arguments = ["venues", "--url", served.url, "--token", f"@{tmp_path}/token"]
    assert run(arguments) == 0
