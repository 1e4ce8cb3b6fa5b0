"""nginx, haproxy and Caddy with the recipes' files, in front of servers of a test."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.faults.process import ServerProcess
from tests.programs import free_port, installed
from tests.servers import TestServer

DEPLOY = Path(__file__).parent.parent.parent / "fixtures" / "deploy"
PATIENCE_S = 30


def nginx(
    directory: Path, port: int, servers: list[ServerProcess], *, keeps_prefix: bool = False
) -> TestServer:
    """Nginx with the recipe's file; ports and the list of servers are ours. `keeps_prefix`: the
    path goes on as it came, and no header mentions the prefix.
    """
    text = (DEPLOY / "nginx" / "rtdash.conf").read_text()
    if keeps_prefix:
        text = text.replace("proxy_pass http://rtdash/;", "proxy_pass http://rtdash;")
        text = text.replace("proxy_set_header X-Forwarded-Prefix /rtdash;", "")
    for number, server in enumerate((servers * 2)[:2], 1):
        text = text.replace(f"127.0.0.1:800{number}", f"127.0.0.1:{server.port}")
    (directory / "rtdash.conf").write_text(text.replace("127.0.0.1:8080", f"127.0.0.1:{port}"))
    places = " ".join(
        f"{name}_temp_path {directory}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (directory / "nginx.conf").write_text(
        f"daemon off; pid {directory}/pid; error_log {directory}/error.log;\n"
        f"events {{ worker_connections 4096; }}\nhttp {{ {places} include rtdash.conf; }}\n"
    )
    program = installed("/usr/sbin/nginx", "nginx")
    command = [program, "-c", str(directory / "nginx.conf"), "-p", str(directory)]
    return TestServer("nginx", "", port, command=command, directory=directory)


def haproxy(directory: Path, port: int, servers: list[ServerProcess]) -> TestServer:
    """Haproxy with the recipe's file."""
    command = [
        installed("/usr/sbin/haproxy", "haproxy"),
        "-db",
        "-f",
        str(DEPLOY / "haproxy" / "haproxy.cfg"),
    ]
    environment = {"BIND": f"127.0.0.1:{port}"} | _places(servers)
    return TestServer(
        "haproxy", "", port, command=command, directory=directory, environment=environment
    )


def caddy(directory: Path, port: int, servers: list[ServerProcess]) -> TestServer:
    """Caddy with the recipe's file."""
    file = str(DEPLOY / "caddy" / "Caddyfile")
    command = [installed("caddy"), "run", "--adapter", "caddyfile", "--config", file]
    environment = {"SITE": f"http://127.0.0.1:{port}", "HOME": str(directory)} | _places(servers)
    return TestServer(
        "caddy", "", port, command=command, directory=directory, environment=environment
    )


PROXIES = {"nginx": nginx, "haproxy": haproxy, "caddy": caddy}


@contextmanager
def proxy(name: str, directory: Path, servers: list[ServerProcess]) -> Iterator[str]:
    """The proxy in front of the servers, found well; the URL below which it serves them."""
    port = free_port()
    place = directory / name
    place.mkdir()
    with _running(PROXIES[name](place, port, servers)) as url:
        yield url


@contextmanager
def proxy_keeping_prefix(directory: Path, server: ServerProcess) -> Iterator[str]:
    """An nginx that leaves the path as it came; the URL below which it serves the server."""
    place = directory / "nginx"
    place.mkdir()
    with _running(nginx(place, free_port(), [server], keeps_prefix=True)) as url:
        yield url


@contextmanager
def _running(running: TestServer) -> Iterator[str]:
    running.start()
    try:
        url = f"http://127.0.0.1:{running.port}/rtdash"
        deadline = time.monotonic() + PATIENCE_S
        while httpx2.get(f"{url}/readyz", trust_env=False).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield url
    finally:
        running.end()


def _places(servers: list[ServerProcess]) -> dict[str, str]:
    first, second = (servers * 2)[:2]
    return {"RTDASH_A": f"127.0.0.1:{first.port}", "RTDASH_B": f"127.0.0.1:{second.port}"}
