"""A proxy that leaves the path's prefix on: rtdash takes it off itself (RTDASH_ROOT_PATH)."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from websockets.sync.client import connect

from rtdash.server.auth.sign_in import mint_code
from tests.browser.conftest import chromium
from tests.deploy.proxies import PATIENCE_S, proxy_keeping_prefix
from tests.faults.process import SECRET, ServerProcess, server_process

__all__ = ["chromium"]

PREFIX = "/rtdash"
TABLE = {"customerName": "Ann Example", "guests": 2, "source": "Phone"}


@pytest.fixture(params=["fast", "asgi"])
def below_a_path(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[ServerProcess, str]]:
    """A server that knows its path, and its URL through an nginx that says nothing of it."""
    with (
        server_process(
            tmp_path / "data",
            root_path=PREFIX,
            trusted_proxies="127.0.0.0/8",
            lane=request.param,
        ) as server,
        proxy_keeping_prefix(tmp_path, server) as url,
    ):
        yield server, url


def test_a_live_socket_and_all_links(below_a_path: tuple[ServerProcess, str]) -> None:
    """A booking by the proxy reaches a socket by the proxy; Location and documents have the path."""
    server, url = below_a_path
    assert url.endswith(PREFIX)
    with (
        httpx2.Client(
            headers={"Authorization": f"Bearer {server.token()}"}, trust_env=False
        ) as web,
        connect(f"{url.replace('http', 'ws')}/ws?token={server.token()}", proxy=None) as ws,
    ):
        ws.send(json.dumps({"action": "subscribe", "channels": ["restaurant_reservations"]}))
        assert json.loads(ws.recv(PATIENCE_S))["status"] == "subscribed"
        booked = web.post(
            f"{url}/api/restaurant/reservations", json={**TABLE, "date": "2031-03-01T19:00:00Z"}
        )
        assert json.loads(ws.recv(PATIENCE_S))["reservation"]["id"] == booked.json()["id"]
        location = booked.headers["location"]
        assert location.startswith(f"{PREFIX}/api/restaurant/reservations/")
        assert web.get(url.removesuffix(PREFIX) + location).json()["id"] == booked.json()["id"]
        assert web.get(f"{url}/openapi.json").json()["servers"][0]["url"] == PREFIX
        for page in ("/", "/docs", "/guide"):
            answer = web.get(url + page, follow_redirects=True)
            assert answer.status_code == 200, page
            assert 'href="/' not in answer.text.replace(f'href="{PREFIX}/', ""), page


@pytest.mark.parametrize("below_a_path", ["fast"], indirect=True)
def test_the_page_is_live(chromium, below_a_path: tuple[ServerProcess, str]) -> None:
    """The page signs in by a one-time code, and shows a booking that comes by its socket."""
    server, url = below_a_path
    page = chromium.new_context().new_page()
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.set_default_timeout(PATIENCE_S * 1000)
    page.goto(f"{url}/?venue=harbour-grill#code={mint_code(SECRET, user='desk')}")
    page.wait_for_selector('body[data-state="live"]')
    server.post(f"{PREFIX}/api/restaurant/reservations", {**TABLE, "date": "2031-03-01T19:00:00Z"})
    page.locator(".live .rows > li", has_text="Ann Example").first.wait_for()
    assert {one.partition("?")[0] for one in sockets} == {f"{url.replace('http', 'ws')}/ws"}
