"""nginx, haproxy and Caddy with the recipes' files carry requests and a live socket below a path."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from websockets.sync.client import connect

from tests.faults.process import ServerProcess, server_process
from tests.programs import free_port, installed
from tests.servers import TestServer

DEPLOY = Path(__file__).parent.parent.parent / "fixtures" / "deploy"
PATIENCE_S = 30
BOOKING = {
    "customerName": "Ann Example",
    "guests": 2,
    "source": "Phone",
    "roomType": "double",
    "checkIn": "2031-03-01",
    "checkOut": "2031-03-02",
}


def nginx(directory: Path, port: int, servers: list[ServerProcess]) -> TestServer:
    """Nginx with the recipe's file; ports and the list of servers are ours."""
    text = (DEPLOY / "nginx" / "rtdash.conf").read_text()
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
    running = PROXIES[name](place, port, servers)
    running.start()
    try:
        url = f"http://127.0.0.1:{port}/rtdash"
        deadline = time.monotonic() + PATIENCE_S
        while httpx2.get(f"{url}/readyz", trust_env=False).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield url
    finally:
        running.end()


@pytest.mark.parametrize("name", PROXIES)
def test_a_live_socket_below_a_path(name: str, tmp_path: Path) -> None:
    """A booking by the proxy reaches a socket by the proxy, and everything that the server links to
    is below the path.
    """
    with (
        server_process(tmp_path / "data", trusted_proxies="127.0.0.0/8") as server,
        proxy(name, tmp_path, [server]) as url,
    ):
        bearer = {"Authorization": f"Bearer {server.token()}"}
        with connect(f"{url.replace('http', 'ws')}/ws?token={server.token()}", proxy=None) as ws:
            ws.send(json.dumps({"action": "subscribe", "channels": ["hotel_reservations"]}))
            assert json.loads(ws.recv(PATIENCE_S))["status"] == "subscribed"
            booked = httpx2.post(
                f"{url}/api/hotel/bookings", json=BOOKING, headers=bearer, trust_env=False
            )
            assert json.loads(ws.recv(PATIENCE_S))["reservation"]["id"] == booked.json()["id"]
        location = booked.headers["location"]
        assert location.startswith("/rtdash/api/hotel/bookings/")
        base = url.removesuffix("/rtdash")
        followed = httpx2.get(base + location, headers=bearer, trust_env=False)
        assert followed.json()["id"] == booked.json()["id"]
        document = httpx2.get(f"{url}/openapi.json", trust_env=False).json()
        assert document["servers"][0]["url"] == "/rtdash"
        assert 'href="/' not in httpx2.get(f"{url}/docs", trust_env=False).text
        assert httpx2.get(f"{url}/metrics", trust_env=False).status_code in {403, 404}


def test_a_prefix_of_an_untrusted_peer_counts_for_nothing(tmp_path: Path) -> None:
    """It could lead a client's next request elsewhere."""
    with server_process(tmp_path / "data", trusted_proxies="10.0.0.0/8") as server:
        headers = {"X-Forwarded-Prefix": "/evil"}
        document = httpx2.get(f"{server.url}/openapi.json", headers=headers, trust_env=False)
        assert document.json()["servers"][0]["url"] == "/"


@pytest.mark.parametrize("path", ["/openapi.json", "/rtdash/openapi.json"])
def test_a_root_path(path: str, tmp_path: Path) -> None:
    """It counts without a header, whether the proxy takes it off or not."""
    with server_process(tmp_path / "data", root_path="/rtdash/") as server:
        document = httpx2.get(server.url + path, trust_env=False)
        assert document.json()["servers"][0]["url"] == "/rtdash"


def _places(servers: list[ServerProcess]) -> dict[str, str]:
    first, second = (servers * 2)[:2]
    return {"RTDASH_A": f"127.0.0.1:{first.port}", "RTDASH_B": f"127.0.0.1:{second.port}"}
