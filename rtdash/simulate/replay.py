"""Operations of the hotel booking data set's rows, at the instants that the rows give.

Pure: no I/O, no clock. What a row holds, and the operations made of it:
- booked on arrival minus lead time (`book`), the reserved room type, the party, rate times nights
  in EUR, the market segment as the source;
- days in the waiting list: booked as Pending, confirmed (`confirm`) after that number of days;
- another room type assigned: an `amend` just before the check-in, since the row doesn't say when
  it was decided; with the row's price, since one that equals the standard price would change.
  Rows with another end never took a room, so theirs is left out;
- Check-Out: `check_in` on the day of arrival, `check_out` on the status date; Canceled: `cancel`,
  No-Show: `no_show` on the status date;
- Non Refund, "a deposit in the value of the total stay cost" (the data's article): paid in full
  when booked. Refundable, a deposit of a part that isn't given, and No Deposit: the open balance is
  paid (`pay`) at the check-out.

What a row lacks, and is therefore not invented: hours (`AssumedHours`, an assumption, fixed by the
row's content), names (each row is a guest of its own, named by its reservation), the content of
`booking_changes` (only counted), the identity of a returning guest.
"""

import heapq
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from rtdash.domain.instants import format_instant
from rtdash.simulate.dataset import Booking, Deposit, RowStatus
from rtdash.simulate.replayed_rows import HOTELS, AssumedHours, ReplayedRow
from rtdash.simulate.script import TimedOperation

_STEP = timedelta(minutes=1)
_CENT = Decimal("0.01")


def chronological(rows: Iterable[ReplayedRow]) -> Iterator[TimedOperation]:
    """Yield the operations of all rows by instant; `rows` are in the order of booking.

    Holds only the reservations that are open.
    """
    ahead: list[tuple[datetime, str, Iterator[TimedOperation], TimedOperation]] = []
    for one in rows:
        while ahead and ahead[0][0] <= one.booked_at:
            yield _pop_next(ahead)
        steps = iter(operations_of(one))
        heapq.heappush(ahead, (one.booked_at, one.reservation_id, steps, next(steps)))
    while ahead:
        yield _pop_next(ahead)


def operations_of(replayed: ReplayedRow) -> list[TimedOperation]:
    """Return the operations of one row, in the order of their instants."""
    row, reservation_id = replayed.booking, replayed.reservation_id
    builder = _ScriptBuilder(HOTELS[row.hotel], reservation_id)
    hours = AssumedHours(reservation_id)
    price = (row.rate * row.nights).quantize(_CENT, ROUND_HALF_UP)
    paid = price if row.deposit is Deposit.NON_REFUND else Decimal(0)
    builder.add("book", replayed.booked_at, _booking_fields(row, reservation_id, price, paid))
    if row.waiting_days:
        known = min(row.booked_on + timedelta(days=row.waiting_days), row.arrival, row.ended_on)
        builder.add("confirm", hours.booking(known))
    match row.ending:
        case RowStatus.CANCELLED:
            builder.add("cancel", hours.cancelling(row.ended_on))
        case RowStatus.NO_SHOW:
            builder.add("no_show", hours.giving_up(row.ended_on))
        case RowStatus.CHECKED_OUT:
            arriving, leaving = hours.arriving(row.arrival), hours.leaving(row.ended_on)
            if row.assigned_room != row.reserved_room:
                moved = {"roomType": row.assigned_room, "amount": _json_number(price)}
                builder.add("amend", arriving - _STEP, moved)
            builder.add("check_in", arriving)
            if price > paid:
                builder.add("pay", leaving - _STEP, {"amount": _json_number(price - paid)})
            builder.add("check_out", leaving)
    return builder.operations


def _pop_next(
    ahead: list[tuple[datetime, str, Iterator[TimedOperation], TimedOperation]],
) -> TimedOperation:
    _, reservation_id, steps, present = ahead[0]
    following = next(steps, None)
    if following is None:
        heapq.heappop(ahead)
    else:
        heapq.heapreplace(ahead, (following.due, reservation_id, steps, following))
    return present


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


class _ScriptBuilder:
    """Builder of one reservation's operations.

    An instant that isn't after the one before it is put a minute behind it.
    """

    def __init__(self, venue: str, reservation_id: str) -> None:
        self.operations: list[TimedOperation] = []
        self._venue = venue
        self._reservation_id = reservation_id

    def add(self, op: str, instant: datetime, fields: dict[str, Any] | None = None) -> None:
        at = max(instant, self.operations[-1].due + _STEP) if self.operations else instant
        operation = {
            "operationId": f"{self._reservation_id}:{op}",
            "op": op,
            "kind": "hotel",
            "venue": self._venue,
            "reservationId": self._reservation_id,
            "at": format_instant(at),
        }
        self.operations.append(TimedOperation(at, operation | (fields or {})))


def _json_number(amount: Decimal) -> int | float:
    """Return the amount as a JSON number; cents survive, since a double keeps 15 digits."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)
