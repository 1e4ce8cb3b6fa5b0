"""A real server on a real socket, in a thread of its own, and clients for it."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI

from rtdash.domain.instants import Clock, utc_now
from rtdash.server.app import create_app
from rtdash.server.auth.tokens import DEFAULT_SCOPES, mint
from rtdash.settings import Settings

SECRET = "only-for-tests-" + "0123456789" * 6
HOTEL, GRILL = "harbour-hotel", "harbour-grill"
UNLIMITED = {"requests_per_second": 0}


@dataclass(frozen=True)
class RunningServer:
    """A server that answers at `url`."""

    app: FastAPI
    url: str

    def token(self, *, user: str = "anna", **claims: Any) -> str:
        """A token of the server's, by default for both venues with all rights but admin's."""
        return mint(SECRET, user=user, **claims)

    def client(self, token: str | None = None, **claims: Any) -> httpx2.Client:
        """A client with a token of those claims, or with the one given ("" for none)."""
        bearer = self.token(**claims) if token is None else token
        return httpx2.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {bearer}"} if bearer else {},
            timeout=30,
        )

    def admin(self) -> httpx2.Client:
        """A client with all rights."""
        return self.client(user="admin", scopes=(*DEFAULT_SCOPES, "admin"))


class ServerThread:
    """uvicorn around an app, until `stop`."""

    def __init__(self, app: FastAPI) -> None:
        self._server = uvicorn.Server(
            uvicorn.Config(
                app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="on"
            )
        )
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._started.wait(30)
        assert self._server.started, "the server did not start"
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        """End it and wait until it has ended."""
        self._server.should_exit = True
        self._thread.join(30)

    def _run(self) -> None:
        startup = self._server.startup

        async def telling(*arguments: Any, **named: Any) -> None:
            await startup(*arguments, **named)
            self._started.set()

        self._server.startup = telling  # type: ignore[method-assign]
        try:
            self._server.run()
        finally:
            self._started.set()


def ask_until_refused(
    client: httpx2.Client, paths: Iterable[str], *, burst: int
) -> httpx2.Response:
    """The first answer that is not 200. Before it a rate of 1 a second granted `burst`, and at most
    one more for each second that went by.
    """
    began = time.monotonic()
    for granted, path in enumerate(paths):
        answer = client.get(path)
        if answer.status_code != 200:
            break
        assert granted + 1 <= burst + time.monotonic() - began
    assert granted >= burst
    return answer


def start_server(
    data: Path, clock: Clock = utc_now, **settings: Any
) -> tuple[RunningServer, ServerThread]:
    """A server with its data in `data`; `settings` over the defaults, without a rate limit unless
    they say so.
    """
    limits = {**UNLIMITED, **settings.pop("limits", {})}
    app = create_app(Settings(data=data, secret=SECRET, limits=limits, **settings), clock=clock)
    thread = ServerThread(app)
    return RunningServer(app, thread.url), thread
