"""Run of traffic against a server: the past, then live traffic; or the replay of the data set."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from rtdash.client.api import Api
from rtdash.domain.instants import Clock
from rtdash.domain.venues import Venue
from rtdash.simulate.operation_sender import OperationSender
from rtdash.simulate.replay import chronological
from rtdash.simulate.replayed_rows import ReplayedRow
from rtdash.simulate.tally import Tally
from rtdash.simulate.traffic_plan import Traffic, in_order

GRACE_S = 5.0
"""Time for the current request to finish after the stop."""


async def run_traffic(
    api: Api,
    traffic: Traffic,
    venues: Sequence[Venue],
    tally: Tally,
    *,
    stop: asyncio.Event,
    clock: Clock,
    among: int | None = None,
    start: datetime | None = None,
    on_loaded: Callable[[], None] = lambda: None,
) -> None:
    """Load the past if there is one to load (then call `on_loaded`), then go on live.

    Without a past live traffic begins at `start`, and the rate is that of `among` venues, of which
    `venues` are the `used` ones. Raises what `Api` raises.
    """
    sender = OperationSender(api, tally, stop)
    pasts = traffic.pasts(venues, clock())
    await sender.load(in_order(pasts))
    if pasts and not stop.is_set():
        on_loaded()
    if traffic.rate_per_s and traffic.duration_s and not stop.is_set():
        origin = traffic.start or (None if pasts else start) or clock()
        live = traffic.live(venues, origin, pasts, among=among)
        await sender.pace(live, origin=origin, duration_s=traffic.duration_s)


async def run_replay(
    api: Api, rows: Sequence[ReplayedRow], tally: Tally, *, speed: float | None, stop: asyncio.Event
) -> None:
    """Send the data set's operations in order; `speed` is how many times its own time goes by
    (None: as fast as the server takes them).
    """
    sender = OperationSender(api, tally, stop)
    if speed is None:
        await sender.load(chronological(rows))
    elif rows:
        await sender.pace(chronological(rows), origin=rows[0].booked_at, speed=speed)


async def until_stopped(work: asyncio.Task[None], stop: asyncio.Event) -> bool:
    """Wait for the work; after the stop it gets `GRACE_S` to finish what is under way. Whether it
    was stopped; raises what it raised.
    """
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not work.done():
        await asyncio.wait({work}, timeout=GRACE_S)
    stopping.cancel()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    if not work.cancelled():
        work.result()
    return stop.is_set()
