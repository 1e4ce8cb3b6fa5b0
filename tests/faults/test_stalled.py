"""Clients that stop reading, among others that read: they are dropped, their memory is bounded, and
the others don't notice.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.conftest import FULL
from tests.faults.observers import Writer, until
from tests.faults.process import ServerProcess, server_process
from tests.faults.taps import Tap
from tests.faults.verdicts import quantiles, tell

STALLED = 300 if FULL else 40
GOOD = 200 if FULL else 10
PHASE_S = 12 if FULL else 3
ROUNDS = 4 if FULL else 1
PER_SECOND = 300
LIMIT_BYTES = 1_048_576 if FULL else 131_072
ONE_FLUSH_BYTES = 262_144
"""More than what one flush hands to a connection before the limit is judged again (DESIGN rule 5),
and what the transport may add."""

NOISE_BYTES = 48 * 1024 * 1024
"""What a server grows by anyway in the time: caches of the store, the ring of recent events, the
allocator's reserve."""


@pytest.mark.timeout(300)
def test_stalled_clients_harm_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is closed with 4001 and freed; buffers and memory stay within the limits; the latency of
    the others is printed.
    """
    limits = {
        "connections_per_user": 0,
        "handshakes_per_minute": 0,
        "requests_per_second": 0,
        "ping_interval_s": 0,
    }
    with server_process(tmp_path / "data", **limits, buffer_limit_bytes=LIMIT_BYTES) as server:
        asyncio.run(_compare(server, capsys))


async def _compare(server: ServerProcess, capsys: pytest.CaptureFixture[str]) -> None:
    good = [await Tap.open(server.port, server.token(), reads=True) for _ in range(GOOD)]
    writer = Writer(
        server.url,
        server.token(),
        per_second=PER_SECOND,
        rng=random.Random(3),
        name="Ann Guest " * 8,
    )
    peaks: dict[str, list[float]] = {"buffered": [], "rss": []}
    alone: list[list[float]] = []
    beside: list[list[float]] = []
    async with writer.writing():
        await asyncio.sleep(1)
        rss_before = server.rss_bytes()
        async with _watched(server, peaks):
            for _ in range(ROUNDS):
                alone.append(await _latencies(good))
                async with _stalled(server):
                    beside.append(await _latencies(good))
    evicted = await asyncio.to_thread(server.metric, "rtdash_evictions_total", code="4001")
    grown = max(peaks["rss"]) - rss_before
    tell(
        capsys,
        f"{GOOD} good clients at {PER_SECOND}/s.\n    alone: {'; '.join(map(quantiles, alone))}\n  "
        f"  beside {STALLED} stalled ones: {'; '.join(map(quantiles, beside))}\n    evicted"
        f" {evicted:.0f} times, buffered at most {max(peaks['buffered']) / 2**20:.1f} MiB, memory"
        f" grew by {grown / 2**20:.1f} MiB",
    )
    assert evicted >= STALLED * ROUNDS
    assert max(peaks["buffered"]) <= STALLED * (LIMIT_BYTES + ONE_FLUSH_BYTES)
    assert grown <= STALLED * LIMIT_BYTES + NOISE_BYTES
    assert all(not tap.ended.is_set() for tap in good)
    assert len({tap.received for tap in good}) == 1, (
        "one of the good clients has got less than the others"
    )
    await _freed(server, len(good))
    if FULL:
        # The best round of each: what else the machine does comes and goes, what the server does is
        # in every round.
        assert min(map(_p99, beside)) <= 1.5 * min(map(_p99, alone))
    for tap in good:
        tap.abort()


async def _latencies(taps: list[Tap]) -> list[float]:
    """What they have sampled in a phase."""
    for tap in taps:
        tap.latencies_s.clear()
    await asyncio.sleep(PHASE_S)
    return [latency for tap in taps for latency in tap.latencies_s]


@asynccontextmanager
async def _stalled(server: ServerProcess) -> AsyncIterator[None]:
    """Clients that stop reading, and stay."""
    taps = await asyncio.gather(
        *(Tap.open(server.port, server.token("mallory"), reads=False) for _ in range(STALLED))
    )
    try:
        yield
    finally:
        for tap in taps:
            tap.abort()


@asynccontextmanager
async def _watched(server: ServerProcess, peaks: dict[str, list[float]]) -> AsyncIterator[None]:
    async def watch() -> None:
        while True:
            peaks["buffered"].append(
                await asyncio.to_thread(server.metric, "rtdash_buffered_bytes")
            )
            peaks["rss"].append(server.rss_bytes())
            await asyncio.sleep(0.25)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _freed(server: ServerProcess, left: int) -> None:
    await until(lambda: server.metric("rtdash_connections") == left, patience_s=60)


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]
