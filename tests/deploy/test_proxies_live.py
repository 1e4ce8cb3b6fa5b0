"""nginx, haproxy and Caddy with the recipes' files carry requests and a live socket below a path."""

import json
from pathlib import Path

import httpx2
import pytest
from websockets.sync.client import connect

from tests.deploy.proxies import PATIENCE_S, PROXIES, proxy
from tests.faults.process import server_process

BOOKING = {
    "customerName": "Ann Example",
    "guests": 2,
    "source": "Phone",
    "roomType": "double",
    "checkIn": "2031-03-01",
    "checkOut": "2031-03-02",
}


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
    """Such a prefix could lead a client's next request elsewhere."""
    with server_process(tmp_path / "data", trusted_proxies="10.0.0.0/8") as server:
        headers = {"X-Forwarded-Prefix": "/evil"}
        document = httpx2.get(f"{server.url}/openapi.json", headers=headers, trust_env=False)
        assert document.json()["servers"][0]["url"] == "/"


@pytest.mark.parametrize("path", ["/openapi.json", "/rtdash/openapi.json"])
def test_a_root_path(path: str, tmp_path: Path) -> None:
    """A root path counts without a header, whether the proxy takes it off or not."""
    with server_process(tmp_path / "data", root_path="/rtdash/") as server:
        document = httpx2.get(server.url + path, trust_env=False)
        assert document.json()["servers"][0]["url"] == "/rtdash"
