"""Sending to a server in order, in groups, at the right time, and ending when asked to."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from rtdash.client.api_errors import Problem
from rtdash.simulate.operation_sender import BATCH, GROUP_S, OperationSender
from rtdash.simulate.script import TimedOperation
from rtdash.simulate.tally import Tally

ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Server:
    """Takes operations as `Api` would, and remembers the requests; it may be slow, stop the run, or
    fail.
    """

    def __init__(self, *, stop: asyncio.Event | None = None, fails: bool = False) -> None:
        self.requests: list[list[dict[str, Any]]] = []
        self.times: list[float] = []
        self.under_way: dict[str, int] = {}
        self.most_under_way = 0
        self._stop = stop
        self._fails = fails

    async def post_operations(self, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Applied, all of them, unless the test makes it fail."""
        venue = operations[0]["venue"]
        self.times.append(time.monotonic())
        self.requests.append(list(operations))
        self.under_way[venue] = self.under_way.get(venue, 0) + 1
        self.most_under_way = max(self.most_under_way, self.under_way[venue])
        await asyncio.sleep(0)
        if self._stop:
            self._stop.set()
        await asyncio.sleep(0)
        self.under_way[venue] -= 1
        if self._fails:
            raise Problem(500, title="broken")
        return [{"outcome": "applied"} for _ in operations]


def operation(number: int, venue: str = "a", after_s: float = 0) -> TimedOperation:
    return TimedOperation(
        ORIGIN + timedelta(seconds=after_s), {"op": "book", "venue": venue, "number": number}
    )


def numbers(requests: list[list[dict[str, Any]]], venue: str = "a") -> list[int]:
    return [one["number"] for request in requests for one in request if one["venue"] == venue]


def test_load_keeps_the_order_of_each_venue():
    """Everything arrives, in order within a venue, one request of a venue at a time, none with more
    than a batch.
    """

    async def scenario():
        server, tally = Server(), Tally()
        operations = [operation(number, "ab"[number % 3 == 0]) for number in range(4 * BATCH + 7)]
        await OperationSender(server, tally, asyncio.Event()).load(operations)
        for venue in "ab":
            assert numbers(server.requests, venue) == [
                one.operation["number"] for one in operations if one.operation["venue"] == venue
            ]
        assert max(map(len, server.requests)) == BATCH
        assert all(len({one["venue"] for one in request}) == 1 for request in server.requests)
        assert server.most_under_way == 1
        assert tally.sent == tally.applied.total() == len(operations)

    asyncio.run(scenario())


def test_load_ends_when_told_to_and_finishes_what_is_under_way():
    """After the stop nothing more is sent; what had been sent is answered and counted."""

    async def scenario():
        stop = asyncio.Event()
        server, tally = Server(stop=stop), Tally()
        await OperationSender(server, tally, stop).load(
            operation(number) for number in range(10 * BATCH)
        )
        assert len(server.requests) < 4
        assert tally.unanswered == 0

    asyncio.run(scenario())


def test_failure_ends_the_load():
    """What the client raises is raised, and nothing more is sent."""

    async def scenario():
        server = Server(fails=True)
        with pytest.raises(Problem, match="broken"):
            await OperationSender(server, Tally(), asyncio.Event()).load(
                operation(number) for number in range(10 * BATCH)
            )
        assert len(server.requests) < 4

    asyncio.run(scenario())


def test_failure_of_the_last_request_is_raised():
    """Also the last request's failure is not swallowed."""

    async def scenario():
        with pytest.raises(Problem, match="broken"):
            await OperationSender(Server(fails=True), Tally(), asyncio.Event()).load([operation(1)])

    asyncio.run(scenario())


def test_paced_operations_are_not_early():
    """Each is sent when it is due or later, in order."""

    async def scenario():
        server = Server()
        started = time.monotonic()
        await OperationSender(server, Tally(), asyncio.Event()).pace(
            [operation(n, after_s=n * 0.12) for n in range(4)], origin=ORIGIN
        )
        assert numbers(server.requests) == [0, 1, 2, 3]
        for request, at in zip(server.requests, server.times, strict=True):
            assert at - started >= request[-1]["number"] * 0.12

    asyncio.run(scenario())


def test_what_comes_due_together_goes_together():
    """Dense traffic is grouped: requests are at least so far apart."""

    async def scenario():
        server = Server()
        await OperationSender(server, Tally(), asyncio.Event()).pace(
            [operation(n, after_s=n * 0.002) for n in range(150)], origin=ORIGIN
        )
        assert numbers(server.requests) == list(range(150))
        assert len(server.times) - 1 <= (server.times[-1] - server.times[0]) / GROUP_S + 0.5
        assert min(later - earlier for earlier, later in pairwise(server.times)) >= GROUP_S / 2

    asyncio.run(scenario())


def test_speed_compresses_time():
    """At a speed of a day a second, two days of the data take two seconds and not two days."""

    async def scenario():
        server = Server()
        operations = [operation(day, after_s=day * 86_400) for day in range(3)]
        started = time.monotonic()
        await OperationSender(server, Tally(), asyncio.Event()).pace(
            operations, origin=ORIGIN, speed=86_400 * 10
        )
        assert numbers(server.requests) == [0, 1, 2]
        assert server.times[-1] - started >= 0.2

    asyncio.run(scenario())


def test_duration_ends_endless_traffic():
    """Traffic without an end stops after its duration, without what is due later."""

    async def scenario():
        server = Server()
        endless = (operation(number, after_s=number * 0.01) for number in iter(range(10**9)))
        await OperationSender(server, Tally(), asyncio.Event()).pace(
            endless, origin=ORIGIN, duration_s=0.3
        )
        assert 1 <= len(numbers(server.requests)) <= 31

    asyncio.run(scenario())


def test_duration_is_kept_when_nothing_is_due():
    """A run of a given duration lasts that long, also when the next operation is due after it."""

    async def scenario():
        server = Server()
        started = time.monotonic()
        await OperationSender(server, Tally(), asyncio.Event()).pace(
            [operation(1, after_s=3600)], origin=ORIGIN, duration_s=0.2
        )
        assert server.requests == []
        assert time.monotonic() - started >= 0.2

    asyncio.run(scenario())


def test_stop_ends_the_wait():
    """Asked to stop while it waits for the next hour, it ends at once."""

    async def scenario():
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, stop.set)
        async with asyncio.timeout(30):
            await OperationSender(Server(), Tally(), stop).pace(
                [operation(1, after_s=3600)], origin=ORIGIN
            )

    asyncio.run(scenario())


def test_falling_behind_is_counted_and_nothing_is_left_out():
    """What was due before the start is sent, and the tally says how late."""

    async def scenario():
        server, tally = Server(), Tally()
        await OperationSender(server, tally, asyncio.Event()).pace(
            [operation(1, after_s=-60), operation(2)], origin=ORIGIN
        )
        assert numbers(server.requests) == [1, 2]
        assert tally.behind_s >= 60

    asyncio.run(scenario())
