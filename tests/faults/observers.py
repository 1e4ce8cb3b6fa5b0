"""Clients that write and that watch while something breaks: each keeps a record, and the records
are compared in the end.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from rtdash.client import ConnectionChange, State, Timing, connect
from rtdash.client.api import Api
from rtdash.protocol.channels import Stream

CHANNEL = "restaurant_reservations"
STREAM = Stream("harbour-grill", CHANNEL)
QUICK = replace(Timing(), first_delay_s=0.1, longest_delay_s=0.5)
"""Comes back quickly; gives a silent server the time of every client, as a busy machine may stand
still for some seconds.
"""
PATIENCE_S = 60.0


class Writer:
    """Sends operations at a rate, each again with its own id until it is answered. `acknowledged`
    has the ids in the order of answers.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        per_second: float,
        rng: random.Random,
        guests: int = 2,
        name: str = "Ann Guest",
    ) -> None:
        self.acknowledged: list[str] = []
        self.outcomes: Counter[str] = Counter()
        self._url = url
        self._token = token
        self._per_second = per_second
        self._rng = rng
        self._content = {
            "kind": "restaurant",
            "customerName": name,
            "guests": guests,
            "source": "web",
        }
        self._sent = 0
        self._booked: list[str] = []
        self._prefix = f"{rng.getrandbits(48):x}"

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Operations go out until the block is left; then what is under way is waited for."""
        stop = asyncio.Event()
        task = asyncio.create_task(self._run(stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(task, 2 * PATIENCE_S)

    async def write(self, number: int) -> None:
        """So many operations, as one request."""
        async with Api(self._url, self._token) as api:
            await self._post(api, self._operations(number))

    async def _run(self, stop: asyncio.Event) -> None:
        size = max(1, round(self._per_second / 20))
        due = time.monotonic()
        async with (
            Api(self._url, self._token, connections=16, retry_for_s=900) as api,
            asyncio.TaskGroup() as group,
        ):
            while not stop.is_set():
                group.create_task(self._post(api, self._operations(size)))
                due += size / self._per_second
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), max(0.0, due - time.monotonic()))

    async def _post(self, api: Api, operations: list[dict[str, Any]]) -> None:
        for outcome in await api.post_operations(operations):
            self.outcomes[outcome["outcome"]] += 1
            assert outcome["outcome"] != "refused", outcome
            self.acknowledged.append(outcome["operationId"])
            self._booked.append(outcome["reservationId"])

    def _operations(self, number: int) -> list[dict[str, Any]]:
        return [self._operation() for _ in range(number)]

    def _operation(self) -> dict[str, Any]:
        self._sent += 1
        own_id = f"{self._prefix}-{self._sent}"
        if self._booked and self._rng.random() < 0.3:
            reservation = self._rng.choice(self._booked)
            return {
                "operationId": own_id,
                "op": "charge",
                "kind": "restaurant",
                "reservationId": reservation,
                "amount": 1,
                "category": "drinks",
            }
        date = datetime.now(UTC) + timedelta(days=self._rng.randrange(2, 40))
        return {"operationId": own_id, "op": "book", **self._content, "date": date.isoformat()}


@dataclass
class Subscriber:
    """Subscriber by rtdash.client: it records what comes and what becomes of the connection."""

    number: int
    seqs: list[int] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    changes: list[tuple[float, ConnectionChange]] = field(default_factory=list)
    resets: int = 0
    duplicates_dropped: int = 0
    local_ports: set[int] = field(default_factory=set)

    async def follow(
        self, url: str, token: str, *, timing: Timing = QUICK, batch_ms: int | None = None
    ) -> None:
        """Until cancelled."""
        async with connect(
            url,
            [CHANNEL],
            token=token,
            timing=timing,
            batch_ms=batch_ms,
            rng=random.Random(self.number),
        ) as live:
            async for item in live:
                self._write_down(item)
                self.duplicates_dropped = live.duplicates

    def _write_down(self, item: Any) -> None:
        if isinstance(item, ConnectionChange):
            self.changes.append((time.monotonic(), item))
        elif item["type"] == "reset":
            self.resets += 1
        elif item.get("channel") == CHANNEL:
            self.seqs.append(item["seq"])
            self.operations.append(item["operationId"])

    @property
    def state(self) -> State | None:
        """Where its connection stands."""
        return self.changes[-1][1].state if self.changes else None

    def attempts(self) -> list[int]:
        """How many attempts each return to the server took, beginning with the first connection."""
        taken, attempts = [], 1
        for _, change in self.changes:
            if change.state in {State.LIVE, State.REPLAYING}:
                if attempts:
                    taken.append(attempts)
                attempts = 0
            elif change.state is State.CONNECTING and change.retry_in_s is not None:
                attempts += 1
        return taken

    def returns(self) -> list[tuple[float, float]]:
        """For each break: when it was noticed, and when the connection was live again."""
        found, broken_at = [], None
        for at, change in self.changes:
            if (
                change.state is State.CONNECTING
                and change.retry_in_s is not None
                and broken_at is None
            ):
                broken_at = at
            elif change.state is State.LIVE and broken_at is not None:
                found.append((broken_at, at))
                broken_at = None
        return found


@dataclass
class BareSubscriber:
    """Subscriber that keeps nothing but a session id, and reads each connection to its end."""

    seqs: list[int] = field(default_factory=list)
    resets: int = 0
    losses: int = 0
    session: str | None = None

    async def follow(self, url: str, token: str) -> None:
        """Until cancelled."""
        address = url.replace("http", "ws", 1) + f"/ws?token={token}"
        while True:
            with suppress(OSError, TimeoutError, InvalidHandshake, ConnectionClosed, EOFError):
                query = f"&session={self.session}" if self.session else ""
                async with open_socket(
                    address + query, proxy=None, ping_interval=None, open_timeout=5
                ) as socket:
                    if self.session is None:
                        await socket.send(
                            json.dumps({"action": "subscribe", "channels": [CHANNEL]})
                        )
                    async for text in socket:
                        self._write_down(json.loads(text))
            await asyncio.sleep(0.2)

    def _write_down(self, body: dict[str, Any]) -> None:
        if body.get("status") == "subscribed":
            self.session = body["session"]
        elif body.get("status") == "error":
            self.losses += body["code"] == "session_unknown"
        elif body.get("type") == "reset":
            self.resets += 1
        elif "seq" in body:
            self.seqs.append(body["seq"])


@asynccontextmanager
async def following(
    subscribers: "list[Subscriber]", url: str, token: str, *, timing: Timing = QUICK
) -> AsyncIterator[None]:
    """All of them follow from before the block until behind it; every third one asks for
    batches.
    """
    tasks = [
        asyncio.create_task(
            subscriber.follow(
                url, token, timing=timing, batch_ms=20 if subscriber.number % 3 == 2 else None
            )
        )
        for subscriber in subscribers
    ]
    try:
        await until(
            lambda: all(subscriber.state is State.LIVE for subscriber in subscribers), tasks
        )
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(
    is_so: Any, tasks: "Sequence[asyncio.Task[None]]" = (), *, patience_s: float = PATIENCE_S
) -> None:
    """Wait for something that comes to pass by itself. A task that has died raises what it died
    of.
    """
    async with asyncio.timeout(patience_s):
        while not is_so():
            for task in tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.02)
