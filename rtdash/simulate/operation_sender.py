"""Sender of operations: as fast as the server takes them, or each when it is due."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from rtdash.client.api import Api
from rtdash.simulate.script import TimedOperation
from rtdash.simulate.tally import Tally

BATCH = 500
"""Operations a request at most, of the 1,000 that the server takes: an answer holds a reservation
for each."""

GROUP_S = 0.05
"""Live requests start at least so far apart; what comes due meanwhile goes together. 20 a second
stay below a user's limit of 50."""


class OperationSender:
    """Sender that ends with its operations or when `stop` is set; it finishes its request either
    way.

    Raises what `Api` raises.
    """

    def __init__(self, api: Api, tally: Tally, stop: asyncio.Event) -> None:
        self._api = api
        self._tally = tally
        self._stop = stop

    async def load(self, operations: Iterable[TimedOperation]) -> None:
        """Send as fast as the server takes them.

        Each venue has one request at a time, so that its operations keep their order.
        """
        under_way: dict[str, asyncio.Task[None]] = {}
        try:
            for venue, batch in _batches(operations):
                if venue in under_way:
                    await under_way[venue]
                if self._stop.is_set():
                    break
                under_way[venue] = asyncio.create_task(self._post(batch))
                await asyncio.sleep(0)  # lets it start before the next batch is made
        except BaseException:
            for request in under_way.values():
                request.cancel()
            raise
        finally:
            ends = await asyncio.gather(*under_way.values(), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def pace(
        self,
        operations: Iterable[TimedOperation],
        *,
        origin: datetime,
        speed: float = 1,
        duration_s: float = float("inf"),
    ) -> None:
        """Send each operation when it is due: `origin` is now, time goes `speed` times as fast.

        Ends after `duration_s` of real time.
        """
        started = time.monotonic()
        coming = _DueQueue(operations, origin=origin, speed=speed)
        while not self._stop.is_set() and (due_s := coming.due_s()) is not None:
            if due_s > duration_s:
                await self._pause(started + duration_s)
                return
            await self._pause(started + due_s)
            batch = coming.pop_due(time.monotonic() - started)
            if batch and not self._stop.is_set():
                sent_at = time.monotonic()
                self._tally.behind_s = max(self._tally.behind_s, sent_at - started - due_s)
                await self._post(batch)
                await self._pause(sent_at + GROUP_S)
            if time.monotonic() - started >= duration_s:
                return

    async def _post(self, batch: list[Mapping[str, Any]]) -> None:
        self._tally.sent += len(batch)
        self._tally.count(batch, await self._api.post_operations(batch))

    async def _pause(self, until: float) -> None:
        """Wait until that instant of the monotonic clock, or the stop."""
        remaining_s = until - time.monotonic()
        if remaining_s > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(remaining_s):
                    await self._stop.wait()


class _DueQueue:
    """Queue of operations in the order in which they are due, with a look at the next."""

    def __init__(
        self, operations: Iterable[TimedOperation], *, origin: datetime, speed: float
    ) -> None:
        self._source = iter(operations)
        self._origin = origin
        self._speed = speed
        self._next = next(self._source, None)

    def due_s(self) -> float | None:
        """Return seconds of real time from the start to the next; None when there is none."""
        return (self._next.due - self._origin).total_seconds() / self._speed if self._next else None

    def pop_due(self, until_s: float) -> list[Mapping[str, Any]]:
        """Pop the operations that are due by then, `BATCH` at most."""
        taken: list[Mapping[str, Any]] = []
        while self._next and (self.due_s() or 0) <= until_s and len(taken) < BATCH:
            taken.append(self._next.operation)
            self._next = next(self._source, None)
        return taken


def _batches(operations: Iterable[TimedOperation]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Yield full batches of one venue each as they fill up, then the rest."""
    filling: dict[str, list[Mapping[str, Any]]] = {}
    for timed in operations:
        venue = timed.operation["venue"]
        batch = filling.setdefault(venue, [])
        batch.append(timed.operation)
        if len(batch) == BATCH:
            yield venue, filling.pop(venue)
    yield from filling.items()
