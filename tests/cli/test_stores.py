"""Commands that work on a store: backup, migrate, guests, archived and redefined venues."""

import json
import sqlite3
from pathlib import Path

import httpx2
import pytest

from rtdash.cli.main import run
from tests.cli.test_venues import INN
from tests.client.processes import Served


def headers(server: Served) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.token()}"}


def book(server: Served) -> None:
    """A stay at the inn."""
    body = {
        "customerName": "Zed Quill",
        "customerEmail": "zed@quill.example",
        "guests": 1,
        "source": "Phone",
        "roomType": "king",
        "checkIn": "2036-05-01",
        "checkOut": "2036-05-03",
    }
    answer = httpx2.post(f"{server.url}/api/hotel/bookings", json=body, headers=headers(server))
    assert answer.status_code == 201, answer.text


@pytest.fixture(scope="module")
def inn(tmp_path_factory: pytest.TempPathFactory):
    """A server with one reservation."""
    data = tmp_path_factory.mktemp("inn")
    (data / "inn.toml").write_text(INN)
    assert run(["venues", "import", str(data / "inn.toml"), "--data", str(data)]) == 0
    server = Served(data)
    book(server)
    yield server
    server.end()


def test_a_running_store_is_copied(
    inn: Served, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whole, marked, and not over another file."""
    copy = tmp_path / "copy.db"
    assert run(["backup", str(copy), "--data", str(inn.data)]) == 0
    with sqlite3.connect(copy) as conn:
        assert conn.execute("SELECT count(*) FROM reservations").fetchone() == (1,)
        assert conn.execute("SELECT count(*) FROM origin WHERE key = 'copied_at'").fetchone() == (
            1,
        )
    conn.close()
    assert run(["backup", str(copy), "--data", str(inn.data)]) == 2
    assert "exists" in capfd.readouterr().err


def test_postgresql_has_backups_of_its_own(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The command says which."""
    url = "postgresql://nobody@127.0.0.1/none"
    assert run(["backup", str(tmp_path / "x"), "--database", url, "--data", str(tmp_path)]) == 2
    assert "pg_dump" in capfd.readouterr().err


def test_the_schema_is_checked_and_made(
    inn: Served, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`--check` changes nothing."""
    assert run(["migrate", "--check", "--data", str(tmp_path)]) == 1
    assert list(tmp_path.iterdir()) == []
    assert run(["migrate", "--data", str(tmp_path)]) == 0
    assert run(["migrate", "--check", "--data", str(tmp_path)]) == 0
    assert run(["migrate", "--check", "--data", str(inn.data)]) == 0
    assert "up to date" in capfd.readouterr().out


def test_a_guest_of_a_running_server_is_exported_and_erased(
    inn: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    """By way of the server, which has the file; what is stored afterwards has no name."""
    who = ["--email", "ZED@quill.example", "--data", str(inn.data)]
    capfd.readouterr()
    assert run(["guests", "export", *who]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["reservations"][0]["customerEmail"] == "zed@quill.example"
    assert run(["guests", "erase", *who]) == 0
    assert "erased from 1 reservation\n" in capfd.readouterr().err
    assert run(["guests", "export", *who]) == 1
    listed = httpx2.get(f"{inn.url}/api/hotel/bookings", headers=headers(inn))
    bookings = listed.json()["reservations"]
    assert [one["customerName"] for one in bookings] == ["Erased guest"]


@pytest.mark.parametrize("who", [[], ["--email", " "], ["--email", "a@b", "--name", "c"]])
def test_one_way_says_who_is_meant(
    tmp_path: Path, who: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """None, or two, is a mistake."""
    assert run(["guests", "erase", *who, "--data", str(tmp_path)]) == 2
    assert "--email" in capfd.readouterr().err


def test_a_venue_is_not_redefined_under_its_reservations(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 with the counts; a server that is started with the file refuses it, too."""
    file = tmp_path / "inn.toml"
    file.write_text(INN)
    data = tmp_path / "data"
    assert run(["venues", "import", str(file), "--data", str(data)]) == 0
    server = Served(data)
    book(server)
    server.end()
    file.write_text(INN.replace("JPY", "EUR"))
    assert run(["venues", "import", str(file), "--data", str(data)]) == 2
    told = capfd.readouterr().err
    assert "currency JPY can't become EUR (reservations: 1)" in told
    assert run(["serve", "--port", "0", "--venues", str(file), "--data", str(data)]) == 2
    assert run(["venues", "archive", "inn", "--data", str(data)]) == 0
    assert run(["venues", "archive", "outn", "--data", str(data)]) == 2
    capfd.readouterr()
    assert run(["token", "--venue", "inn", "--data", str(data)]) == 0
    assert "inn is out of service" in capfd.readouterr().err
