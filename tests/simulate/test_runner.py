"""A run against a real server: the past, then live; venues read from REST; ending early."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest

from rtdash.client.api import Api
from rtdash.client.api_errors import NotAllowed
from rtdash.domain.instants import utc_now
from rtdash.simulate.tally import Tally
from rtdash.simulate.traffic_plan import Traffic
from rtdash.simulate.traffic_run import run_traffic, until_stopped
from rtdash.simulate.venue_reader import packaged_venues, read_venues
from tests.server.running import DEFAULT_SCOPES, RunningServer, start_server

ADMIN = (*DEFAULT_SCOPES, "admin")


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[RunningServer]:
    """One server for all of them."""
    running, thread = start_server(tmp_path_factory.mktemp("data"))
    yield running
    thread.stop()


def test_venues_read_from_rest_are_those_of_the_server(server):
    """Rooms, menus, money and time zones come over the wire as they were."""

    async def scenario():
        async with Api(server.url, server.token()) as api:
            return await read_venues(api)

    assert asyncio.run(scenario()) == packaged_venues()


def test_venues_that_the_token_may_not_write_are_left_out(server):
    """Traffic is made only where the token may make it."""

    async def scenario():
        async with Api(
            server.url, server.token(scopes=("hotel:read", "hotel:write", "restaurant:read"))
        ) as api:
            return await read_venues(api)

    assert [venue.id for venue in asyncio.run(scenario())] == ["harbour-hotel"]


def test_past_then_live(server):
    """A past is loaded, live traffic goes on from it, and nothing of either is refused; the past
    again is all repeats.
    """
    traffic = Traffic(
        rate_per_s=40, duration_s=1, backfill_days=1, start=utc_now() - timedelta(minutes=5)
    )

    async def scenario():
        async with Api(server.url, server.token(scopes=ADMIN)) as api:
            tally, again = Tally(), Tally()
            await run_traffic(
                api, traffic, await read_venues(api), tally, stop=asyncio.Event(), clock=utc_now
            )
            past = Traffic(backfill_days=1, duration_s=0, start=traffic.start)
            await run_traffic(
                api, past, await read_venues(api), again, stop=asyncio.Event(), clock=utc_now
            )
            return tally, again

    tally, again = asyncio.run(scenario())
    assert tally.refused == {}
    assert set(tally.booked) == {"harbour-hotel", "harbour-grill"}
    assert tally.applied.total() == tally.sent > again.sent > 100
    assert again.repeated == again.sent


def test_past_needs_the_admin_scope(server):
    """Without the admin scope a past is not taken, and the run says so."""
    traffic = Traffic(backfill_days=1, duration_s=0)

    async def scenario():
        tally = Tally()
        async with Api(server.url, server.token()) as api:
            grill = (await read_venues(api))[1:]
            try:
                await run_traffic(api, traffic, grill, tally, stop=asyncio.Event(), clock=utc_now)
            except NotAllowed:
                return True
            return tally.refused["forbidden"] == tally.sent > 0

    assert asyncio.run(scenario())


def test_stopped_run_says_so():
    """Work that ends soon after the stop is not cut off."""

    async def scenario():
        stop, finished = asyncio.Event(), False

        async def work() -> None:
            nonlocal finished
            await stop.wait()
            await asyncio.sleep(0.05)
            finished = True

        task = asyncio.create_task(work())
        asyncio.get_running_loop().call_soon(stop.set)
        assert await until_stopped(task, stop)
        assert finished

    asyncio.run(scenario())


def test_work_that_does_not_end_is_cut_off(monkeypatch):
    """After its grace, work that doesn't end is ended."""
    monkeypatch.setattr("rtdash.simulate.traffic_run.GRACE_S", 0.05)

    async def scenario():
        stop = asyncio.Event()
        stop.set()
        task = asyncio.create_task(asyncio.sleep(3600))
        assert await until_stopped(task, stop)
        assert task.cancelled()

    asyncio.run(scenario())


def test_failure_of_the_work_is_raised():
    """What the work raises ends the wait."""

    async def work() -> None:
        raise NotAllowed(403, detail="no")

    async def scenario():
        with pytest.raises(NotAllowed):
            await until_stopped(asyncio.create_task(work()), asyncio.Event())

    asyncio.run(scenario())


def test_finished_work_was_not_stopped():
    """A run that ends by itself was not interrupted."""

    async def scenario():
        assert not await until_stopped(asyncio.create_task(asyncio.sleep(0)), asyncio.Event())

    asyncio.run(scenario())
