"""Turns the rows of the hotel booking data set into operations at the instants that they tell.
Pure: no I/O, no clock.

What a row tells, and what becomes of it:
- booked on arrival minus lead time (`book`), the reserved room type, the party, rate times nights
  in EUR, the market segment as the source;
- days in the waiting list: booked as Pending, confirmed (`confirm`) after so many days;
- another room type assigned: an `amend` just before the check-in, since the row doesn't tell when
  it was decided. Rows that ended
  otherwise never took a room, so theirs is left out;
- Check-Out: `check_in` on the day of arrival, `check_out` on the status date; Canceled: `cancel`,
  No-Show: `no_show` on the status date;
- Non Refund, "a deposit in the value of the total stay cost" (the data's article): paid in full
  when booked. Refundable, a deposit of a
  part that isn't told, and No Deposit: what is still open is paid (`pay`) at the check-out.

What a row doesn't tell, and is therefore not made up: hours (`_Hours`, an assumption, fixed by the
row's content), names (each row is a
guest of its own, named by its reservation), what was changed by `booking_changes` (only counted),
who a returning guest was.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from rtdash.domain.instants import format_instant
from rtdash.simulate.dataset import Booking, Deposit, Ending, Unreadable
from rtdash.simulate.script import TimedOperation

HOTELS = {"Resort Hotel": "resort-hotel", "City Hotel": "city-hotel"}
"""The data's two hotels and their ids in `fixtures/venues/antonio-hotels.toml`."""

ZONE = ZoneInfo("Europe/Lisbon")
"""Both hotels are in Portugal (the data's article)."""

_STEP = timedelta(minutes=1)
_CENT = Decimal("0.01")
_MOST_NAMED = 20


class Told(NamedTuple):
    """A row that becomes operations: when it was booked, the id of its reservation, the row."""

    booked_at: datetime
    reservation_id: str
    booking: Booking


