"""Single connections break in every way that a network knows, under load: nothing is lost, and both
ends notice.
"""

import asyncio
import random
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from rtdash.client import State
from rtdash.loadtest.generator.fault_proxy import Fault, FaultProxy
from tests.conftest import FULL
from tests.faults.observers import QUICK, Subscriber, Writer, following, until
from tests.faults.process import ServerProcess, server_process
from tests.faults.verdicts import Verdict, judge, quantiles, tell

CLIENTS = 100 if FULL else 20
DROPS = 1000 if FULL else 60
PER_SECOND = 50 if FULL else 100
FROZEN_S = 5.0 if FULL else 2.0
TIMING = replace(QUICK, frozen_after_s=FROZEN_S, quiet_s=0.2)
KINDS = ("fin", "rst", "half_open", "refused", "pause", "throttled")


@dataclass
class Way:
    """One client's way to the server, through a proxy of its own."""

    subscriber: Subscriber
    proxy: FaultProxy
    injured: list[tuple[float, str]] = field(default_factory=list)
    half_open: int = 0
    is_busy: bool = False

    async def injure(self, kind: str, rng: random.Random) -> None:
        """Cause the fault, and wait until the client is live again, or until a fault that only
        slows it down is over.
        """
        self.is_busy = True
        at = time.monotonic()
        self.injured.append((at, kind))
        connections = self.proxy.connections
        match kind:
            case "pause":
                for passage in connections:
                    passage.pause()
                await asyncio.sleep(rng.uniform(0.1, FROZEN_S / 4))
                for passage in connections:
                    passage.resume()
            case "throttled":
                for passage in connections:
                    passage.bytes_per_s = 50_000
                await asyncio.sleep(0.5)
                for passage in connections:
                    passage.bytes_per_s = 0
            case "refused":
                await self.proxy.refuse()
                self.proxy.inject(Fault.RST, connections)
                await asyncio.sleep(rng.uniform(0.1, 0.5))
                await self.proxy.admit()
                await self._back(at)
            case _:
                hit = self.proxy.inject(Fault(kind), connections)
                self.half_open += hit if kind == "half_open" else 0
                await self._back(at)
        self.is_busy = False

    async def _back(self, since: float) -> None:
        await until(lambda: self.noticed(since) is not None)

    def noticed(self, since: float) -> tuple[float, float] | None:
        """When the client noticed what happened then, and when it was live again; None until it was
        both.
        """
        return next((times for times in self.subscriber.returns() if times[0] >= since), None)


@pytest.mark.timeout(900 if FULL else 400)
def test_nothing_is_lost_over_broken_connections(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """FIN, RST, half-open, refused, paused and throttled connections: the zeros of the kill test;
    half-open ones are freed by the server.
    """
    limits = {"connections_per_user": 0, "handshakes_per_minute": 0, "requests_per_second": 0}
    with server_process(
        tmp_path / "data", **limits, ping_interval_s=FROZEN_S / 2, pong_timeout_s=FROZEN_S / 2
    ) as server:
        ways = asyncio.run(_break_them(server, capsys))
        half_open = sum(way.half_open for way in ways)
        # Found by the heartbeat, or by the client's return to the session that the dead connection
        # still holds.
        found = server.metric("rtdash_evictions_total", code="4002") + server.metric(
            "rtdash_evictions_total", code="4505"
        )
        assert found >= half_open > 0
        deadline = time.monotonic() + 60
        while server.metric("rtdash_connections") or server.metric("rtdash_subscriptions"):
            assert time.monotonic() < deadline, (
                "connections whose clients have gone are still counted"
            )
            time.sleep(0.1)


async def _break_them(server: ServerProcess, capsys: pytest.CaptureFixture[str]) -> list[Way]:
    rng = random.Random(2)
    writer = Writer(server.url, server.token(), per_second=PER_SECOND, rng=rng)
    async with AsyncExitStack() as stack:
        ways = []
        for number in range(CLIENTS):
            proxy = await stack.enter_async_context(FaultProxy("127.0.0.1", server.port))
            ways.append(Way(Subscriber(number), proxy))
            url = f"http://127.0.0.1:{proxy.port}"
            await stack.enter_async_context(
                following([ways[-1].subscriber], url, server.token(), timing=TIMING)
            )
        async with writer.writing(), asyncio.TaskGroup() as group:
            for number in range(DROPS):
                await until(
                    lambda: any(
                        not way.is_busy and way.subscriber.state is State.LIVE for way in ways
                    )
                )
                way = rng.choice(
                    [way for way in ways if not way.is_busy and way.subscriber.state is State.LIVE]
                )
                group.create_task(way.injure(KINDS[number % len(KINDS)], rng))
                await asyncio.sleep(rng.uniform(0, 0.1))
        log = await asyncio.to_thread(server.read_log, "restaurant_reservations")
        subscribers = [way.subscriber for way in ways]
        await until(lambda: all(one.seqs and one.seqs[-1] == len(log) for one in subscribers))
    _tell_times(ways, len(log), capsys)
    assert judge(writer.acknowledged, log, subscribers) == Verdict()
    return ways


def _tell_times(ways: list[Way], events: int, capsys: pytest.CaptureFixture[str]) -> None:
    """From the fault to its notice (t_detect), and until what was missed has come
    (t_consistent).
    """
    detect, consistent = defaultdict(list), defaultdict(list)
    for way in ways:
        for at, kind in way.injured:
            times = None if kind in {"pause", "throttled"} else way.noticed(at)
            if times is not None:
                detect[kind].append(times[0] - at)
                consistent[kind].append(times[1] - at)
    dropped = sum(way.subscriber.duplicates_dropped for way in ways)
    lines = [
        (
            f"{DROPS} faults on {CLIENTS} connections, {events} events, repeats dropped by clients:"
            f" {dropped}"
        )
    ]
    lines += [
        f"{kind:9} t_detect {quantiles(detect[kind])}; t_consistent {quantiles(consistent[kind])}"
        for kind in detect
    ]
    tell(capsys, "\n    ".join(lines))
