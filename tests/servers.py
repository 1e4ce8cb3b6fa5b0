"""Real servers for tests: one that an environment variable names, else one of our own, from the
PATH or a wheel, else a skip by name.

Ours have a free port and a directory of their own, can be killed, frozen and started again, and are
gone at the end of the run.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.certificates import write_signed_certificate
from tests.kafka_properties import PASSWORD, kafka_properties
from tests.programs import (
    free_port,
    identity,
    installed,
    kafka_jars,
    quietly,
    scratch,
    unprivileged,
)

START_LIMIT_S = 60.0


@dataclass
class TestServer:
    """`own` is False for a server that was named: then it can't be killed. `is_up` says whether it
    answers.

    A proxy in front connects to `inner_port`; it must listen on `proxy_port` if that isn't 0.
    `secure_url` is the same server by TLS and with a password, where it has such a listener.
    """

    __test__ = False

    name: str
    url: str
    port: int = 0
    own: bool = False
    command: Sequence[str] = ()
    directory: Path = Path()
    environment: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    inner_port: int = 0
    proxy_port: int = 0
    secure_url: str = ""
    is_up: Callable[["TestServer"], bool] = lambda server: _answers(server.port)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it on its port and data, and wait until it answers."""
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.directory,
                env={**os.environ, **self.environment},
                **identity(self.user),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_LIMIT_S
        while not self.is_up(self):
            assert self._process.poll() is None, f"{self.name} did not start: {self._told()}"
            assert time.monotonic() < deadline, f"{self.name} was not ready in time: {self._told()}"
            time.sleep(0.05)

    def send(self, number: signal.Signals) -> None:
        """A signal to it and all its children: SIGSTOP freezes it, SIGCONT lets it go on."""
        for process in self.tree():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """SIGKILL: all of it at once; any other signal goes to its first process, which ends the
        others.
        """
        tree = self.tree()
        if self._process is None or not tree:
            return
        if number == signal.SIGKILL:
            self.send(number)
            with suppress(
                ProcessLookupError
            ):  # what is of the session without being a child any more
                os.killpg(self._process.pid, number)
        else:
            self._process.send_signal(number)
        self._process.wait(30)
        psutil.wait_procs(tree, 30)

    def tree(self) -> list[psutil.Process]:
        """The server's process and all below it; none when it has ended."""
        try:
            first = psutil.Process(self._process.pid if self._process else -1)
            return [first, *first.children(recursive=True)]
        except (psutil.NoSuchProcess, ValueError):
            return []

    def _told(self) -> str:
        return (self.directory / "log").read_text(errors="replace")[-2000:]


@pytest.fixture(scope="session")
def redis_server() -> Iterator[TestServer]:
    with running("redis") as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[TestServer]:
    with running("rabbitmq") as server:
        yield server


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[TestServer]:
    with running("kafka") as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[TestServer]:
    with running("postgres") as server:
        yield server


@contextmanager
def running(name: str) -> Iterator[TestServer]:
    """One of redis, rabbitmq, kafka and postgres: the one that `RTDASH_TEST_<NAME>_URL` names, else
    our own, which ends with the block.
    """
    if url := os.environ.get(f"RTDASH_TEST_{name.upper()}_URL"):
        yield TestServer(name, url)
        return
    make = {"redis": _redis, "rabbitmq": _rabbitmq, "kafka": _kafka, "postgres": _postgres}[name]
    with scratch(unprivileged() if name == "postgres" else None) as directory:
        server = make(directory)
        try:
            server.start()
            yield server
        finally:
            server.send(signal.SIGCONT)
            server.end()


def own(server: TestServer) -> TestServer:
    """The server, if it is ours to break."""
    if not server.own:
        pytest.skip(
            f"{server.name}: a server named by RTDASH_TEST_{server.name.upper()}_URL is not ours to"
            " kill"
        )
    return server


def _redis(directory: Path) -> TestServer:
    port = free_port()
    command = [
        installed("redis-server"),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
    ]
    return TestServer(
        "redis", f"redis://127.0.0.1:{port}/0", port, own=True, command=command, directory=directory
    )


