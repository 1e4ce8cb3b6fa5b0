"""`token`, `venues` and `config` as they are typed, and wrong words to all: stdout is for programs,
stderr for people, and exit codes hold.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rtdash.cli.main import run
from tests.client.processes import Served


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["token", "--scope", "hotel:eat"], 2, "hotel:read"),
        (["token", "--ttl", "forever"], 2, "12h"),
        (["token", "revoke"], 2, "--user anna"),
        (["token", "revoke", "--id", "a", "--user", "b"], 2, "either --id or --user"),
        (["events", "hotel_rumours"], 2, "hotel_reservations"),
        (["events", "hotel_reservations", "--venue", "ritz"], 4, "has no venue 'ritz'"),
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
    """`rtdash … | true`: no output is read, no error is printed, and the exit code is 0."""
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


def test_a_load_test_without_locust_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Locust is an extra: its absence is one sentence and the command that installs it."""
    monkeypatch.setattr("rtdash.cli.loadtest_run.find_spec", lambda _: None)
    assert run(["loadtest"]) == 1
    assert "pip install 'rtdash[loadtest]'" in capfd.readouterr().err


@pytest.mark.parametrize("command", [["venues"], ["watch", "hotel_stats", "--once"]])
@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "http://",
        "http://[::1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://exa mple",
        "http://user:sesame@127.0.0.1:9",
        "http://127.0.0.1:9/?token=sesame",
    ],
)
def test_a_url_that_is_none(
    command: list[str], url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """2, in words, and without repeating what may be a password."""
    assert run([*command, "--url", url, "--token", "t"]) == 2
    err = capfd.readouterr().err
    assert "the server's URL can't be used" in err
    assert "sesame" not in err


def test_an_address_that_is_no_text(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What a disk or another program left of the file is named, and what to do."""
    (tmp_path / "address").write_bytes(b"\xff\xfe\x00")
    assert run(["watch", "hotel_stats", "--data", str(tmp_path), "--token", "t"]) == 2
    err = capfd.readouterr().err
    assert f"{tmp_path / 'address'} can't be read" in err
    assert "--url" in err


def test_a_working_directory_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Is not called an error of the output."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert run(["demo", "--data", "data", "--duration", "1s"]) == 1
    assert "the working directory" in capfd.readouterr().err
