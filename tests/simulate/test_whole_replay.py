"""The replay of the real data through a real server: what was applied is stored, logged, received,
and reported as the data say.

A part of the rows by default; all 119,390 with RTDASH_FULL=1, which takes minutes.
"""

import asyncio
import contextlib
import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from rtdash.cli.credentials import local_token
from rtdash.client import ConnectionChange, State, connect
from rtdash.client.api import Api
from rtdash.resources import data_path
from rtdash.simulate.dataset import read_bookings
from rtdash.simulate.replayed_rows import RowAccounting, select_rows
from rtdash.simulate.tally import Tally
from rtdash.simulate.traffic_run import run_replay
from tests.programs import plain_environment
from tests.simulate import figures
from tests.simulate.data_set import find_data_set

FULL = os.environ.get("RTDASH_FULL") == "1"
HOTELS = tuple(figures.HOTELS)
UNTIL = date(2016, 8, 31)
EVERY = 5
"""The short form takes every fifth row of those who came in the last of the months."""


@pytest.fixture(scope="module")
def data_set(tmp_path_factory) -> Path:
    """The data set, or in the short form a part of it."""
    whole = find_data_set()
    if FULL:
        return whole
    rows = [
        row
        for row in figures.read_rows(whole)
        if date(2016, 7, 25) <= figures.arrival(row) <= UNTIL
    ][::EVERY]
    part = tmp_path_factory.mktemp("bookings") / "part.csv"
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return part


@contextlib.contextmanager
def serving(data: Path, port: int = 0) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`rtdash serve` with the two hotels, its data in `data`: its URL and its process."""
    venues = data_path("fixtures", "venues", "antonio-hotels.toml")
    environment = plain_environment()
    command = [
        sys.executable,
        "-m",
        "rtdash",
        "serve",
        "--port",
        str(port),
        "--data",
        str(data),
        "--venues",
        str(venues),
    ]
    address = data / "address"
    address.unlink(missing_ok=True)
    with (
        (data / "log").open("w", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=environment) as process,
    ):
        try:
            until = time.monotonic() + 60
            while not (address.exists() and address.read_text().strip()):
                assert process.poll() is None, (data / "log").read_text()
                assert time.monotonic() < until, "the server was not ready in time"
                time.sleep(0.02)
            yield address.read_text().strip(), process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


class _EndsTheServer(Tally):
    """Kills it as soon as more than `behind` operations are applied, with the next ones not sent
    yet.
    """

    def __init__(self, process: subprocess.Popen[bytes], behind: int) -> None:
        super().__init__()
        self.has_ended = asyncio.Event()
        self._process = process
        self._behind = behind

    def count(
        self, operations: Sequence[Mapping[str, Any]], outcomes: Sequence[Mapping[str, Any]]
    ) -> None:
        """Count as usual, and then kill the server once."""
        super().count(operations, outcomes)
        if self.applied.total() > self._behind and not self.has_ended.is_set():
            self._process.kill()
            self._process.wait()
            self.has_ended.set()


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[tuple[str, str]]:
    """A server with the two hotels: its URL, and a token with every right."""
    data = tmp_path_factory.mktemp("server")
    with serving(data) as (url, _):
        yield url, local_token(data, admin=True)


class Follower:
    """Counts the events of a hotel's reservations as they are received, and how many were new
    reservations.
    """

    def __init__(self) -> None:
        self.events = 0
        self.new = 0
        self.last_seq = 0
        self.is_live = asyncio.Event()
        self._changed = asyncio.Event()

    async def follow(self, url: str, token: str, venue: str) -> None:
        """Until it is cancelled; the events must come without a gap."""
        async with connect(url, ["hotel_reservations"], token=token, venue=venue) as live:
            async for item in live:
                if isinstance(item, ConnectionChange):
                    if item.state is State.LIVE:
                        self.is_live.set()
                    continue
                assert item["seq"] == self.last_seq + 1, item
                self.last_seq = item["seq"]
                self.events += 1
                self.new += item["type"] == "new_reservation"
                self._changed.set()

    async def has_received(self, events: int) -> None:
        """Wait for so many events."""
        async with asyncio.timeout(60):
            while self.events < events:
                self._changed.clear()
                await self._changed.wait()


@contextlib.asynccontextmanager
async def following(url: str, token: str) -> AsyncIterator[dict[str, Follower]]:
    """One follower a hotel, all of them live."""
    followers = {venue: Follower() for venue in HOTELS}
    tasks = [
        asyncio.create_task(follower.follow(url, token, venue))
        for venue, follower in followers.items()
    ]
    try:
        async with asyncio.timeout(60):
            for follower in followers.values():
                await follower.is_live.wait()
        yield followers
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end


async def stored(api: Api, venue: str) -> tuple[int, int]:
    """Reservations in the store, and the head of their event log."""
    ids: set[str] = set()
    cursor = None
    while True:
        page = await api.get_json("/api/hotel/bookings", venue=venue, limit=500, cursor=cursor)
        ids.update(reservation["id"] for reservation in page["reservations"])
        cursor = page["next"]
        if cursor is None:
            return len(ids), page["positions"]["hotel_reservations"]["seq"]


async def reported(api: Api, venue: str) -> dict[str, Any]:
    """What the server's reports say of the month."""
    query = {"venue": venue, "period": "monthly", "until": UNTIL.isoformat()}
    trends = await api.get_json("/api/dashboard/trends", **query)
    sources = await api.get_json("/api/dashboard/reservations/sources", **query)
    revenue = await api.get_json("/api/dashboard/revenue/by-category", **query)
    return {
        "trends": trends["points"],
        "sources": {name: sources[name] for name in ("total", "sources")},
        "by-category": {name: revenue[name] for name in ("total", "categories")},
    }


