"""`rtdash serve` as it is typed: what keeps it from starting is printed and changes nothing, and it
ends cleanly.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import psutil
import pytest

from rtdash.cli.main import run
from tests.cli.starting import Terminal, farewells, following, serve, wait_for
from tests.client.processes import Served
from tests.faults.process import ServerProcess, server_process
from tests.programs import plain_environment

WRONG_VENUES = """\
[[venue]]
id = "inn"
name = "The Inn"
kind = "hotel"
timezone = "Mars/Base"
currency = "EUR"
"""


def test_a_port_in_use(served: Served, tmp_path: Path) -> None:
    """The error names the address that is in use, and how to choose another; nothing is made."""
    told = serve(tmp_path, {}, "--port", served.url.rpartition(":")[2])
    assert told.returncode == 1
    assert f"can't listen on {served.url.removeprefix('http://')}" in told.stderr
    assert "rtdash serve --host 127.0.0.1 --port 0" in told.stderr
    assert not (tmp_path / "data").exists()


def test_a_data_directory_that_cant_be_written(tmp_path: Path) -> None:
    """The directory, and the option that names another."""
    (tmp_path / "data").write_text("a file where a directory should be")
    told = serve(tmp_path, {})
    assert told.returncode == 1
    assert f"{tmp_path / 'data'}" in told.stderr
    assert "rtdash serve --data DIR" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_data_directory_in_use(served: Served) -> None:
    """One SQLite directory has one process: the second one names the first in its error, and the
    first goes on.
    """
    told = serve(served.data.parent, {})
    assert told.returncode == 1
    assert "another process works on" in told.stderr
    assert "kill " in told.stderr
    assert httpx2.get(f"{served.url}/readyz").status_code == 200
    assert (served.data / "address").read_text().strip() == served.url


def test_a_database_of_a_newer_version(tmp_path: Path) -> None:
    """One on which this version doesn't work is not touched, and the way out is named."""
    server = Served(tmp_path / "data")
    assert server.end() == 0
    store = tmp_path / "data" / "rtdash.db"
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE meta SET value = '9999' WHERE key = 'works_with'")
    connection.close()
    before = store.read_bytes()
    told = serve(tmp_path, {})
    assert told.returncode == 1
    assert "newer rtdash" in told.stderr
    assert "pip install --upgrade rtdash" in told.stderr
    assert store.read_bytes() == before


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """The file is kept as it is; a backup is what helps."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rtdash.db").write_text("a letter to my aunt, and a long one" * 200)
    told = serve(tmp_path, {})
    assert told.returncode == 1
    assert "not a database" in told.stderr
    assert "restore a backup" in told.stderr
    assert (tmp_path / "data" / "rtdash.db").read_text().startswith("a letter to my aunt")


def test_a_wrong_venue_file(tmp_path: Path) -> None:
    """Refused whole, with the line; a usage error."""
    file = tmp_path / "venues.toml"
    file.write_text(WRONG_VENUES)
    told = serve(tmp_path, {}, "--venues", str(file))
    assert told.returncode == 2
    assert f"{file}, line 5: unknown time zone 'Mars/Base'" in told.stderr
    assert "nothing was imported" in told.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "99999"], "port"),
        (["--venues", "nowhere.toml"], "nowhere.toml can't be read"),
        (["--ssl-certfile", "pyproject.toml"], "--ssl-keyfile"),
        (["--workers", "2"], "--database postgresql://"),
        (["--simulate", "many"], "not a rate"),
    ],
)
def test_wrong_options_are_told(
    options: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """With 2, before anything is made."""
    assert run(["serve", *options]) == 2
    assert said in capfd.readouterr().err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_traffic_ends_before_its_server(number: signal.Signals, code: int, tmp_path: Path) -> None:
    """`--simulate` prints what it did, all of it answered even where it ends slowly, and leaves no
    process; the address is free again.
    """
    command = [
        sys.executable,
        "-m",
        "rtdash",
        "serve",
        "--port",
        "0",
        "--simulate",
        "50/s",
        "--data",
        str(tmp_path),
    ]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, env=plain_environment(), text=True, start_new_session=True
    ) as process:
        told = ""
        while "operations applied" not in told:
            line = process.stderr.readline()
            assert line, told
            told += line
        (traffic,) = psutil.Process(process.pid).children()
        traffic.suspend()
        os.killpg(process.pid, number)
        time.sleep(1)  # a server that didn't wait for it would be gone by now
        traffic.resume()
        # not by communicate(): it would lose what readline has taken from the pipe beside its line
        rest = process.stderr.read()
    assert process.returncode == code
    assert "operations sent in" in rest
    assert "can't reach the server" not in rest
    assert "without an answer" not in rest
    assert not (tmp_path / "address").exists()


def test_a_second_ctrl_c_ends_the_drain(tmp_path: Path) -> None:
    """At once, and it says so; the address is taken back all the same."""
    with (
        server_process(tmp_path / "data", drain_window_s=60, shutdown_timeout_s=90) as server,
        following(server, 3),
    ):
        server.send(signal.SIGINT)
        wait_for(lambda: not server.accepts())
        assert not server.has_ended
        assert server.end(signal.SIGINT) == 130
        assert "ended at once" in server.log.read_text()
        assert not (tmp_path / "data" / "address").exists()


def test_a_closed_terminal_drains_it(tmp_path: Path) -> None:
    """Clients are asked to come back, as after SIGTERM, and the exit code is 0."""
    terminal = Terminal()
    with (
        server_process(tmp_path / "data", in_child=terminal.take, drain_window_s=0.2) as server,
        following(server, 1) as (client,),
    ):
        terminal.close()
        assert server.wait() == 0
        assert (farewells(client), client.close_code) == ([1012], 1012)


def test_nohup_is_respected(tmp_path: Path) -> None:
    """A server that was started to outlive its terminal does."""
    server = ServerProcess(tmp_path / "data", drain_window_s=0.2)
    server.in_child = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    server.start()
    server.send(signal.SIGHUP)
    assert server.get("/healthz").status_code == 200
    assert server.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_that_a_parent_has_blocked_arrive(number: signal.Signals, tmp_path: Path) -> None:
    """A service manager that blocks signals while it starts others, and lets them inherit that."""

    def block() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})

    with server_process(tmp_path / "data", drain_window_s=0, in_child=block) as server:
        assert server.end(number) == (130 if number is signal.SIGINT else 0)


def test_a_reload_before_it_is_ready_ends_nothing(tmp_path: Path) -> None:
    """A service manager may send SIGHUP to a server that it has just started."""

    def hang_up() -> None:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        os.kill(os.getpid(), signal.SIGHUP)  # it waits, and arrives when the process lets it

    with server_process(tmp_path / "data", drain_window_s=0, in_child=hang_up) as server:
        assert server.get("/healthz").status_code == 200
        assert server.end(signal.SIGTERM) == 0


def test_ctrl_c_while_it_is_being_loaded() -> None:
    """No traceback, and 130."""
    early = "import builtins, os, signal, sys; real = builtins.__import__\n"
    early += (
        "def slow(name, *rest):\n    if name == 'typer': os.kill(os.getpid(), signal.SIGINT)\n   "
        " return real(name, *rest)\n"
    )
    early += (
        "builtins.__import__ = slow; sys.argv = ['rtdash', 'config']; from rtdash.cli import main;"
        " main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", early], capture_output=True, text=True, check=False, timeout=30
    )
    assert (ended.returncode, ended.stderr) == (130, "")


def test_nothing_else_is_loaded_before_ctrl_c_is_looked_after() -> None:
    """What a package imports on the way to `main` would show a traceback."""
    loaded = (
        "import sys; before = set(sys.modules); import rtdash.cli; print(*sorted(set(sys.modules) -"
        " before))"
    )
    told = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True, timeout=30
    )
    assert told.stdout.split() == ["rtdash", "rtdash.cli"]


def test_a_start_loads_nothing_that_only_few_requests_need() -> None:
    """The guide's renderer, migrations, the generators, the terminal's views, clients of HTTP, the
    other database's dialect and the libraries of asymmetric keys wait for their use.
    """
    loaded = "import sys, rtdash.server.serving, rtdash.server.app; print(*sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True, timeout=60
    )
    unwanted = {
        "markdown_it",
        "alembic",
        "faker",
        "rich",
        "locust",
        "redis",
        "aio_pika",
        "aiokafka",
        "httpx2",
        "httpcore2",
        "psutil",
        "jwt",
        "cryptography",
        "sqlalchemy.dialects.postgresql",
    }
    assert unwanted.isdisjoint(told.stdout.split())
