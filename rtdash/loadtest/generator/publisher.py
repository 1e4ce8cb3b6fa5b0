"""Publishing on a fixed schedule: each operation has its instant, and its latency counts from
there.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from rtdash.client.api import Api
from rtdash.client.api_errors import Problem, Unreachable
from rtdash.domain.venues import VenueKind
from rtdash.loadtest.generator.account import Acknowledged
from rtdash.loadtest.generator.booking_model import BookingModel
from rtdash.loadtest.generator.operation_source import OperationSource
from rtdash.loadtest.plan.histogram import Histogram
from rtdash.protocol.channels import Stream, reservations_channel

_UNDER_WAY = 64
"""Requests at once; beyond, the schedule is late, and the latency says so."""
_NO_OUTCOME = "answered with what is no outcome of the protocol"
_REPEAT_EVERY = 50
"""Acknowledged operations from one that is sent again to the next."""
_RACE_EVERY = 50
"""Operations from one that is sent twice at once to the next."""
_PREFERRED = ("applied", "repeated")

JsonObject = dict[str, Any]
Result = TypeVar("Result")


class Publisher:
    """Publisher of the operations of one phase, on a fixed schedule."""

    def __init__(
        self, api: Api, operations: OperationSource, zones: Mapping[str, str] | None = None
    ) -> None:
        self.acknowledged: list[Acknowledged] = []
        self.heads: dict[Stream, int] = {}
        """The highest seq that was acknowledged, by stream."""
        self.model = BookingModel(zones)
        self.repeats = 0
        """Operations that were sent again and answered as repeated."""
        self.latency = Histogram()
        self.failures: Counter[str] = Counter()
        self.offered = 0
        self._api = api
        self._operations = operations
        self._room = asyncio.Semaphore(_UNDER_WAY)
        self._under_way: set[asyncio.Task[Any]] = set()

    def check_announcements(self) -> None:
        """Check that what must be announced was, once the model has seen the logs."""
        for kind, operations in self._operations.announced.items():
            self.model.check_announcements(kind, operations)
        self.model.check_upcoming()

    async def publish(self, duration_s: float, rate: float, batch: int, *, late_s: float) -> None:
        """Publish at that rate in requests of `batch` operations; the last may still be under way
        at the return.

        What a server that answers too slowly has left no room for, `late_s` after the duration, is
        given up, and counts as a failure.
        """
        began = time.monotonic()
        instants = list(_instants(began, rate, batch, duration_s))
        begun = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(duration_s + late_s):
                for due in instants:
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                    await self._room.acquire()
                    self._begin(
                        self._send(
                            [self._operations.next_operation(due) for _ in range(batch)], due
                        )
                    )
                    begun += 1
        if begun < len(instants):
            self.failures["not sent in time: too many requests were under way"] += (
                len(instants) - begun
            ) * batch
        await asyncio.sleep(max(0.0, began + duration_s - time.monotonic()))

    async def drained(self, timeout_s: float) -> None:
        """Wait for all requests under way; those not answered in time are given up, and count as
        failures.
        """
        if self._under_way:
            _, unanswered = await asyncio.wait(self._under_way, timeout=timeout_s)
            for task in unanswered:
                task.cancel()
            await asyncio.gather(*unanswered, return_exceptions=True)

    def _begin(
        self, work: Coroutine[Any, Any, Result], *, is_extra: bool = False
    ) -> asyncio.Task[Result]:
        """Run it as a task; what is on the schedule gives back its place under way at its end."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        if not is_extra:
            task.add_done_callback(lambda _: self._room.release())
        return task

    async def _send(self, operations: list[JsonObject], due: float) -> None:
        before, self.offered = self.offered, self.offered + len(operations)
        twin = None
        if before // _RACE_EVERY != self.offered // _RACE_EVERY and not self._room.locked():
            twin = self._begin(self._post_twin(operations[0]), is_extra=True)
        try:
            outcomes = await self._api.post_operations(operations)
        except (Unreachable, Problem) as failure:
            self.failures[str(failure)] += len(operations)
            return
        except asyncio.CancelledError:
            self.failures["not answered in time"] += len(operations)
            raise
        now = time.monotonic()
        if twin is not None:
            outcomes = [self._judge_race(operations[0], outcomes[0], await twin), *outcomes[1:]]
        for operation, outcome in zip(operations, outcomes, strict=True):
            try:
                self._take(operation, outcome, now - due)
            except (KeyError, TypeError, AttributeError):
                self.failures[_NO_OUTCOME] += 1

    async def _post_twin(self, operation: JsonObject) -> JsonObject | None:
        """Send an operation that is being sent just now; return its outcome, None without one."""
        with suppress(Unreachable, Problem):
            (outcome,) = await self._api.post_operations([operation])
            return outcome
        return None

    def _judge_race(self, operation: JsonObject, first: Any, second: Any) -> Any:
        """Return the outcome that counts, of an operation that was sent twice at once: it may be
        applied once only, and the other answer is about the same reservation.
        """
        both = [one for one in (first, second) if isinstance(one, dict)]
        kinds = [one.get("outcome") for one in both]
        if kinds == ["applied", "applied"] or (
            set(kinds) == set(_PREFERRED)
            and both[0].get("reservationId") != both[1].get("reservationId")
        ):
            self.model.violate(
                f"operation {operation['operationId']} was sent twice at once, and answered"
                f" {kinds[0]!r} for reservation {both[0].get('reservationId')} and {kinds[1]!r} for"
                f" {both[1].get('reservationId')}"
            )
        elif set(kinds) == set(_PREFERRED):
            self.repeats += 1
        return second if kinds[1:] == ["applied"] and kinds[:1] != ["applied"] else first

    def _take(self, operation: JsonObject, outcome: JsonObject, latency_s: float) -> None:
        if outcome["outcome"] == "refused":
            self.failures[str(outcome.get("problem", {}).get("title", "refused"))] += 1
            return
        stream = Stream(operation["venue"], reservations_channel(VenueKind(operation["kind"])))
        seq, reservation_id = outcome["seq"], outcome["reservationId"]
        self.acknowledged.append(Acknowledged(operation["operationId"], stream, seq))
        self.heads[stream] = max(self.heads.get(stream, 0), seq)
        self.latency.record(latency_s)
        self.model.acknowledge(operation, reservation_id)
        self._operations.applied(operation, reservation_id)
        if len(self.acknowledged) % _REPEAT_EVERY == 1 and not self._room.locked():
            # Only where there is room: it must not delay what is on the schedule.
            self._begin(self._repeat(operation, outcome), is_extra=True)

    async def _repeat(self, operation: JsonObject, first: JsonObject) -> None:
        """Send an acknowledged operation again: it must be answered as repeated, with the same
        reservation, and make no event (which the ledger would find).
        """
        try:
            (outcome,) = await self._api.post_operations([operation])
        except (Unreachable, Problem):
            return  # judged where it was sent first
        same = outcome.get("reservationId") == first["reservationId"]
        if outcome.get("outcome") == "repeated" and same:
            self.repeats += 1
            return
        self.model.violate(
            f"operation {operation['operationId']} was sent again and answered"
            f" {outcome.get('outcome')!r} for reservation {outcome.get('reservationId')}"
        )


def _instants(began: float, rate: float, batch: int, duration_s: float) -> Iterator[float]:
    """Yield the instant of each request, evenly over the duration."""
    if rate <= 0:
        return
    for number in range(int(duration_s * rate / batch)):
        yield began + number * batch / rate
