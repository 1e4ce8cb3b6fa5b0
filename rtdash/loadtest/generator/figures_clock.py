"""Clock of the figures: how long after a booking for today the pushed stats count it. Pure.

`reservationsToday` of a restaurant only grows by the run's own bookings (it cancels none there), so
that the n-th booking behind a known number has been counted when the number has grown by n.
"""

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rtdash.loadtest.generator.message_reader import DecodedMessage
from rtdash.loadtest.generator.run_config import TargetVenue
from rtdash.loadtest.plan.histogram import Histogram

_MOST_WAITING = 10_000


@dataclass(slots=True)
class _Figures:
    """State of one restaurant. `base`: the number from which bookings count on; None before it is
    known, infinite once another writer has changed it.
    """

    venue: TargetVenue
    base: float | None = None
    base_at: str = ""
    shown: float = 0
    business_date: str = ""
    booked: int = 0
    waiting: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_MOST_WAITING))
    """The number that counts a booking, and the booking's scheduled instant."""


class FiguresClock:
    """Clock over the messages of one client; `latency` gets the durations."""

    def __init__(self, venues: Iterable[TargetVenue]) -> None:
        self.latency = Histogram()
        self._figures = {one.id: _Figures(one) for one in venues if one.kind == "restaurant"}

    def take(self, message: DecodedMessage, now: float) -> None:
        """Take a message that has arrived at `now`; a batch is not for this client."""
        body, stream = message.body, message.stream
        figures = self._figures.get(stream.venue) if stream else None
        if figures is None or message.flaw is not None:
            return
        match body.get("type"):
            case "stats_update":
                self._take_stats(figures, body, now)
            case "new_reservation" | "reservation_update":
                self._take_event(figures, message, now)

    def interrupt(self) -> None:
        """Begin anew with the next figures: the connection was lost."""
        for figures in self._figures.values():
            figures.waiting.clear()
            if figures.base != math.inf:
                figures.base = None

    def give_up(self, now: float) -> None:
        """Count what the figures never showed as late as it is by now."""
        for figures in self._figures.values():
            for _, scheduled in figures.waiting:
                self.latency.record(now - scheduled)
            figures.waiting.clear()

    def _take_stats(self, figures: _Figures, body: Mapping[str, Any], now: float) -> None:
        figures.shown = body["stats"]["reservationsToday"]
        if figures.base is None or body["businessDate"] != figures.business_date:
            figures.business_date, figures.base_at = body["businessDate"], body["timestamp"]
            figures.booked = 0
            figures.waiting.clear()
            if figures.base != math.inf:
                figures.base = figures.shown
        self._settle(figures, now)

    def _take_event(self, figures: _Figures, message: DecodedMessage, now: float) -> None:
        body, scheduled = message.body, message.scheduled
        if figures.base is None or body["timestamp"] <= figures.base_at:
            return  # it is in the number already
        if scheduled is None:
            figures.base = math.inf
            figures.waiting.clear()
        elif figures.base != math.inf and self._is_for_today(figures, body):
            figures.booked += 1
            figures.waiting.append((figures.base + figures.booked, scheduled))
            self._settle(figures, now)

    def _settle(self, figures: _Figures, now: float) -> None:
        while figures.waiting and figures.waiting[0][0] <= figures.shown:
            self.latency.record(now - figures.waiting.popleft()[1])

    def _is_for_today(self, figures: _Figures, body: Mapping[str, Any]) -> bool:
        venue = figures.venue
        if body["type"] != "new_reservation":
            return False
        start = datetime.fromisoformat(body["reservation"]["date"])
        local = start.astimezone(ZoneInfo(venue.timezone)) - timedelta(hours=venue.closeout_hour)
        return local.date().isoformat() == figures.business_date