@pytest.mark.timeout(1800 if FULL else 120)
def test_replay_loses_nothing(server, data_set, capsys):
    """Applied operations = events in the log = events received; applied bookings = reservations;
    reports equal those of the rows.
    """

    async def scenario() -> None:
        url, token = server
        accounting, tally = RowAccounting(), Tally()
        rows = select_rows(read_bookings(data_set), accounting)
        async with Api(url, token) as api, following(url, token) as followers:
            started = time.monotonic()
            await run_replay(api, rows, tally, speed=None, stop=asyncio.Event())
            tally.elapsed_s = time.monotonic() - started
            for venue, follower in followers.items():
                await follower.has_received(tally.applied[venue])
            with capsys.disabled() if FULL else contextlib.nullcontext():
                # for the person who ran the long form
                print(*accounting.lines(), *tally.summary(), sep="\n")  # noqa: T201
            assert tally.refused == {}
            assert tally.repeated == 0
            rows = figures.read_rows(data_set)
            for venue in HOTELS:
                reservations, head = await stored(api, venue)
                taken = sum(
                    row["hotel"] == figures.HOTELS[venue] and figures.is_taken(row) for row in rows
                )
                assert tally.applied[venue] == head == followers[venue].events > 0
                assert (
                    tally.booked[venue]
                    == reservations
                    == followers[venue].new
                    == taken
                    == accounting.taken[venue]
                )
                assert await reported(api, venue) == figures.reports(
                    rows, venue, period="monthly", until=UNTIL
                )
        assert (
            accounting.rows == accounting.taken.total() + accounting.left_out.total() == len(rows)
        )

    asyncio.run(scenario())


@pytest.mark.timeout(1800 if FULL else 120)
def test_second_replay_changes_nothing(server, data_set):
    """The same rows again are all repeats, also from a part of the file and in another order."""

    async def scenario() -> None:
        url, token = server
        part = list(read_bookings(data_set))[-1000:]
        rows = select_rows(reversed(part), RowAccounting())
        async with Api(url, token) as api:
            before = [await stored(api, venue) for venue in HOTELS]
            tally = Tally()
            await run_replay(api, rows, tally, speed=None, stop=asyncio.Event())
            assert tally.repeated == tally.sent > 0
            assert [await stored(api, venue) for venue in HOTELS] == before

    asyncio.run(scenario())


def test_replay_survives_the_death_of_the_server(data_set, tmp_path):
    """A server that is killed in the middle and started again has every operation once: what is
    sent again is recognised.
    """
    rows = select_rows(islice(read_bookings(data_set), 1200), RowAccounting())

    async def scenario() -> None:
        with serving(tmp_path) as (url, process):
            tally = _EndsTheServer(process, behind=1000)
            async with Api(url, local_token(tmp_path, admin=True)) as api:
                sending = asyncio.create_task(
                    run_replay(api, rows, tally, speed=None, stop=asyncio.Event())
                )
                async with asyncio.timeout(60):
                    await tally.has_ended.wait()
                with (
                    contextlib.ExitStack() as again
                ):  # started in a thread, so that what is sent meanwhile finds no server
                    await asyncio.to_thread(
                        again.enter_context, serving(tmp_path, port=int(url.rsplit(":", 1)[1]))
                    )
                    await sending
                    assert api.retries > 0
                    assert tally.refused == {}
                    assert tally.applied.total() + tally.repeated == tally.sent
                    counts = [await stored(api, venue) for venue in HOTELS]
        assert sum(reservations for reservations, _ in counts) == len(rows)
        assert sum(head for _, head in counts) == tally.sent

    asyncio.run(scenario())
