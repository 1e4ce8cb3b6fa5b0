"""Rows of the hotel booking demand data set (Antonio, de Almeida, Nunes 2019,
doi:10.1016/j.dib.2018.11.126), read as values.

Any other file is refused whole; a row that can't be read is reported with its line and column, and
reading continues.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from rtdash.simulate.dataset_file import NotTheDataSet, open_text

COLUMNS = (
    "hotel",
    "lead_time",
    "arrival_date_year",
    "arrival_date_month",
    "arrival_date_day_of_month",
    "stays_in_weekend_nights",
    "stays_in_week_nights",
    "adults",
    "children",
    "babies",
    "market_segment",
    "reserved_room_type",
    "assigned_room_type",
    "booking_changes",
    "deposit_type",
    "days_in_waiting_list",
    "adr",
    "reservation_status",
    "reservation_status_date",
)
"""The columns that are read; no operation depends on the others."""

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_Word = TypeVar("_Word", bound=StrEnum)
_UNKNOWN = frozenset({"", "NA", "NULL"})


class RowStatus(StrEnum):
    """Values of `reservation_status`: how a booking ended."""

    CHECKED_OUT = "Check-Out"
    CANCELLED = "Canceled"
    NO_SHOW = "No-Show"


class Deposit(StrEnum):
    """Values of `deposit_type`: nothing, the whole price, or a part of it (its size is not given)."""

    NONE = "No Deposit"
    NON_REFUND = "Non Refund"
    REFUNDABLE = "Refundable"


@dataclass(frozen=True, slots=True)
class Booking:
    """Content of one row. `rate` is the price of a night in EUR; `waiting_days` went by before the
    booking was confirmed.
    """

    line: int
    hotel: str
    booked_on: date
    arrival: date
    nights: int
    guests: int
    segment: str
    reserved_room: str
    assigned_room: str
    changes: int
    deposit: Deposit
    waiting_days: int
    rate: Decimal
    ending: RowStatus
    ended_on: date

    @property
    def departure(self) -> date:
        """The day of leaving that was booked."""
        return self.arrival + timedelta(days=self.nights)


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """Row that can't be read: its place and the text there."""

    line: int
    column: str
    value: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.value!r} can't be read"


def read_bookings(path: Path) -> Iterator[Booking | UnreadableRow]:
    """Yield the rows of a .csv file, or of a .zip file with one .csv in it, in the file's order.
    Raises NotTheDataSet.
    """
    with open_text(path) as lines:
        header = next(csv.reader([next(lines, "")]), [])
        missing = [column for column in COLUMNS if column not in header]
        if missing:
            raise NotTheDataSet(
                f"{path} is not the hotel booking data set: it lacks the columns"
                f" {', '.join(missing)}"
            )
        where = {column: header.index(column) for column in COLUMNS}
        for number, line in enumerate(lines, start=2):
            if line.strip():
                yield _parse_row(line, number, where, width=len(header))


def _parse_row(
    line: str, number: int, where: dict[str, int], *, width: int
) -> Booking | UnreadableRow:
    # Each line is parsed alone: an open quote breaks its own row and not all that follow.
    try:
        cells = next(csv.reader([line], strict=True))
    except csv.Error:
        return UnreadableRow(number, "(all)", line.strip()[:80])
    if len(cells) != width:
        return UnreadableRow(number, "(all)", f"{len(cells)} values under {width} columns")
    return _Row(cells, where, number).booking()


class _CellError(Exception):
    """Cell of the named column that can't be read."""


class _Row:
    def __init__(self, cells: Sequence[str], where: dict[str, int], line: int) -> None:
        self._cells = cells
        self._where = where
        self._line = line

    def booking(self) -> Booking | UnreadableRow:
        try:
            return self._read()
        except _CellError as error:
            column = str(error)
            return UnreadableRow(self._line, column, self._text(column))

    def _read(self) -> Booking:
        arrival = self._arrival()
        return Booking(
            line=self._line,
            hotel=self._text("hotel"),
            booked_on=self._days_from(arrival, -self._number("lead_time"), "lead_time"),
            arrival=arrival,
            nights=self._nights(arrival),
            guests=self._number("adults")
            + self._number("children", unknown=0)
            + self._number("babies", unknown=0),
            segment=self._text("market_segment"),
            reserved_room=self._text("reserved_room_type"),
            assigned_room=self._text("assigned_room_type"),
            changes=self._number("booking_changes"),
            deposit=self._word(Deposit, "deposit_type"),
            waiting_days=self._number("days_in_waiting_list"),
            rate=self._rate(),
            ending=self._word(RowStatus, "reservation_status"),
            ended_on=self._date("reservation_status_date"),
        )

    def _text(self, column: str) -> str:
        return self._cells[self._where[column]].strip()

    def _number(self, column: str, *, unknown: int | None = None) -> int:
        text = self._text(column)
        if text.isdecimal():
            return int(text)
        if unknown is not None and text in _UNKNOWN:
            return unknown
        if text.endswith(".0") and text[:-2].isdecimal():
            return int(text[:-2])
        raise _CellError(column)

    def _word(self, words: type[_Word], column: str) -> _Word:
        try:
            return words(self._text(column))
        except ValueError:
            raise _CellError(column) from None

    def _arrival(self) -> date:
        month = self._text("arrival_date_month")
        if month not in _MONTHS:
            raise _CellError("arrival_date_month")
        try:
            return date(
                self._number("arrival_date_year"),
                _MONTHS.index(month) + 1,
                self._number("arrival_date_day_of_month"),
            )
        except (ValueError, OverflowError):
            raise _CellError("arrival_date_day_of_month") from None

    def _nights(self, arrival: date) -> int:
        nights = self._number("stays_in_weekend_nights") + self._number("stays_in_week_nights")
        self._days_from(arrival, nights, "stays_in_week_nights")
        return nights

    def _days_from(self, day: date, days: int, column: str) -> date:
        try:
            return day + timedelta(days=days)
        except OverflowError:
            raise _CellError(column) from None

    def _rate(self) -> Decimal:
        try:
            rate = Decimal(self._text("adr"))
        except InvalidOperation:
            raise _CellError("adr") from None
        if not rate.is_finite():
            raise _CellError("adr")
        return rate

    def _date(self, column: str) -> date:
        """`7/31/2015` (month first, as published) or `2015-07-31`."""
        text = self._text(column)
        try:
            if "/" in text:
                month, day, year = (int(part) for part in text.split("/"))
                return date(year, month, day)
            return date.fromisoformat(text)
        except (ValueError, OverflowError):
            raise _CellError(column) from None
