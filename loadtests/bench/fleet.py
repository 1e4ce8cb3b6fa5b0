"""One process of a great fleet, by simulation: the server's own code from the first byte of a
handshake to the row of its session, on sockets that are objects of this process.

What the kernel takes for real sockets is left out, the client's side is in the memory (about 1 KiB
a connection).
"""

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
from bench import Bench, Figures
from processes import SECRET
from pydantic import SecretStr
from simulated_socket import SimulatedSocket
from uvicorn.server import ServerState

import rtdash.server.composition
from rtdash.domain.reservations import Op, Operation
from rtdash.server.app import create_app
from rtdash.server.auth.tokens import mint
from rtdash.server.http.protocol import HttpProtocol
from rtdash.server.interpreter import tune_interpreter
from rtdash.server.uvicorn_config import make_config
from rtdash.server.ws import session_writer
from rtdash.settings import Limits, Settings

CONNECTIONS = 20_000
VENUES = 1_000
BOOKINGS_A_SECOND = 20
"""The share of one of 50 processes in a fleet: its 10,000 venues have an event every 10 s."""
DROPPED_A_MINUTE = 0.01
WINDOW_S = 30.0
"""Of each phase: longer than one ping interval."""
DIAL_AT_ONCE = 100
PATIENCE_S = 60.0


class Fleet:
    """All clients of the process."""

    def __init__(self, app: Any, settings: Settings, http_edge: Any, number: int) -> None:
        self.counts: Counter[str] = Counter()
        self.live = 0
        self.sockets: list[SimulatedSocket] = []
        self._config = make_config(app, settings)
        self._config.load()
        self._server_state = ServerState()
        self._app_state = {"http_edge": http_edge}
        self._number = number
        self._rng = random.Random(1)  # noqa: S311

    async def connect_all(self) -> None:
        """Dial, some at once, until all are live. Progress is polled: an event for each of 20,000
        clients would be measured, too.
        """
        for start in range(0, self._number, DIAL_AT_ONCE):
            until = min(self._number, start + DIAL_AT_ONCE)
            for place in range(start, until):
                token = mint(SECRET, user=f"user-{place}")
                self.sockets.append(self._dial(f"grill-{place % VENUES}", token, None))
            deadline = time.monotonic() + PATIENCE_S
            while self.live < until:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self.live} of {until} connected: {self.counts}")
                await asyncio.sleep(0.001)

    async def drop_some(self) -> None:
        """Reset 1 % a minute, one after the other; each comes back after up to 2 s."""
        pause_s = 60 / (self._number * DROPPED_A_MINUTE)
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(pause_s)
            place = self._rng.randrange(self._number)
            old = self.sockets[place]
            if old.is_live:
                old.is_live = False
                self.live -= 1
                old.drop()
                loop.call_later(self._rng.uniform(0.1, 2), self._redial, place, old)

    def _redial(self, place: int, old: SimulatedSocket) -> None:
        self.counts["resumes"] += 1
        self.sockets[place] = self._dial(old.venue, old.token, old.session)

    def _dial(self, venue: str, token: str, session: str | None) -> SimulatedSocket:
        simulated = SimulatedSocket(self, venue, token, session)
        protocol = HttpProtocol(self._config, self._server_state, self._app_state)
        simulated.dial(protocol)
        return simulated


def process(bench: Bench) -> Figures:
    """Row 19. 20,000 connections of one process: CPU and memory; quiet, with 1 % of them lost a
    minute, and with 20 bookings a second besides.
    """
    with tempfile.TemporaryDirectory(dir=bench.directory) as directory:
        settings = Settings(
            data=Path(directory),
            secret=SecretStr(SECRET),
            venues=_venues(Path(directory)),
            limits=Limits(**_UNLIMITED),
        )
        _prepare_process()
        return asyncio.run(_run(settings, bench.size(CONNECTIONS), WINDOW_S * bench.scale))


_UNLIMITED: dict[str, Any] = {
    "max_connections": 0,
    "connections_per_user": 0,
    "handshakes_per_minute": 0,
    "requests_per_second": 0,
}


