"""`rtdash doctor`: what it finds, what it says to do, and the new epoch after a restored backup."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect

from rtdash.cli.main import run
from rtdash.store.store_url import open_engines
from tests.client.processes import Served
from tests.programs import free_port
from tests.servers import TestServer
from tests.stores import new_database


def test_doctor_finds_a_healthy_machine(
    served: Served, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every check is a line on stdout; the server's answer is one of them."""
    monkeypatch.setenv(
        "RTDASH_MAX_CONNECTIONS", "100"
    )  # how many files this machine allows is not the question
    assert run(["doctor", "--data", str(served.data)]) == 0
    out = capfd.readouterr().out
    assert f"server: {served.url} answers 200" in out
    assert "BAD" not in out


def test_doctor_says_what_to_mend(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A secret that all may read and a store that is none: 1, and what to type."""
    (tmp_path / "secret").write_text("x" * 48)
    (tmp_path / "secret").chmod(stat.S_IRUSR | stat.S_IROTH)
    (tmp_path / "rtdash.db").write_text("no database" * 1000)
    assert run(["doctor", "--data", str(tmp_path)]) == 1
    out, err = capfd.readouterr()
    assert f"chmod 600 {tmp_path / 'secret'}" in out
    assert "rtdash doctor --new-epoch" in out
    assert "checks need attention" in err


def test_doctor_finds_a_file_in_the_place_of_the_directory(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """No store can be made in it."""
    (tmp_path / "data").write_text("a letter")
    assert run(["doctor", "--data", str(tmp_path / "data")]) == 1
    assert "is no directory" in capfd.readouterr().out


def test_doctor_finds_a_store_of_a_newer_version(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As `serve` would."""
    assert Served(tmp_path).end() == 0
    with closing(sqlite3.connect(tmp_path / "rtdash.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE meta SET value = '9999' WHERE key = 'works_with'")
        connection.commit()
    assert run(["doctor", "--data", str(tmp_path)]) == 1
    assert "pip install --upgrade rtdash" in capfd.readouterr().out


def test_doctor_looks_at_the_store_that_is_configured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Another one than that of the data directory: where nothing answers, it says so, without the
    password.
    """
    monkeypatch.setenv("RTDASH_DATABASE", f"postgresql://anna:sesame@127.0.0.1:{free_port()}/hotel")
    assert run(["doctor", "--data", str(tmp_path)]) == 1
    out, err = capfd.readouterr()
    assert "BAD  store: postgresql://anna:***@127.0.0.1" in out
    assert "sesame" not in out + err


def test_doctor_finds_a_configured_store_well(
    postgres_server: TestServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """One that is still empty, and nothing is made in it."""
    with new_database(postgres_server.url) as url:
        monkeypatch.setenv("RTDASH_DATABASE", url)
        run(["doctor", "--data", str(tmp_path)])
        store = next(line for line in capfd.readouterr().out.splitlines() if "store:" in line)
        assert store.startswith("ok ")
        engine = open_engines(url, busy_timeout_s=1).reader
        assert inspect(engine).get_table_names() == []
        engine.dispose()


def test_doctor_draws_a_new_epoch(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Positions from before a restored backup can then be distinguished from those of today."""
    assert Served(tmp_path).end() == 0
    before = _epoch(tmp_path)
    assert run(["doctor", "--new-epoch", "--data", str(tmp_path)]) == 0
    assert _epoch(tmp_path) != before
    assert _epoch(tmp_path) in capfd.readouterr().err


def test_doctor_needs_a_store_for_a_new_epoch(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A directory without one is a usage error, and stays empty."""
    assert run(["doctor", "--new-epoch", "--data", str(tmp_path)]) == 2
    assert "--data DIR" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def _epoch(data: Path) -> str:
    connection = sqlite3.connect(data / "rtdash.db")
    (epoch,) = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
    connection.close()
    return str(epoch)
