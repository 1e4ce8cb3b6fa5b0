"""State of the live view, built from messages. Bounded, no I/O; instants and monotonic seconds are
arguments.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from rtdash.client import ConnectionChange, State
from rtdash.domain.instants import parse_instant
from rtdash.protocol.channels import Channel
from rtdash.watch.board_rows import Badge, Row, is_backfill

HISTORY = 60
"""Values a sparkline remembers."""

ROWS = 200
"""Reservations kept, and notifications."""

FIGURES = ("reservationsToday", "prepaidReservations", "expectedGuests", "pendingPayments")

_RATE_SPAN_S = 10
_BELIEVABLE_LATENCY_MS = 60_000


@dataclass(slots=True)
class VenueFigures:
    """Latest figures of one venue. `stats` and `rooms` are the latest messages' contents, None
    until the first.
    """

    id: str
    name: str
    currency: str = ""
    zone: tzinfo | None = None
    stats: dict[str, Any] | None = None
    rooms: dict[str, Any] | None = None
    history: dict[str, deque[float]] = field(default_factory=dict)


class Board:
    """State of the screen: fed by the client, read by the view."""

    def __init__(
        self, channels: Iterable[str], *, venues: Iterable[str] = (), zone: tzinfo | None = None
    ) -> None:
        self.channels = frozenset(Channel(channel) for channel in channels)
        self._chosen = frozenset(venues)
        self._profile: dict[str, dict[str, Any]] = {}
        self.zone = zone
        self.venues: dict[str, VenueFigures] = {}
        self.rows: dict[tuple[str, str], Row] = {}
        """Latest change last."""
        self.notices: deque[dict[str, Any]] = deque(maxlen=ROWS)
        """Newest last."""
        self.connection = ConnectionChange(State.CONNECTING)
        self.changed_at_s = 0.0
        self.now = datetime.min.replace(tzinfo=UTC)
        """Wall clock at the latest receipt."""
        self.received = 0
        self.last_at_s: float | None = None
        self.latency_ms: float | None = None
        self._seconds: deque[tuple[int, int]] = deque(maxlen=_RATE_SPAN_S + 1)
        self._snapshots: set[tuple[str, str]] = set()

    def follows(self, suffix: str) -> bool:
        """Whether a channel with that suffix is watched: `stats`, `reservations` or
        `notifications`.
        """
        return any(channel.endswith(f"_{suffix}") for channel in self.channels)

    def set_profile(self, profile: dict[str, Any]) -> None:
        """Take names, currencies and time zones of the venues from the user's profile; the watched
        venues are on the board from now on.
        """
        self._profile = {entry["id"]: entry for entry in profile["venues"]}
        for venue_id in [*self._watched(), *self.venues]:
            _set_names(self._venue(venue_id), self._profile.get(venue_id))

    def add_known(
        self, venue: str, reservations: list[dict[str, Any]], notices: list[dict[str, Any]]
    ) -> None:
        """Add what REST lists of a venue below what has come live: reservations, and messages of
        its notifications, oldest first. A newer version on the board stays.
        """
        self._venue(venue)
        listed = {row.key: row for row in (Row.of_reservation(venue, one) for one in reservations)}
        came = {key: row for key, row in self.rows.items() if row.badge is not Badge.LISTED}
        listed = {key: row for key, row in self.rows.items() if key not in came} | listed
        for key in listed.keys() & came.keys():
            if came[key].version >= listed[key].version:
                del listed[key]
            else:
                del came[key]
        below = sorted(listed.items(), key=lambda item: item[1].timestamp)
        self.rows = dict([*below, *came.items()][-ROWS:])
        seen = {(notice["venue"], notice.get("seq")) for notice in self.notices}
        missing = [one for one in notices if (one["venue"], one.get("seq")) not in seen]
        merged = sorted([*missing, *self.notices], key=lambda one: str(one.get("timestamp")))
        self.notices = deque(merged, maxlen=ROWS)

    def receive(
        self, item: dict[str, Any] | ConnectionChange, *, now: datetime, at_s: float
    ) -> None:
        """Apply a message or a change of the connection; `now` is the wall clock and `at_s` the
        monotonic one at its receipt.
        """
        self.now = now
        if isinstance(item, ConnectionChange):
            self.connection, self.changed_at_s = item, at_s
            self._snapshots.clear()
            return
        self.received += 1
        self.last_at_s = at_s
        self._count_second(int(at_s))
        self._measure_latency(item, now)
        self._show(item)

    def rate(self, at_s: float) -> float:
        """Return the messages per second over the last ten seconds."""
        since = int(at_s) - _RATE_SPAN_S
        return sum(count for second, count in self._seconds if second > since) / _RATE_SPAN_S

    def _watched(self) -> list[str]:
        """Return the chosen venues and, of a kind without a chosen one, the first, as the server
        does.
        """
        watched = [venue_id for venue_id in self._profile if venue_id in self._chosen]
        kinds = {channel.kind for channel in self.channels} - {
            self._profile[venue_id]["kind"] for venue_id in watched
        }
        firsts = {entry["kind"]: venue_id for venue_id, entry in reversed(self._profile.items())}
        return watched + [firsts[kind] for kind in sorted(kinds) if kind in firsts]

    def _show(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "stats_update":
                venue = self._venue(message["venue"])
                venue.stats = message["stats"]
                for figure in FIGURES:
                    venue.history.setdefault(figure, deque(maxlen=HISTORY)).append(
                        message["stats"][figure]
                    )
            case "room_availability_update":
                self._venue(message["venue"]).rooms = message["availability"]
            case "new_reservation" | "reservation_update":
                self._venue(message["venue"])
                self._list(message)
            case "upcoming_reservation" | "notification" | "reset":
                self._venue(message["venue"])
                self.notices.append(message)
            case _:
                pass  # a kind of message that this view has no place for

    def _list(self, message: dict[str, Any]) -> None:
        """Put the change on top, never an older version over a newer one.

        What an import writes into the past is no news: it changes a listed row where it stands.
        """
        row = Row.of_message(message)
        known = self.rows.get(row.key)
        if known is not None and row.version < known.version:
            return
        if is_backfill(message):
            if known is not None:
                self.rows[row.key] = row
            return
        self.rows.pop(row.key, None)
        self.rows[row.key] = row
        if len(self.rows) > ROWS:
            del self.rows[next(iter(self.rows))]

    def _venue(self, venue_id: str) -> VenueFigures:
        if venue_id not in self.venues:
            self.venues[venue_id] = _set_names(
                VenueFigures(venue_id, venue_id), self._profile.get(venue_id)
            )
        return self.venues[venue_id]

    def _count_second(self, second: int) -> None:
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1] = (second, self._seconds[-1][1] + 1)
        else:
            self._seconds.append((second, 1))

    def _measure_latency(self, message: dict[str, Any], now: datetime) -> None:
        """Measure the latency of a message. History is left out, and so are clocks that clearly
        disagree.
        """
        kind = (message.get("venue", ""), message["type"])
        # The first state message after a connect may have been true for long.
        is_snapshot = "seq" not in message and kind not in self._snapshots
        self._snapshots.add(kind)
        if self.connection.state is not State.LIVE or is_snapshot or "timestamp" not in message:
            return
        took = now.astimezone(UTC) - parse_instant(message["timestamp"])
        took_ms = took / timedelta(milliseconds=1)
        # Timestamps are whole milliseconds, cut off: less than one early is none early.
        self.latency_ms = max(0.0, took_ms) if -1 < took_ms < _BELIEVABLE_LATENCY_MS else None


def _set_names(venue: VenueFigures, entry: dict[str, Any] | None) -> VenueFigures:
    if entry is not None:
        venue.name, venue.currency, venue.zone = (
            entry["name"],
            entry["currency"],
            ZoneInfo(entry["timezone"]),
        )
    return venue