@dataclass(slots=True)
class Account:
    """What became of the rows: each is in `taken` or in exactly one of `left_out`."""

    rows: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    """Rows that became operations, by venue."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Rows that can't be taken, by reason."""
    unreadable: list[Unreadable] = field(default_factory=list)
    untold_changes: int = 0
    """Amendments that rows tell of by number only."""

    def lines(self) -> list[str]:
        """For a person: what was read, what is left out and why, the first unreadable rows by line
        and column.
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
        if self.untold_changes:
            lines.append(
                f"  amendments told by their number only, not replayed: {self.untold_changes:,}"
            )
        return lines


def tell(rows: Iterable[Booking | Unreadable], account: Account) -> list[Told]:
    """The rows that become operations, in the order of booking; what can't be taken goes to the
    account with its reason.
    """
    alike: Counter[str] = Counter()
    told: list[Told] = []
    for row in rows:
        account.rows += 1
        if reason := _reason_against(row):
            account.left_out[reason] += 1
            if isinstance(row, Unreadable):
                account.unreadable.append(row)
            continue
        assert isinstance(row, Booking), "unreadable rows have a reason against them"
        account.taken[HOTELS[row.hotel]] += 1
        account.untold_changes += row.changes
        digest = _digest(row)
        alike[digest] += 1
        reservation_id = f"{digest}-{alike[digest]}"
        told.append(Told(_Hours(reservation_id).booking(row.booked_on), reservation_id, row))
    told.sort(key=lambda one: one[:2])
    return told


def chronological(told: Iterable[Told]) -> Iterator[TimedOperation]:
    """The operations of all bookings by instant; `told` is in the order of booking. Holds only the
    reservations that are open.
    """
    ahead: list[tuple[datetime, str, Iterator[TimedOperation], TimedOperation]] = []
    for one in told:
        while ahead and ahead[0][0] <= one.booked_at:
            yield _take(ahead)
        steps = iter(operations_of(one))
        heapq.heappush(ahead, (one.booked_at, one.reservation_id, steps, next(steps)))
    while ahead:
        yield _take(ahead)


def operations_of(told: Told) -> list[TimedOperation]:
    """The operations that one row tells of, in the order of their instants."""
    row, reservation_id = told.booking, told.reservation_id
    story = _Story(HOTELS[row.hotel], reservation_id)
    hours = _Hours(reservation_id)
    price = (row.rate * row.nights).quantize(_CENT, ROUND_HALF_UP)
    paid = price if row.deposit is Deposit.NON_REFUND else Decimal(0)
    story.add("book", told.booked_at, _booking_fields(row, reservation_id, price, paid))
    if row.waiting_days:
        known = min(row.booked_on + timedelta(days=row.waiting_days), row.arrival, row.ended_on)
        story.add("confirm", hours.booking(known))
    match row.ending:
        case Ending.CANCELLED:
            story.add("cancel", hours.cancelling(row.ended_on))
        case Ending.NO_SHOW:
            story.add("no_show", hours.giving_up(row.ended_on))
        case Ending.CHECKED_OUT:
            arriving, leaving = hours.arriving(row.arrival), hours.leaving(row.ended_on)
            if row.assigned_room != row.reserved_room:
                story.add("amend", arriving - _STEP, {"roomType": row.assigned_room})
            story.add("check_in", arriving)
            if price > paid:
                story.add("pay", leaving - _STEP, {"amount": _json_number(price - paid)})
            story.add("check_out", leaving)
    return story.operations


def _take(
    ahead: list[tuple[datetime, str, Iterator[TimedOperation], TimedOperation]],
) -> TimedOperation:
    _, reservation_id, steps, present = ahead[0]
    following = next(steps, None)
    if following is None:
        heapq.heappop(ahead)
    else:
        heapq.heapreplace(ahead, (following.due, reservation_id, steps, following))
    return present


_AGAINST: tuple[tuple[str, Callable[[Booking], bool]], ...] = (
    ("unknown hotel", lambda row: row.hotel not in HOTELS),
    ("no guest", lambda row: row.guests == 0),
    ("no night", lambda row: row.nights == 0),
    ("negative rate", lambda row: row.rate < 0),
    ("ended before it was booked", lambda row: row.ended_on < row.booked_on),
    (
        "left before it arrived",
        lambda row: row.ending is Ending.CHECKED_OUT and row.ended_on < row.arrival,
    ),
)


def _reason_against(row: Booking | Unreadable) -> str | None:
    if isinstance(row, Unreadable):
        return "unreadable"
    return next((reason for reason, applies in _AGAINST if applies(row)), None)


def _digest(row: Booking) -> str:
    """The row's content; together with its number among equal rows an id that stays the same in a
    part of the file, or a mended one.
    """
    content = (
        row.hotel, row.booked_on, row.arrival, row.nights, row.guests, row.segment, row.reserved_room, row.assigned_room,
        row.changes, row.deposit, row.waiting_days, row.rate.normalize(), row.ending, row.ended_on,
    )  # fmt: skip
    return sha256("\x1f".join(map(str, content)).encode()).hexdigest()[:12]


def _booking_fields(
    row: Booking, reservation_id: str, price: Decimal, paid: Decimal
) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "customerName": f"Guest {reservation_id}",
        "guests": row.guests,
        "source": row.segment,
        "amount": _json_number(price),
        "roomType": row.reserved_room,
        "checkIn": row.arrival.isoformat(),
        "checkOut": row.departure.isoformat(),
    }
    if paid:
        fields["paid"] = _json_number(paid)
    if row.waiting_days:
        fields["status"] = "Pending"
    return fields


class _Story:
    """Collects the operations of one reservation; an instant that isn't after the one before it is
    put a minute behind it.
    """

    def __init__(self, venue: str, reservation_id: str) -> None:
        self.operations: list[TimedOperation] = []
        self._venue = venue
        self._reservation_id = reservation_id

    def add(self, op: str, told_at: datetime, fields: dict[str, Any] | None = None) -> None:
        at = max(told_at, self.operations[-1].due + _STEP) if self.operations else told_at
        operation = {
            "operationId": f"{self._reservation_id}:{op}",
            "op": op,
            "kind": "hotel",
            "venue": self._venue,
            "reservationId": self._reservation_id,
            "at": format_instant(at),
        }
        self.operations.append(TimedOperation(at, operation | (fields or {})))


class _Hours:
    """Hours within a day, which the data don't tell: assumed, spread evenly, and the same for a
    reservation each time.

    Bookings 09 to 18 h, arrivals 15 to 22 h, cancellations 09 to 22 h, departures 08 to 11:30 h,
    no-shows given up 23 to 24 h, all local.
    """

    def __init__(self, reservation_id: str) -> None:
        self._draws = sha256(reservation_id.encode()).digest()

    def booking(self, day: date) -> datetime:
        return self._within(day, 0, 9, 9 * 60)

    def arriving(self, day: date) -> datetime:
        return self._within(day, 4, 15, 7 * 60)

    def cancelling(self, day: date) -> datetime:
        return self._within(day, 8, 9, 13 * 60)

    def leaving(self, day: date) -> datetime:
        return self._within(day, 12, 8, 210)

    def giving_up(self, day: date) -> datetime:
        return self._within(day, 16, 23, 60)

    def _within(self, day: date, draw: int, hour: int, minutes: int) -> datetime:
        seconds = int.from_bytes(self._draws[draw : draw + 4]) % (minutes * 60)
        local = datetime.combine(day, time(hour), ZONE) + timedelta(seconds=seconds)
        return local.astimezone(UTC)


def _json_number(amount: Decimal) -> int | float:
    """Cents survive as a JSON number: a double tells 15 digits apart."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)