def _rabbitmq(directory: Path) -> TestServer:
    """The name service of Erlang (epmd) runs inside the same tree: the system's would outlive
    us.
    """
    port, names, peers = free_port(), free_port(), free_port()
    server = installed("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")
    epmd = installed("epmd")
    config = directory / "rabbitmq.conf"
    config.write_text(
        f"listeners.tcp.local = 127.0.0.1:{port}\nlog.console = true\nlog.file ="
        " false\nloopback_users = none\n"
    )
    (directory / "plugins").write_text("[].\n")
    environment = {
        "HOME": str(directory),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"rtdash{port}@localhost",
        "RABBITMQ_CONFIG_FILE": str(config),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(directory / "data"),
        "RABBITMQ_LOG_BASE": str(directory / "logs"),
        "RABBITMQ_DIST_PORT": str(peers),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +S 2"
        ),
        "RUNNING_UNDER_SYSTEMD": "1",  # the script becomes the server instead of waiting for it
    }
    command = [
        "sh",
        "-c",
        f"{epmd} & until {epmd} -names >/dev/null 2>&1; do sleep 0.05; done; exec {server}",
    ]
    url = f"amqp://guest:guest@127.0.0.1:{port}/"
    return TestServer(
        "rabbitmq",
        url,
        port,
        own=True,
        command=command,
        directory=directory,
        environment=environment,
        is_up=_greets,
    )


def _kafka(directory: Path) -> TestServer:
    port, controller, inner, proxy, secure = (free_port() for _ in range(5))
    java, jars = installed("java"), kafka_jars()
    authority = write_signed_certificate(directory)[0]
    config = directory / "server.properties"
    config.write_text(kafka_properties(directory, port, controller, inner, proxy, secure))
    run = [java, "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*"]
    quietly(
        [
            *run,
            "kafka.tools.StorageTool",
            "format",
            "-t",
            "MkU3OEVBNTcwNTJENDM2Qk",
            "-c",
            str(config),
            "-S",
            f"SCRAM-SHA-512=[name=scram,password={PASSWORD}]",
        ],
        directory,
    )
    command = [*run, "kafka.Kafka", str(config)]
    url = f"kafka://127.0.0.1:{port}"
    return TestServer(
        "kafka",
        url,
        port,
        own=True,
        command=command,
        directory=directory,
        inner_port=inner,
        proxy_port=proxy,
        secure_url=f"kafkas://scram:{PASSWORD}@127.0.0.1:{secure}"
        f"?sasl_mechanism=SCRAM-SHA-512&cafile={authority}",
    )


def _postgres(directory: Path) -> TestServer:
    """Without fsync: it has to survive its own death here, not the machine's."""
    port, user = free_port(), unprivileged()
    programs = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name)
    )[-1:]
    server, initdb = (
        installed(*(f"{path}/{name}" for path in programs), name) for name in ("postgres", "initdb")
    )
    (directory / "password").write_text(PASSWORD)
    data = directory / "data"
    quietly(
        [
            initdb,
            "-D",
            str(data),
            "-U",
            "rtdash",
            "-A",
            "scram-sha-256",
            "--pwfile",
            str(directory / "password"),
            "-E",
            "UTF8",
            "-N",
        ],
        directory,
        user,
    )
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "shared_buffers": "32MB",
    }
    command = [server, "-D", str(data), *(f"--{name}={value}" for name, value in settings.items())]
    url = f"postgresql://rtdash:{PASSWORD}@127.0.0.1:{port}/postgres"
    return TestServer(
        "postgres",
        url,
        port,
        own=True,
        command=command,
        directory=directory,
        user=user,
        is_up=_accepts_logins,
    )


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _greets(server: TestServer) -> bool:
    """RabbitMQ listens before it has booted; then it answers a protocol header it doesn't know with
    its own.
    """
    with suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 1) as peer:
        peer.settimeout(2)
        peer.sendall(b"AMQP\x00\x00\x00\x00")
        return peer.recv(4) == b"AMQP"
    return False


def _accepts_logins(server: TestServer) -> bool:
    import psycopg  # noqa: PLC0415

    with suppress(psycopg.OperationalError), psycopg.connect(server.url, connect_timeout=2):
        return True
    return False
