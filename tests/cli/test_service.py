"""`rtdash serve` as service managers, containers and load balancers run it."""

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

from rtdash.server.service_manager import READY, STOPPING
from tests.cli.starting import PATIENCE_S, following, wait_for
from tests.faults.process import ServerProcess, server_process
from tests.programs import free_port, plain_environment
from tests.servers import TestServer
from tests.stores import new_database
from tests.webhooks.receivers import ReceiverServer

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


@contextmanager
def reloadable(data: Path, **settings: object) -> Iterator[ServerProcess]:
    """A server without a terminal whose file of settings can be changed."""
    config = data.with_name("rtdash.toml")
    config.touch()
    with server_process(data, in_child=os.setsid, config=config, **settings) as server:
        yield server


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


def test_sighup_reloads_limits_and_sockets_live_on(tmp_path: Path) -> None:
    """A file that can't be used leaves the limits as they were, and is warned of."""
    with (
        reloadable(tmp_path / "data", requests_burst=2) as server,
        following(server, 1) as (client,),
    ):
        config = tmp_path / "rtdash.toml"
        config.write_text("requests_per_second = 1\n")
        _reload(server, "reloaded: ", 1)
        assert any(server.get("/api/user/profile").status_code == 429 for _ in range(20))
        config.write_text("requests_per_second = 'many'\n")
        _reload(server, "the settings stay as they were", 1)
        assert server.get("/api/user/profile").status_code in {200, 429}
        config.write_text("requests_per_second = 0\n")
        _reload(server, "reloaded: ", 3)
        assert {server.get("/api/user/profile").status_code for _ in range(9)} == {200}
        assert client.ping().wait(PATIENCE_S)


def test_sighup_reloads_venues(tmp_path: Path) -> None:
    """A new venue is there at once; a broken file leaves the old ones."""
    venues = tmp_path / "venues.toml"
    inn = (
        '[[venue]]\nid = "{0}"\nname = "{0}"\nkind = "restaurant"\ntimezone = "Europe/Lisbon"\n'
        'currency = "EUR"\n'
    )
    venues.write_text(inn.format("inn"))
    with reloadable(tmp_path / "data", venues=venues) as server:
        assert _venues(server) == ["inn"]
        venues.write_text(inn.format("inn") + inn.format("bar"))
        _reload(server, "reloaded: ", 1)
        assert _venues(server) == ["inn", "bar"]
        assert server.get("/api/dashboard/stats", venue="bar").status_code == 200
        venues.write_text("[[venue]]\n")
        _reload(server, "the venues stay as they were", 1)
        assert _venues(server) == ["inn", "bar"]


def test_sighup_reloads_where_webhooks_may_be_sent(tmp_path: Path) -> None:
    """An address that isn't allowed any more gets nothing, not even on a connection that is open;
    allowed again, it gets what it missed.
    """
    hook = {"channel": "restaurant_reservations", "venue": "harbour-grill"}
    table = {"guests": 2, "source": "Phone", "date": "2031-02-01T20:00:00Z", "customerName": "Ann"}
    config = tmp_path / "rtdash.toml"
    with ReceiverServer().running() as receiver, reloadable(tmp_path / "data") as server:

        def book() -> None:
            assert server.post("/api/restaurant/reservations", table).status_code == 201

        refused = server.post("/api/admin/webhooks", hook | {"url": receiver.url})
        assert (refused.status_code, "RTDASH_HOOKS_ALLOW" in refused.text) == (422, True)
        config.write_text('hooks_allow = "127.0.0.0/8"\n')
        _reload(server, "reloaded: ", 1)
        added = server.post("/api/admin/webhooks", hook | {"url": receiver.url})
        assert added.status_code == 201, added.text
        book()
        wait_for(lambda: len(receiver.taken) == 1)
        config.write_text("hooks_allow = '10.0.0.0/33'\n")
        _reload(server, "the settings stay as they were", 1)
        book()
        wait_for(lambda: len(receiver.taken) == 2)
        config.write_text("")
        _reload(server, "reloaded: ", 3)
        book()
        wait_for(lambda: "may not be sent to" in server.get("/api/admin/webhooks").text)
        assert len(receiver.attempts) == 2
        config.write_text('hooks_allow = "127.0.0.1"\n')
        _reload(server, "reloaded: ", 4)
        wait_for(lambda: len(receiver.taken) == 3)
        assert receiver.seqs == [1, 2, 3]
        assert "a restart is needed" not in server.log.read_text()


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


def _reload(server: ServerProcess, words: str, times: int) -> None:
    server.send(signal.SIGHUP)
    wait_for(lambda: server.log.read_text().count(words) == times)


def _venues(server: ServerProcess) -> list[str]:
    return [venue["id"] for venue in server.get("/api/user/profile").json()["venues"]]


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
