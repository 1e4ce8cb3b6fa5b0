"""Sender of webhooks, signed as Standard Webhooks say, that stands in for another system's."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import httpx2

from rtdash.client.api_errors import Unreachable, problem_of
from rtdash.client.environment import open_client
from rtdash.protocol.webhook_signatures import ID, SIGNATURE, TIMESTAMP, sign
from rtdash.simulate.pms import ReservationStates, event_id, event_of
from rtdash.simulate.script import TimedOperation
from rtdash.simulate.tally import Tally

TRIES = 6
"""Deliveries of one event, with pauses that double from `FIRST_PAUSE_S` on."""

FIRST_PAUSE_S = 0.5


class WebhookSender:
    """Sender of events to one URL, in order, one at a time; counts go to `tally`.

    Raises Unreachable or Problem when an event can't be delivered, NotAllowed when it is refused.
    """

    def __init__(
        self, url: str, key: bytes, *, states: ReservationStates, base_url: str, thin: bool,
        tally: Tally, stop: asyncio.Event, clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._url = url
        self._key = key
        self._states = states
        self._base_url = base_url
        self._thin = thin
        self._tally = tally
        self._stop = stop
        self._clock = clock

    async def send_events(
        self, operations: Iterable[TimedOperation], *, origin: datetime, duration_s: float
    ) -> None:
        """Send the event of each operation when it is due, until the end or the stop."""
        started = time.monotonic()
        async with open_client(httpx2.AsyncClient, self._url, timeout=10) as client:
            for timed in operations:
                due_s = (timed.due - origin).total_seconds()
                await self._pause(started + min(due_s, duration_s) - time.monotonic())
                if due_s >= duration_s or self._stop.is_set():
                    return
                state = self._states.apply(timed)
                self._tally.sent += 1
                body = event_of(state, self._base_url, thin=self._thin)
                answer = await self._deliver(client, event_id(state, origin), body)
                self._count(timed.operation, answer)

    async def _deliver(
        self, client: httpx2.AsyncClient, delivery_id: str, body: bytes
    ) -> httpx2.Response:
        for attempt in range(TRIES):
            timestamp = int(self._clock())
            headers = {
                "content-type": "application/json",
                ID: delivery_id,
                TIMESTAMP: str(timestamp),
                SIGNATURE: sign(self._key, delivery_id, timestamp, body),
            }
            try:
                answer = await client.post(self._url, content=body, headers=headers)
            except httpx2.TransportError as error:
                failure: Exception = Unreachable(self._url, str(error) or type(error).__name__)
            else:
                if answer.is_success:
                    return answer
                failure = problem_of(answer.status_code, answer.content)
                if answer.status_code < 500 and answer.status_code != 429:
                    raise failure
            self._tally.retries += 1
            if attempt + 1 < TRIES:
                await self._pause(FIRST_PAUSE_S * 2**attempt)
        raise failure

    def _count(self, operation: Mapping[str, Any], answer: httpx2.Response) -> None:
        """Count an event that was taken; rtdash says of how many records it has refused."""
        if _refused(answer):
            self._tally.refuse({"type": "record", "detail": "rtdash hooks says why"})
            return
        self._tally.applied[operation["venue"]] += 1
        self._tally.booked[operation["venue"]] += operation["op"] == "book"

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._stop.wait()


def _refused(answer: httpx2.Response) -> bool:
    """Whether the receiver is an rtdash that refused what it was sent."""
    try:
        counts = answer.json()
    except ValueError:
        return False
    return isinstance(counts, dict) and bool(counts.get("refused"))
