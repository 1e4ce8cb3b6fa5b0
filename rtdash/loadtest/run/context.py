"""Context that the phases of a run share."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtdash.client.addresses import socket_url
from rtdash.loadtest.run.own_server import OwnServer
from rtdash.loadtest.run.silent_client import SilentClient
from rtdash.loadtest.verdict.observations import Observations
from rtdash.loadtest.verdict.samples import Sample
from rtdash.protocol.channels import Channel


@dataclass(slots=True)
class RunContext:
    """Context that all phases of a run share. `should_stop` is set by a Ctrl-C or by a broken SLO
    that aborts; `proxy_target` is the server's host and port.

    `gone_after_s`: a server that isn't ours, and of which nothing came for so long, is lost for
    good.
    """

    url: str
    tokens: tuple[str, ...]
    limited_tokens: tuple[str, ...]
    """Tokens of fewer rights than those; some clients use them."""
    folder: Path
    run_id: str
    seed: int
    processes: int
    with_ui: bool
    server: OwnServer | None
    should_stop: asyncio.Event
    show: Callable[[Sample, Observations], None]
    proxy_target: tuple[str, int]
    gone_after_s: float
    heartbeat_s: float
    mint_code: Callable[[], str] | None
    """Mints a sign-in code of a server of our own, for a browser."""
    """Within which the server notices a dead client."""
    session_ttl_s: float | None = None
    """Within which the server forgets a session without a connection, where the run waits for
    it."""
    sessions_before: int | None = None
    """Sessions that the server had before the first phase."""
    sessions_made: int = 0
    """Sessions that the clients of all phases have asked for so far."""
    silent: SilentClient | None = None
    """Client that never answers a ping, from the first phase to the last."""
    _silence: "asyncio.Task[None] | None" = None

    def server_pid(self) -> int | None:
        """Return the process id of a server of our own, while it runs."""
        return self.server.pid if self.server else None

    def fall_silent(self, channels: Iterable[Channel]) -> SilentClient:
        """Start the silent client on those channels, unless it is there already."""
        if self.silent is None:
            url, token = socket_url(self.url), self.tokens[-1]
            self.silent = SilentClient(url, token, channels, self.heartbeat_s)
            self._silence = asyncio.create_task(self.silent.stay_silent())
        return self.silent

    async def stop_silent_client(self) -> None:
        """End the silent client."""
        if self._silence is not None:
            self._silence.cancel()
            await asyncio.gather(self._silence, return_exceptions=True)

    async def unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Run `work` until it is done or the run is stopped; return whether it was done."""
        doing, stopping = asyncio.create_task(work), asyncio.create_task(self.should_stop.wait())
        try:
            await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                doing.result()
        finally:
            doing.cancel()
            stopping.cancel()
            await asyncio.gather(doing, stopping, return_exceptions=True)
        return not self.should_stop.is_set()
