"""`rtdash open`: a code for one sign-in, by a file that only its owner can read."""

import re
import stat
import webbrowser

import httpx2
import pytest

from rtdash.cli.main import run
from rtdash.cli.open_page import REDIRECT_FILE, has_desktop


@pytest.fixture
def desktop(monkeypatch):
    """A desktop whose browser only notes what it should open."""
    opened = []
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.setenv("DISPLAY", ":9")
    monkeypatch.setattr(webbrowser, "open", lambda url: bool(opened.append(url)) or True)
    return opened


def sign_in(url, code):
    return httpx2.post(f"{url}/api/login", json={"code": code})


def test_print_gives_an_address_that_signs_in(served, capsys):
    """Once, for the venues that were named, and for so long."""
    arguments = ["open", "--print", "--data", str(served.data)]
    assert run([*arguments, "--venue", "harbour-grill", "--ttl", "30m"]) == 0
    address = capsys.readouterr().out.strip()
    base, code = address.split("/#code=")
    assert base == served.url
    token = sign_in(base, code).json()["token"]
    profile = httpx2.get(
        f"{base}/api/user/profile", headers={"Authorization": f"Bearer {token}"}
    ).json()
    assert [venue["id"] for venue in profile["venues"]] == ["harbour-grill"]
    assert sign_in(base, code).status_code == 401


def test_the_code_is_in_no_argument(served, desktop, capsys):
    """The browser gets a file that only its owner reads, and that leads to the page."""
    assert run(["open", "--data", str(served.data)]) == 0
    file = served.data / REDIRECT_FILE
    assert desktop == [file.absolute().as_uri()]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = re.search(r"url=(http\S+)/#code=([\w.-]+)\"", file.read_text())
    assert sign_in(found[1], found[2]).status_code == 200
    assert found[2] not in capsys.readouterr().err


def test_without_a_desktop_the_address_is_printed(served, capsys, monkeypatch):
    """As over SSH, and in a container."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert not has_desktop()
    assert run(["open", "--data", str(served.data)]) == 0
    said = capsys.readouterr()
    assert "/#code=" in said.out
    assert "no desktop" in said.err


def test_no_server(tmp_path, capsys):
    """Without a server the command says so, and opens nothing."""
    (tmp_path / "secret").write_text("x" * 64)
    arguments = ["open", "--data", str(tmp_path), "--url", "http://127.0.0.1:9"]
    assert run(arguments) == 3
    assert "can't reach the server" in capsys.readouterr().err


def test_another_servers_secret(served, tmp_path, capsys):
    """A code that the server would refuse is not handed to a browser."""
    (tmp_path / "secret").write_text("y" * 64)
    assert run(["open", "--data", str(tmp_path), "--url", served.url]) == 4
    assert "#code" not in capsys.readouterr().out
