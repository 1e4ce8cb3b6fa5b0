"""`rtdash serve` as service managers, containers and load balancers run it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtdash.server.service_manager import READY, STOPPING
from tests.cli.starting import PATIENCE_S, following, reloadable, wait_for
from tests.faults.process import server_process
from tests.programs import free_port, plain_environment
from tests.servers import TestServer
from tests.stores import new_database

STRANGER = [
    "setpriv",
    "--reuid=54321",
    "--regid=54321",
    "--clear-groups",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
]
"""Start of a command as a user without an entry in the user database, who may read everything and
write nothing."""


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket to which a service notifies its states."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(PATIENCE_S)
        yield listener


def test_a_service_manager_hears_of_every_state(
    tmp_path: Path, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ready when it answers, alive as often as it must be, reloading, stopping."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    with reloadable(tmp_path / "data", drain_window_s=0) as server:
        states = {manager.recv(1024).decode()}
        while not {READY, "WATCHDOG=1"} <= states:
            states.add(manager.recv(1024).decode())
        server.send(signal.SIGHUP)
        while not (state := manager.recv(1024).decode()).startswith("RELOADING=1"):
            assert state in {READY, "WATCHDOG=1"}
        assert state.partition("MONOTONIC_USEC=")[2].isdecimal()
        while manager.recv(1024).decode() != READY:
            pass
        server.send(signal.SIGTERM)
        while manager.recv(1024).decode() != STOPPING:
            pass
        assert server.wait() == 0


def test_the_drain_delay(tmp_path: Path) -> None:
    """For so long new connections are served, and readiness fails; each answer closes its
    connection, so that a load balancer goes elsewhere.
    """
    with server_process(
        tmp_path / "data", drain_delay_s=60, drain_window_s=0, admin_port=free_port()
    ) as server:
        server.send(signal.SIGTERM)
        wait_for(lambda: server.get("/readyz").status_code == 503)
        answer = server.get("/api/user/profile")
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        with following(server, 1):
            pass
        assert server.end(signal.SIGINT) == 130


def test_the_drain_begins_after_its_delay(tmp_path: Path) -> None:
    """And ends as it does without one."""
    with (
        server_process(tmp_path / "data", drain_delay_s=0.3, drain_window_s=0) as server,
        following(server, 1) as (client,),
    ):
        assert server.end(signal.SIGTERM) == 0
        assert client.close_code is None or client.close_code == 1012


def test_a_read_only_file_system_without_a_home(
    tmp_path: Path, postgres_server: TestServer
) -> None:
    """With PostgreSQL and a secret from the settings nothing has to be written: it serves, with one
    warning.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with new_database(postgres_server.url) as database:
        environment = plain_environment() | {"RTDASH_SECRET": "x" * 40}
        environment |= {"RTDASH_DATABASE": database}
        environment.pop("HOME", None)
        with subprocess.Popen(
            [*STRANGER, sys.executable, "-m", "rtdash", "serve", "--port", "0"],
            env=environment,
            cwd="/",
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            told = ""
            while "is ready at" not in told:
                line = process.stderr.readline()
                assert line, told
                told += line
            process.terminate()
            _, rest = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
        warnings = [one for one in told.splitlines() if "WARNING" in one and "ulimit" not in one]
        assert len(warnings) == 1, told
        assert "the address can't be left" in told
        assert "Traceback" not in told + rest
