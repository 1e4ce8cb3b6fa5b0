"""Rows of the hotel booking data set that can be replayed, and an accounting of all rows.

Each row is either taken or left out for one reason. Pure: no I/O, no clock.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rtdash.simulate.dataset import Booking, RowStatus, UnreadableRow

HOTELS = {"Resort Hotel": "resort-hotel", "City Hotel": "city-hotel"}
"""The data's two hotels and their ids in `fixtures/venues/antonio-hotels.toml`."""

ZONE = ZoneInfo("Europe/Lisbon")
"""Both hotels are in Portugal (the data's article)."""

_MOST_NAMED = 20


class ReplayedRow(NamedTuple):
    """Row that becomes operations: its instant of booking, its reservation id, its content."""

    booked_at: datetime
    reservation_id: str
    booking: Booking


@dataclass(slots=True)
class RowAccounting:
    """Accounting of the rows: each is in `taken` or in exactly one reason of `left_out`."""

    rows: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    """Rows that became operations, by venue."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Rows that can't be taken, by reason."""
    unreadable: list[UnreadableRow] = field(default_factory=list)
    unspecified_changes: int = 0
    """Amendments of which the rows hold the number only."""

    def lines(self) -> list[str]:
        """Return the report: rows read, rows left out by reason, the first unreadable rows by
        line and column.
        """
        lines = [
            (
                f"{self.rows:,} rows: {self.taken.total():,} reservations, {self.left_out.total():,}"
                " left out"
            )
        ]
        lines += [
            f"  left out, {reason}: {count:,}" for reason, count in self.left_out.most_common()
        ]
        lines += [f"    {row}" for row in self.unreadable[:_MOST_NAMED]]
        if self.unspecified_changes:
            lines.append(
                f"  amendments known by their number only, not replayed: {self.unspecified_changes:,}"
            )
        return lines


class AssumedHours:
    """Hours within a day, which the data set lacks: spread evenly, fixed by the reservation id.

    Assumed: bookings 09 to 18 h, arrivals 15 to 22 h, cancellations 09 to 22 h, departures 08 to
    11:30 h, no-shows given up 23 to 24 h, all local.
    """

    def __init__(self, reservation_id: str) -> None:
        self._draws = sha256(reservation_id.encode()).digest()

    def booking(self, day: date) -> datetime:
        """Return an instant of booking on `day`."""
        return self._within(day, 0, 9, 9 * 60)

    def arriving(self, day: date) -> datetime:
        """Return an instant of arrival on `day`."""
        return self._within(day, 4, 15, 7 * 60)

    def cancelling(self, day: date) -> datetime:
        """Return an instant of cancellation on `day`."""
        return self._within(day, 8, 9, 13 * 60)

    def leaving(self, day: date) -> datetime:
        """Return an instant of departure on `day`."""
        return self._within(day, 12, 8, 210)

    def giving_up(self, day: date) -> datetime:
        """Return the instant on `day` at which a no-show is recorded."""
        return self._within(day, 16, 23, 60)

    def _within(self, day: date, draw: int, hour: int, minutes: int) -> datetime:
        seconds = int.from_bytes(self._draws[draw : draw + 4]) % (minutes * 60)
        local = datetime.combine(day, time(hour), ZONE) + timedelta(seconds=seconds)
        return local.astimezone(UTC)


def select_rows(
    rows: Iterable[Booking | UnreadableRow], accounting: RowAccounting
) -> list[ReplayedRow]:
    """Return the rows that become operations, in the order of booking.

    Every other row goes to `accounting` with its reason.
    """
    alike: Counter[str] = Counter()
    selected: list[ReplayedRow] = []
    for row in rows:
        accounting.rows += 1
        if reason := _reason_against(row):
            accounting.left_out[reason] += 1
            if isinstance(row, UnreadableRow):
                accounting.unreadable.append(row)
            continue
        assert isinstance(row, Booking), "unreadable rows have a reason against them"
        accounting.taken[HOTELS[row.hotel]] += 1
        accounting.unspecified_changes += row.changes
        digest = _digest(row)
        alike[digest] += 1
        reservation_id = f"{digest}-{alike[digest]}"
        selected.append(
            ReplayedRow(AssumedHours(reservation_id).booking(row.booked_on), reservation_id, row)
        )
    selected.sort(key=lambda one: one[:2])
    return selected


_AGAINST: tuple[tuple[str, Callable[[Booking], bool]], ...] = (
    ("unknown hotel", lambda row: row.hotel not in HOTELS),
    ("no guest", lambda row: row.guests == 0),
    ("no night", lambda row: row.nights == 0),
    ("negative rate", lambda row: row.rate < 0),
    ("ended before it was booked", lambda row: row.ended_on < row.booked_on),
    (
        "left before it arrived",
        lambda row: row.ending is RowStatus.CHECKED_OUT and row.ended_on < row.arrival,
    ),
)


def _reason_against(row: Booking | UnreadableRow) -> str | None:
    if isinstance(row, UnreadableRow):
        return "unreadable"
    return next((reason for reason, applies in _AGAINST if applies(row)), None)


def _digest(row: Booking) -> str:
    """Digest the content of a row.

    Together with its number among equal rows this is an id that stays the same in a part of the
    file, or in a corrected file.
    """
    content = (
        row.hotel, row.booked_on, row.arrival, row.nights, row.guests, row.segment,
        row.reserved_room, row.assigned_room, row.changes, row.deposit, row.waiting_days,
        row.rate.normalize(), row.ending, row.ended_on,
    )  # fmt: skip
    return sha256("\x1f".join(map(str, content)).encode()).hexdigest()[:12]
