"""Queue of operations to apply: requests take turns in batches, and one batch is decided while the
next one gathers.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from rtdash.bookings.deciding import apply_apart, apply_batch
from rtdash.bookings.outcomes import Applied, Outcome
from rtdash.domain.instants import Clock
from rtdash.domain.reservations import Operation
from rtdash.domain.venues import Venue
from rtdash.store.database import Connection, Database, StoreUnavailable
from rtdash.store.errors import RunAgain, is_trouble
from rtdash.store.event_log import StoredEvent

BATCH_LIMIT = 100
"""Operations in one transaction: enough to share its fsync, few enough that no request waits long
for it.
"""

SHARE = 25
"""Operations of one request in a batch while others wait, so that a bulk load holds up no other
request.
"""

QUEUE_LIMIT = 5_000
"""Operations that may wait; beyond, StoreUnavailable."""

OnCommitted = Callable[[Sequence[StoredEvent], frozenset[str]], None]
"""Hears, on the event loop and in the order of commit, of the events of a transaction and the ids
of the venues that it touched."""


@dataclass(slots=True, eq=False)
class _Request:
    operations: Sequence[Operation]
    future: asyncio.Future[list[Outcome]]
    is_atomic: bool = False
    taken: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    has_failed: bool = False

    @property
    def left(self) -> int:
        return len(self.operations) - self.taken


@dataclass(frozen=True, slots=True)
class _Share:
    """A run of operations of one request, in one batch."""

    request: _Request
    operations: Sequence[Operation]


@dataclass(slots=True)
class _Batch:
    """Shares of one transaction. `is_apart`: it was undone for a fault, each is applied apart."""

    shares: list[_Share] = field(default_factory=list)
    is_apart: bool = False

    @property
    def operations(self) -> list[Operation]:
        return [operation for share in self.shares for operation in share.operations]

    @property
    def is_atomic(self) -> bool:
        return bool(self.shares) and self.shares[0].request.is_atomic  # it stands alone


class Bookings:
    """Applies operations durably. Whether the caller may ask for them is checked before.

    `venues` are those that operations may name; `on_committed` is called before the outcomes leave.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        on_committed: OnCommitted,
        *,
        venues: Iterable[Venue] = (),
    ) -> None:
        self.venues = {venue.id: venue for venue in venues}
        self._database = database
        self._clock = clock
        self._on_committed = on_committed
        self._loop = asyncio.get_running_loop()
        self._lock = Lock()
        self._requests: deque[_Request] = deque()
        self._waiting = 0
        self._is_announced = False
        self._is_closed = False
        self._open: set[asyncio.Future[list[Outcome]]] = set()

    async def apply(
        self, operations: Sequence[Operation], *, is_atomic: bool = False
    ) -> list[Outcome]:
        """Apply operations of known venues, those of an atomic list all or none, in one
        transaction. Returns an outcome each, in order, once all of them are on disk or refused.

        Raises StoreUnavailable (some may be stored) and OutcomeUnknown: repeat with the same ids. A
        fault met by one operation (a bug, never bad input) is raised to its own caller only; its
        other operations are done.
        """
        if not operations:
            return []
        request = _Request(operations, self._loop.create_future(), is_atomic=is_atomic)
        with self._lock:
            if self._is_closed:
                raise StoreUnavailable("the server is closing", reason="closed")
            if self._waiting and self._waiting + len(operations) > QUEUE_LIMIT:
                raise StoreUnavailable(
                    f"{self._waiting} operations wait already", reason="queue_full"
                )
            self._requests.append(request)
            self._waiting += len(operations)
        self._open.add(request.future)
        request.future.add_done_callback(self._open.discard)
        self._announce()
        return await request.future

    async def finish(self) -> None:
        """Refuse new operations and apply those that wait."""
        with self._lock:
            self._is_closed = True
        if self._open:
            await asyncio.wait(self._open)

    def _announce(self) -> None:
        """Send a batch to the writer if requests wait and none is on its way. It takes its requests
        when it runs, so all that arrive until then are in it.
        """
        with self._lock:
            if self._is_announced or not self._requests:
                return
            self._is_announced = True
        batch = _Batch()
        try:
            future = self._database.submit(
                lambda conn: self._run(conn, batch), on_failed=lambda: _stop(batch.shares)
            )
        except StoreUnavailable as fault:
            self._fail([], fault)
        else:
            future.add_done_callback(lambda done: self._settle(batch.shares, done))

    def _run(self, conn: Connection, batch: _Batch) -> Applied:
        """Apply in the writer's thread. When it is run again, it has the shares of the first time.

        Nothing guards the operations from each other's faults (bugs, never bad input) until there
        is one: before it changes a page, SQLite copies it for a savepoint.
        """
        if not batch.shares:
            batch.shares = self._take()
        operations, is_atomic = batch.operations, batch.is_atomic
        if batch.is_apart:
            return apply_apart(conn, operations, self.venues, self._clock)
        try:
            return apply_batch(conn, operations, self.venues, self._clock, is_atomic=is_atomic)
        except Exception as error:
            if is_atomic or len(operations) < 2 or is_trouble(error):
                raise
            batch.is_apart = True
            raise RunAgain from error

    def _take(self) -> list[_Share]:
        shares: list[_Share] = []
        room = BATCH_LIMIT
        with self._lock:
            self._is_announced = False
            while self._requests and room:
                if self._requests[0].is_atomic and shares:
                    break  # what stands together is a batch of its own
                request = self._requests.popleft()
                if request.has_failed or request.future.done():
                    self._waiting -= request.left
                    continue
                size = min(room, request.left, SHARE if self._requests else room)
                if request.is_atomic:
                    room = size = request.left
                shares.append(
                    _Share(request, request.operations[request.taken : request.taken + size])
                )
                request.taken += size
                self._waiting -= size
                room -= size
                if request.left:
                    self._requests.append(request)
            is_more = bool(self._requests)
        if is_more:  # otherwise the next one announces itself
            self._loop.call_soon_threadsafe(self._announce)
        return shares

    def _settle(self, shares: Sequence[_Share], done: asyncio.Future[Applied]) -> None:
        """Announce the events, then answer the callers; on the event loop, in the order of commit."""
        error = done.exception()
        if error is not None:
            self._fail(shares, error)
            return
        applied = done.result()
        try:
            if applied.events:
                self._on_committed(applied.events, applied.venue_ids)
        finally:
            outcomes = iter(applied.outcomes)
            for share in shares:
                _hand_out(share.request, [next(outcomes) for _ in share.operations])

    def _fail(self, shares: Sequence[_Share], error: BaseException) -> None:
        """Raise the error to the callers: nothing of these shares is known to be stored. Without
        shares (the batch never ran), to all that wait.
        """
        failed = [share.request for share in shares]
        if not shares:
            with self._lock:
                failed = list(self._requests)
                self._requests.clear()
                self._waiting = 0
                self._is_announced = False
        for request in failed:
            if not request.future.done():
                request.future.set_exception(error)


def _stop(shares: Sequence[_Share]) -> None:
    """Mark the requests of a failed batch: none of their later operations may be applied before the
    failed ones are repeated. In the writer's thread.
    """
    for share in shares:
        share.request.has_failed = True


def _hand_out(request: _Request, outcomes: Sequence[Outcome | Exception]) -> None:
    if request.future.done():
        return
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            request.future.set_exception(outcome)
            return
        request.outcomes.append(outcome)
    if len(request.outcomes) == len(request.operations):
        request.future.set_result(request.outcomes)
