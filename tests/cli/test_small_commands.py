"""`token`, `venues` and `config` as they are typed, and wrong words to all: stdout is for programs,
stderr for people, and exit codes hold.
"""

import os
import subprocess
import sys
from pathlib import Path

import httpx2
import jwt
import pytest

from rtdash.cli.main import run
from tests.client.processes import Served

INN = """\
[[venue]]
id = "inn"
name = "The Inn"
kind = "hotel"
timezone = "America/New_York"
currency = "JPY"
[[venue.roomTypes]]
id = "king"
name = "King"
capacity = 2
baseRate = 20000
totalRooms = 3
"""


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


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["token", "--scope", "hotel:eat"], 2, "hotel:read"),
        (["token", "--ttl", "forever"], 2, "12h"),
        (["token", "revoke"], 2, "--user anna"),
        (["token", "revoke", "--id", "a", "--user", "b"], 2, "either --id or --user"),
        (["events", "hotel_rumours"], 2, "hotel_reservations"),
        (["events", "hotel_reservations", "--venue", "ritz"], 4, "not for that venue"),
        (["watch", "hotel_rumours"], 2, "hotel_reservations"),
        (["watch", "hotel_stats", "--venue", "ritz", "--once"], 4, "ritz"),
        (["venues", "import", "nowhere.toml"], 2, "nothing was imported"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_wrong_words_are_told(
    served: Served, arguments: list[str], code: int, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """With the exit code of the contract and what would be right; nothing on stdout."""
    assert (
        run([*arguments, *(["--data", str(served.data)] if arguments[0] != "nonsense" else [])])
        == code
    )
    out, err = capfd.readouterr()
    assert (out, said in err) == ("", True), err


@pytest.mark.parametrize(
    "command", [["venues"], ["events", "hotel_reservations"], ["token", "revoke", "--user", "a"]]
)
def test_nobody_there(command: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """3, and the command that starts a server."""
    assert run([*command, "--url", "http://127.0.0.1:9", "--token", "t"]) == 3
    assert "rtdash serve" in capfd.readouterr().err


@pytest.mark.parametrize(
    "command", [["venues"], ["events", "hotel_reservations"], ["token", "revoke", "--user", "a"]]
)
def test_a_token_that_is_not_valid(
    served: Served, command: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """4, without the token in the text."""
    assert run([*command, "--url", served.url, "--token", "sesame"]) == 4
    assert "sesame" not in capfd.readouterr().err


def test_no_server_was_ever_started_here(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Without a secret there is no token: 3, and no directory is made."""
    assert run(["token", "--data", str(tmp_path / "none")]) == 3
    assert "rtdash serve" in capfd.readouterr().err
    assert not (tmp_path / "none").exists()


def test_a_config_file_that_is_no_text_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Before anything is asked of a server."""
    monkeypatch.chdir(tmp_path)
    Path("rtdash.toml").write_bytes(b'url = "\xff"')
    assert run(["venues"]) == 2
    assert "rtdash.toml can't be read" in capfd.readouterr().err


def test_venues_are_listed(served: Served, capfd: pytest.CaptureFixture[str]) -> None:
    """One a line, its fields between tabs."""
    assert run(["venues", "--data", str(served.data)]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split("\t") == [
        "harbour-hotel",
        "hotel",
        "Europe/Lisbon",
        "EUR",
        "Harbour Hotel",
    ]
    assert lines[1].startswith("harbour-grill\trestaurant\t")


def test_a_venue_file_is_imported(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The next server has its venues."""
    data, file = tmp_path / "data", tmp_path / "inn.toml"
    file.write_text(INN)
    mask = os.umask(0o022)
    try:
        assert run(["venues", "import", str(file), "--data", str(data)]) == 0
    finally:
        os.umask(mask)
    assert "imported: inn" in capfd.readouterr().err
    assert data.stat().st_mode & 0o777 == 0o700, "it holds guests' data"
    server = Served(data)
    try:
        assert run(["venues", "--data", str(data)]) == 0
        assert capfd.readouterr().out == "inn\thotel\tAmerica/New_York\tJPY\tThe Inn\n"
    finally:
        server.end()


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("America/New_York", "Mars/Base", "line 5: unknown time zone"),
        ('"JPY"', '"XXQ"', "line 6: unknown currency"),
        ("20000", "20000.5", "line 11: baseRate"),
        ('name = "The Inn"', "name = ", "line 3: not TOML"),
        ("king", "\udcff", "can't be read"),
    ],
)
def test_a_wrong_venue_file_is_refused_whole(
    right: str, wrong: str, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With 2 and the line; there is no store afterwards."""
    file = tmp_path / "inn.toml"
    file.write_bytes(INN.replace(right, wrong).encode("utf-8", "surrogateescape"))
    assert run(["venues", "import", str(file), "--data", str(tmp_path / "data")]) == 2
    err = capfd.readouterr().err
    assert said in err
    assert "nothing was imported" in err
    assert not (tmp_path / "data").exists()


def test_a_store_in_use_takes_no_venue_file(
    served: Served, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The server that has it is named, and its venues stay."""
    (tmp_path / "inn.toml").write_text(INN)
    assert run(["venues", "import", str(tmp_path / "inn.toml"), "--data", str(served.data)]) == 1
    assert "another process works on" in capfd.readouterr().err
    assert run(["venues", "--data", str(served.data)]) == 0
    assert "..." not in capfd.readouterr().out.partition("\nCommands:")[2]


def test_config_tells_where_each_setting_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Flag over environment over file over default, and no secret is shown."""
    monkeypatch.chdir(tmp_path)
    Path("rtdash.toml").write_text('issuer = "the file"\naudience = "the file"\n')
    monkeypatch.setenv("RTDASH_ISSUER", "the environment")
    monkeypatch.setenv("RTDASH_SECRET", "sesame" * 8)
    assert run(["config", "--data", "here"]) == 0
    out = capfd.readouterr().out
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert rows["data"].endswith("here  (flag)")
    assert rows["issuer"].endswith("the environment  (environment RTDASH_ISSUER)")
    assert rows["audience"].endswith("the file  (rtdash.toml)")
    assert rows["max_connections"].endswith("10000  (default)")
    assert "sesame" not in out


@pytest.mark.parametrize(
    "command",
    ["--help", "config", "token", "venues", "doctor", "events hotel_stats", "events --help"],
)
def test_a_reader_that_has_gone_ends_it_quietly(served: Served, command: str) -> None:
    """`rtdash … | true`: nobody reads, nobody complains, and nothing has failed."""
    reader, writer = os.pipe()
    os.close(reader)
    environment = os.environ | {"RTDASH_DATA": str(served.data)}
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "rtdash", *command.split()],
            stdout=writer,
            stderr=subprocess.PIPE,
            env=environment,
            check=False,
            timeout=30,
        )
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize("command", [[], ["token"], ["venues"]])
def test_lists_of_commands_end_their_sentences(
    command: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """A first sentence that doesn't fit beside its command would be cut off."""
    assert run([*command, "--help"]) == 0
    assert "..." not in capfd.readouterr().out.partition("\nCommands:")[2]


def test_a_load_test_without_locust_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Locust is an extra: its absence is one sentence and the command that installs it."""
    monkeypatch.setattr("rtdash.cli.loadtest.find_spec", lambda _: None)
    assert run(["loadtest"]) == 1
    assert "pip install 'rtdash[loadtest]'" in capfd.readouterr().err
