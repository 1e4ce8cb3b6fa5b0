"""Schedule of the venues' figures: when they are computed, and to which clients they go.

State messages never travel through the broker: each process computes those that its own clients
follow (guide: architecture, "State messages never travel through the broker").
"""

import asyncio
import contextlib
import heapq
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from rtdash.dashboard.snapshots import Snapshot, make_snapshot, read_figures
from rtdash.domain.instants import Clock
from rtdash.domain.venues import Venue, next_turn
from rtdash.hub import Hub
from rtdash.protocol.channels import Stream, stats_channel
from rtdash.store.database import Database, StoreUnavailable

LEAST_INTERVAL_S = 0.25
"""A followed venue is computed at most this often, however much changes."""
REFRESH_S = 60.0
"""A followed venue is computed at least this often: trends move with the clock alone."""
EXPECTED_S = 5.0
"""Time in which a client that asked for current states joins the stream; until then the venue
counts as followed.
"""


@dataclass(slots=True)
class _VenueCache:
    """State of a venue's figures. `change_count` counts its changes; `included` is the count that
    the snapshot includes; `due_at` its heap entry.
    """

    change_count: int = 0
    included: int = -1
    computed_at: float = float("-inf")
    turns_at: datetime | None = None
    expected_until: float = float("-inf")
    is_followed: bool = False
    due_at: float = float("inf")
    snapshot: Snapshot | None = None
    running: "asyncio.Task[Snapshot] | None" = None


class Dashboard:
    """Snapshots of all venues, kept fresh while a client follows or asks."""

    def __init__(
        self, database: Database, hub: Hub, venues: Mapping[str, Venue], clock: Clock
    ) -> None:
        self._database = database
        self._hub = hub
        self._venues = venues
        self._clock = clock
        self._caches: defaultdict[str, _VenueCache] = defaultdict(_VenueCache)
        self.on_dirty: Callable[[str], None] = _ignore
        """Called for each venue that has changed."""
        self._due: list[tuple[float, str]] = []
        self._wake = asyncio.Event()

    def mark_dirty(self, venue_id: str) -> None:
        """Note that a change of the venue is committed. A venue without a cache here is passed
        over.
        """
        self.on_dirty(venue_id)
        cache = self._caches.get(venue_id)
        if cache is None:
            return
        cache.change_count += 1
        if cache.is_followed:
            self._schedule(venue_id, cache)

    def change_count(self, venue_id: str) -> int:
        """Return how many changes of the venue are known here. While the number stays the same,
        what was read is still true.
        """
        return self._caches[venue_id].change_count

    async def snapshot(self, venue_id: str, *, at_least: int | None = None) -> Snapshot:
        """Return the venue's figures. They include every change up to the count `at_least` (None:
        all that are known here), and while later ones wait they are no older than a quarter of a
        second.

        Raises StoreUnavailable.
        """
        cache = self._caches[venue_id]
        needed = cache.change_count if at_least is None else at_least
        while (current := self.fresh(venue_id, needed)) is None:
            if cache.running is None:
                cache.running = asyncio.create_task(self._compute(self._venues[venue_id], cache))
            await asyncio.shield(cache.running)
        return current

    def fresh(self, venue_id: str, at_least: int) -> Snapshot | None:
        """Return the snapshot at hand, if it may be shown; None when it must be computed first."""
        cache = self._caches[venue_id]
        age_s = time.monotonic() - cache.computed_at
        if cache.included < at_least or age_s >= (
            LEAST_INTERVAL_S if cache.included < cache.change_count else REFRESH_S
        ):
            return None
        if cache.turns_at is None or self._clock() >= cache.turns_at:
            return None
        return cache.snapshot

    async def current_states(self, stream: Stream) -> tuple[bytes, ...]:
        """Return the state messages that a new follower of a stats stream gets first. From now on
        the venue is kept fresh.

        Raises StoreUnavailable.
        """
        cache = self._caches[stream.venue]
        cache.expected_until = time.monotonic() + EXPECTED_S
        snapshot = await self.snapshot(stream.venue)
        if not cache.is_followed:
            cache.is_followed = True
            self._schedule(stream.venue, cache)
        return tuple(body for _, body in snapshot.states)

    def latest_states(self, stream: Stream) -> tuple[bytes, ...]:
        """Return the states of `current_states`, or newer ones. Call it in the step that joins the
        stream, so that no state falls between.
        """
        snapshot = self._caches[stream.venue].snapshot
        return tuple(body for _, body in snapshot.states) if snapshot else ()

    async def keep_fresh(self) -> None:
        """Keep followed venues fresh, until cancelled."""
        while True:
            self._wake.clear()
            wait_s = await self._compute_due()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()

    async def cancel_computations(self) -> None:
        """End the computations that are under way."""
        running = [cache.running for cache in self._caches.values() if cache.running is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _compute_due(self) -> float | None:
        """Compute what is due; return the seconds until something is due again, or None if no
        client follows a venue.
        """
        while self._due:
            due_at, venue_id = self._due[0]
            cache = self._caches[venue_id]
            if due_at != cache.due_at:
                heapq.heappop(self._due)
            elif due_at > time.monotonic():
                return due_at - time.monotonic()
            else:
                heapq.heappop(self._due)
                await self._refresh(venue_id, cache)
        return None

    async def _refresh(self, venue_id: str, cache: _VenueCache) -> None:
        cache.due_at = float("inf")
        if (
            not self._hub.has_members(_stream(self._venues[venue_id]))
            and time.monotonic() >= cache.expected_until
        ):
            cache.is_followed = False
            return
        try:
            await self.snapshot(venue_id)
        except StoreUnavailable as error:
            self._push(venue_id, cache, time.monotonic() + error.retry_after_s)
        else:
            self._schedule(venue_id, cache)

    def _schedule(self, venue_id: str, cache: _VenueCache) -> None:
        """Note when the venue is due next, unless an earlier instant is noted already."""
        due_at = cache.computed_at + (
            LEAST_INTERVAL_S if cache.included < cache.change_count else REFRESH_S
        )
        if cache.turns_at is not None:
            due_at = min(
                due_at, time.monotonic() + (cache.turns_at - self._clock()).total_seconds()
            )
        if due_at < cache.due_at:
            self._push(venue_id, cache, due_at)

    def _push(self, venue_id: str, cache: _VenueCache, due_at: float) -> None:
        cache.due_at = due_at
        heapq.heappush(self._due, (due_at, venue_id))
        self._wake.set()

    async def _compute(self, venue: Venue, cache: _VenueCache) -> Snapshot:
        try:
            change_count, now = cache.change_count, self._clock()
            figures = await self._database.read(
                lambda connection: read_figures(connection, venue, now)
            )
            previous, cache.snapshot = (
                cache.snapshot,
                make_snapshot(venue, now, figures, cache.snapshot),
            )
            cache.included, cache.computed_at, cache.turns_at = (
                change_count,
                time.monotonic(),
                next_turn(venue, now),
            )
            if cache.is_followed:
                self._publish(venue, previous, cache.snapshot)
        finally:
            cache.running = None
        return cache.snapshot

    def _publish(self, venue: Venue, previous: Snapshot | None, current: Snapshot) -> None:
        known = dict(previous.states) if previous else {}
        for kind, body in current.states:
            if known.get(kind) != body:
                self._hub.publish_state(_stream(venue), kind, body)


def _ignore(_venue_id: str) -> None:
    """Ignore a change: no listener is set yet."""


def _stream(venue: Venue) -> Stream:
    return Stream(venue.id, stats_channel(venue.kind))
