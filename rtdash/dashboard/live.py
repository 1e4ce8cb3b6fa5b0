"""Which venue's figures are computed when, and who hears of them.

State messages never travel through the broker: each process computes those that its own clients
follow (DESIGN rule 8).
"""

import asyncio
import contextlib
import heapq
import time
from collections.abc import Mapping
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
"""Who asked for current states joins the stream within this time; until then the venue counts as
followed."""


@dataclass(slots=True)
class _Look:
    """What is known about a venue. `mark` counts its changes; `seen` is the count that the snapshot
    includes; `due_at` its heap entry.
    """

    mark: int = 0
    seen: int = -1
    computed_at: float = float("-inf")
    turns_at: datetime | None = None
    expected_until: float = float("-inf")
    is_followed: bool = False
    due_at: float = float("inf")
    snapshot: Snapshot | None = None
    running: "asyncio.Task[Snapshot] | None" = None


class Dashboard:
    """Snapshots of all venues, kept fresh while somebody follows or asks."""

    def __init__(
        self, database: Database, hub: Hub, venues: Mapping[str, Venue], clock: Clock
    ) -> None:
        self._database = database
        self._hub = hub
        self._venues = venues
        self._clock = clock
        self._looks = {venue_id: _Look() for venue_id in venues}
        self._due: list[tuple[float, str]] = []
        self._wake = asyncio.Event()

    def mark_dirty(self, venue_id: str) -> None:
        """Something of the venue has changed and is committed."""
        look = self._looks[venue_id]
        look.mark += 1
        if look.is_followed:
            self._schedule(venue_id, look)

    def mark(self, venue_id: str) -> int:
        """How many changes of the venue are known here: what was read while it stays the same is
        still true.
        """
        return self._looks[venue_id].mark

    async def snapshot(self, venue_id: str, *, at_least: int | None = None) -> Snapshot:
        """The venue's figures, with every change up to mark `at_least` in them and no older than a
        quarter of a second if dirty.

        `at_least` None: all changes that are known here. Raises StoreUnavailable.
        """
        look = self._looks[venue_id]
        needed = look.mark if at_least is None else at_least
        while (current := self.fresh(venue_id, needed)) is None:
            if look.running is None:
                look.running = asyncio.create_task(self._compute(self._venues[venue_id], look))
            await asyncio.shield(look.running)
        return current

    def fresh(self, venue_id: str, at_least: int) -> Snapshot | None:
        """The snapshot at hand, if it may be shown; None when it must be computed first."""
        look = self._looks[venue_id]
        age_s = time.monotonic() - look.computed_at
        if look.seen < at_least or age_s >= (
            LEAST_INTERVAL_S if look.seen < look.mark else REFRESH_S
        ):
            return None
        if look.turns_at is None or self._clock() >= look.turns_at:
            return None
        return look.snapshot

    async def current_states(self, stream: Stream) -> tuple[bytes, ...]:
        """The state messages that a new follower of a stats stream gets first; from now on the
        venue is kept fresh.

        Raises StoreUnavailable.
        """
        look = self._looks[stream.venue]
        look.expected_until = time.monotonic() + EXPECTED_S
        snapshot = await self.snapshot(stream.venue)
        if not look.is_followed:
            look.is_followed = True
            self._schedule(stream.venue, look)
        return tuple(body for _, body in snapshot.states)

    def latest_states(self, stream: Stream) -> tuple[bytes, ...]:
        """As `current_states` gave them last, or newer: to be read in the step that joins the
        stream, so that none falls between.
        """
        snapshot = self._looks[stream.venue].snapshot
        return tuple(body for _, body in snapshot.states) if snapshot else ()

    async def run(self) -> None:
        """Keep followed venues fresh, for ever."""
        while True:
            self._wake.clear()
            wait_s = await self._compute_due()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait_s)

    async def close(self) -> None:
        """End the computations that are under way."""
        running = [look.running for look in self._looks.values() if look.running is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _compute_due(self) -> float | None:
        """Compute what is due; the seconds until something is again, None if nobody follows
        anything.
        """
        while self._due:
            due_at, venue_id = self._due[0]
            look = self._looks[venue_id]
            if due_at != look.due_at:
                heapq.heappop(self._due)
            elif due_at > time.monotonic():
                return due_at - time.monotonic()
            else:
                heapq.heappop(self._due)
                await self._look_after(venue_id, look)
        return None

    async def _look_after(self, venue_id: str, look: _Look) -> None:
        look.due_at = float("inf")
        if (
            not self._hub.has_members(_stream(self._venues[venue_id]))
            and time.monotonic() >= look.expected_until
        ):
            look.is_followed = False
            return
        try:
            await self.snapshot(venue_id)
        except StoreUnavailable as error:
            self._push(venue_id, look, time.monotonic() + error.retry_after_s)
        else:
            self._schedule(venue_id, look)

    def _schedule(self, venue_id: str, look: _Look) -> None:
        """Enter when the venue is due next, unless it is entered for an earlier instant already."""
        due_at = look.computed_at + (LEAST_INTERVAL_S if look.seen < look.mark else REFRESH_S)
        if look.turns_at is not None:
            due_at = min(due_at, time.monotonic() + (look.turns_at - self._clock()).total_seconds())
        if due_at < look.due_at:
            self._push(venue_id, look, due_at)

    def _push(self, venue_id: str, look: _Look, due_at: float) -> None:
        look.due_at = due_at
        heapq.heappush(self._due, (due_at, venue_id))
        self._wake.set()

    async def _compute(self, venue: Venue, look: _Look) -> Snapshot:
        try:
            mark, now = look.mark, self._clock()
            figures = await self._database.read(
                lambda connection: read_figures(connection, venue, now)
            )
            previous, look.snapshot = (
                look.snapshot,
                make_snapshot(venue, now, figures, look.snapshot),
            )
            look.seen, look.computed_at, look.turns_at = (
                mark,
                time.monotonic(),
                next_turn(venue, now),
            )
            if look.is_followed:
                self._publish(venue, previous, look.snapshot)
        finally:
            look.running = None
        return look.snapshot

    def _publish(self, venue: Venue, previous: Snapshot | None, current: Snapshot) -> None:
        known = dict(previous.states) if previous else {}
        for kind, body in current.states:
            if known.get(kind) != body:
                self._hub.publish_state(_stream(venue), kind, body)


def _stream(venue: Venue) -> Stream:
    return Stream(venue.id, stats_channel(venue.kind))