async def _run(settings: Settings, number: int, window_s: float) -> Figures:
    app = create_app(settings)
    async with AsyncExitStack() as stack:
        state = await stack.enter_async_context(app.router.lifespan_context(app))
        services = app.state.services
        tune_interpreter()
        fleet = Fleet(app, settings, state["http_edge"], number)
        _count_rows(fleet.counts)
        rss, cpu_s = psutil.Process().memory_info().rss, time.process_time()
        await fleet.connect_all()
        figures = {
            "connect_us": (time.process_time() - cpu_s) * 1e6 / number,
            "kib_a_connection": (psutil.Process().memory_info().rss - rss) / 1024 / number,
        }
        figures |= await _phase("quiet", fleet, window_s)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        works = [group.create_task(fleet.drop_some())]
        figures |= await _phase("dropping", fleet, window_s)
        works.append(group.create_task(_book(services.bookings.apply)))
        figures |= await _phase("busy", fleet, window_s)
        figures["not_live"] = number - fleet.live
        for work in works:
            work.cancel()
    return figures


async def _phase(name: str, fleet: Fleet, window_s: float) -> Figures:
    """CPU of the process as a share of one core, and what went on a second."""
    fleet.counts.clear()
    start, cpu_s = time.monotonic(), time.process_time()
    await asyncio.sleep(window_s)
    took_s = time.monotonic() - start
    figures = {f"{name}_core": (time.process_time() - cpu_s) / took_s}
    for what in ("pings", "deliveries", "resumes", "saved", "taken", "confirmed", "released"):
        figures[f"{name}_{what}_a_second"] = fleet.counts[what] / took_s
    return figures


async def _book(apply: Callable[..., Any]) -> None:
    rng = random.Random(2)  # noqa: S311
    while True:
        await asyncio.sleep(1 / BOOKINGS_A_SECOND)
        booking = Operation(
            operation_id=uuid4().hex,
            op=Op.BOOK,
            venue_id=f"grill-{rng.randrange(VENUES)}",
            customer_name="John Smith",
            guests=4,
            source="Phone",
            start=datetime.now(UTC).replace(microsecond=0) + timedelta(days=7),
        )
        await apply([booking])


def _count_rows(counts: Counter[str]) -> None:
    """Count the rows of sessions that are written, by wrapping what writes them."""
    rows: Any = session_writer.rows
    for name, what in (("save", "saved"), ("take_over", "taken")):
        setattr(rows, name, _counted(getattr(rows, name), counts, what))
    lists = (("save_all", "saved"), ("confirm", "confirmed"), ("release", "released"))
    for name, what in lists:
        setattr(rows, name, _counted_list(getattr(rows, name), counts, what))


def _counted(write: Callable[..., Any], counts: Counter[str], what: str) -> Callable[..., Any]:
    def counting(*arguments: Any, **named: Any) -> Any:
        counts[what] += 1
        return write(*arguments, **named)

    return counting


def _counted_list(write: Callable[..., Any], counts: Counter[str], what: str) -> Callable[..., Any]:
    def counting(conn: Any, rows: Any, **named: Any) -> Any:
        rows = list(rows)
        counts[what] += len(rows)
        return write(conn, rows, **named)

    return counting


def _venues(directory: Path) -> Path:
    path = directory / "venues.toml"
    shape = (
        '[[venue]]\nid = "grill-{0}"\nname = "grill-{0}"\nkind = "restaurant"\n'
        'timezone = "Europe/Lisbon"\ncurrency = "EUR"\n'
    )
    path.write_text("".join(shape.format(number) for number in range(VENUES)))
    return path


def _prepare_process() -> None:
    """Use uvloop's event loop, as the server does, and hold as many connections as are asked for."""
    import uvloop  # noqa: PLC0415 - only this row runs a server in its own process

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    composition: Any = rtdash.server.composition
    composition.fit_to_open_files = lambda settings: (settings, 1_000)  # these sockets are no files
