"""Sockets of `rtdash serve`: a file's, a service manager's, and a port for health and metrics."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.cli.starting import PATIENCE_S
from tests.faults.process import server_process
from tests.programs import free_port, plain_environment
from tests.servers import TestServer
from tests.stores import new_database


def test_health_and_metrics_have_a_port_of_their_own(tmp_path: Path) -> None:
    """Which has nothing else; the main port has no metrics then."""
    port = free_port()
    with server_process(tmp_path / "data", admin_port=port) as server:
        admin = f"http://127.0.0.1:{port}"
        seen = {
            path: httpx2.get(admin + path, trust_env=False).status_code
            for path in ("/healthz", "/readyz", "/metrics", "/docs", "/api/user/profile", "/ws")
        }
        assert seen == {
            "/healthz": 200,
            "/readyz": 200,
            "/metrics": 200,
            "/docs": 404,
            "/api/user/profile": 404,
            "/ws": 404,
        }
        assert server.get("/metrics").status_code == 404
        assert server.get("/healthz").status_code == 200
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as peer:
            peer.sendall(
                b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            assert peer.recv(12) == b"HTTP/1.1 400"


def _refused(directory: Path, host: str) -> str:
    """What a server says that can't listen there."""
    done = subprocess.run(
        _command(directory / "other", "--host", host),
        env=plain_environment(),
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize("name", ["@rtdash", ""])
def test_a_unix_socket_is_a_file(tmp_path: Path, name: str) -> None:
    """An abstract name (other servers write it with @) would be taken for a file of that name."""
    said = _refused(tmp_path, f"unix:{name}")
    assert f"can't listen on unix:{name}: name a file: unix:/run/" in said
    assert not (tmp_path / "@rtdash").exists()


def test_a_unix_socket(tmp_path: Path) -> None:
    """One that a killed server has left is replaced, one in use is not; it is removed at the end."""
    path = tmp_path / "rtdash.sock"
    for number in (signal.SIGKILL, signal.SIGTERM):
        with _serving_unix(tmp_path, path) as process:
            assert _ask(path) == ("/", 200)
            assert _ask(path, prefix="/behind") == ("/behind", 200)
            said = _refused(tmp_path, f"unix:{path}")
            assert f"can't listen on unix:{path}: another program listens there" in said
            process.send_signal(number)
            process.wait(PATIENCE_S)
    assert not path.exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_sockets_of_the_service_manager(
    workers: int, tmp_path: Path, postgres_server: TestServer
) -> None:
    """The server serves those that it was passed, by all its workers, the one named admin for
    health and metrics.
    """
    with (
        new_database(postgres_server.url) as database,
        socket.create_server(("127.0.0.1", 0)) as main,
        socket.create_server(("127.0.0.1", 0)) as admin,
    ):

        def pass_sockets() -> None:
            for number, one in enumerate((admin, main), 10):
                os.dup2(one.fileno(), number)
            for number in (10, 11):
                os.dup2(number, number - 7)
            os.environ["LISTEN_PID"] = str(os.getpid())

        # the child's own number is known in the child only
        starter = (
            "import os, sys; os.environ['LISTEN_PID'] = str(os.getpid());"
            "os.execv(sys.argv[1], sys.argv[1:])"
        )
        store = ("--database", database, "--workers", "2") if workers > 1 else ()
        environment = plain_environment() | {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "admin:main"}
        environment |= {"RTDASH_BROKER": "postgresql"} if workers > 1 else {}
        with subprocess.Popen(
            [sys.executable, "-c", starter, *_command(tmp_path / "data", *store)],
            env=environment,
            preexec_fn=pass_sockets,  # noqa: PLW1509
            close_fds=False,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                while "is ready at" not in (line := process.stderr.readline()):
                    assert line, "it did not start"
                for one, path in ((main, "/api"), (admin, "/metrics")):
                    answer = httpx2.get(
                        f"http://127.0.0.1:{one.getsockname()[1]}{path}", trust_env=False
                    )
                    assert answer.status_code == {"/api": 404, "/metrics": 200}[path]
            finally:
                process.terminate()
                process.communicate(timeout=PATIENCE_S)


def _command(data: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "rtdash", "serve", "--data", str(data), *options]


@contextmanager
def _serving_unix(place: Path, path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        _command(place / "data", "--host", f"unix:{path}"),
        env=plain_environment() | {"RTDASH_TRUSTED_PROXIES": "127.0.0.1"},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            line = process.stderr.readline()
            assert f"ready at unix:{path}" in line, line
            yield process
        finally:
            process.kill()


def _ask(path: Path, prefix: str = "") -> tuple[str, int]:
    """Where the server believes to be, and its status: the peer is a trusted proxy of this
    machine.
    """
    headers = {"X-Forwarded-Prefix": prefix}
    with httpx2.Client(transport=httpx2.HTTPTransport(uds=str(path)), headers=headers) as client:
        answer = client.get("http://rtdash/openapi.json")
        return answer.json()["servers"][0]["url"], answer.status_code
