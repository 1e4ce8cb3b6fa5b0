"""Reading the booking data set: good rows as values, broken ones by line and column, other files
refused.
"""

import csv
import io
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from rtdash.simulate.dataset import (
    COLUMNS,
    Booking,
    Deposit,
    RowStatus,
    UnreadableRow,
    read_bookings,
)
from rtdash.simulate.dataset_file import NotTheDataSet

ROW = {
    "hotel": "City Hotel",
    "lead_time": "10",
    "arrival_date_year": "2016",
    "arrival_date_month": "March",
    "arrival_date_day_of_month": "5",
    "stays_in_weekend_nights": "2",
    "stays_in_week_nights": "1",
    "adults": "2",
    "children": "1",
    "babies": "0",
    "market_segment": "Online TA",
    "reserved_room_type": "A",
    "assigned_room_type": "D",
    "booking_changes": "3",
    "deposit_type": "No Deposit",
    "days_in_waiting_list": "0",
    "adr": "99.5",
    "reservation_status": "Check-Out",
    "reservation_status_date": "3/8/2016",
}


def text_of(*rows: dict[str, str]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


@pytest.fixture
def file(tmp_path):
    """Writes a .csv file and reads it."""

    def read(text: str) -> list[Booking | UnreadableRow]:
        path = tmp_path / "bookings.csv"
        path.write_text(text, encoding="utf-8", newline="")
        return list(read_bookings(path))

    return read


def test_row_becomes_a_booking(file):
    """Every column that describes an operation is read; the booking was made `lead_time` days
    before the arrival.
    """
    assert file(text_of(ROW)) == [
        Booking(
            line=2,
            hotel="City Hotel",
            booked_on=date(2016, 2, 24),
            arrival=date(2016, 3, 5),
            nights=3,
            guests=3,
            segment="Online TA",
            reserved_room="A",
            assigned_room="D",
            changes=3,
            deposit=Deposit.NONE,
            waiting_days=0,
            rate=Decimal("99.5"),
            ending=RowStatus.CHECKED_OUT,
            ended_on=date(2016, 3, 8),
        )
    ]


@pytest.mark.parametrize("children", ["NA", "", "NULL", "0", "0.0"])
def test_unknown_children_count_as_none(file, children):
    """Four rows of the data don't know the children; other copies of the data write them as 0.0."""
    (booking,) = file(text_of(ROW | {"children": children}))
    assert booking.guests == 2


def test_dates_may_be_written_either_way(file):
    """`3/8/2016`, as published, and `2016-03-08`, as in other copies, are the same day."""
    published, iso = file(text_of(ROW, ROW | {"reservation_status_date": "2016-03-08"}))
    assert published.ended_on == iso.ended_on == date(2016, 3, 8)


def test_columns_may_stand_in_any_order_and_among_others(file):
    """Columns are found by name."""
    names = ["meal", *reversed(COLUMNS)]
    text = ",".join(names) + "\n" + ",".join({"meal": "BB", **ROW}[name] for name in names) + "\n"
    assert [booking.nights for booking in file(text)] == [3]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("adults", "two"),
        ("adults", "-1"),
        ("lead_time", "9999999999"),
        ("stays_in_week_nights", "99999999"),
        ("arrival_date_month", "Brumaire"),
        ("arrival_date_day_of_month", "32"),
        ("adr", "cheap"),
        ("adr", "NaN"),
        ("deposit_type", "Half"),
        ("reservation_status", "Lost"),
        ("reservation_status_date", "13/13/2016"),
        ("reservation_status_date", "2016-02-30"),
    ],
)
def test_broken_cell_is_named_and_the_rest_is_read(file, column, value):
    """A row that can't be read is reported with its line, column and value; the rows around it are
    taken.
    """
    before, broken, after = file(text_of(ROW, ROW | {column: value}, ROW))
    assert isinstance(before, Booking)
    assert broken == UnreadableRow(3, column, value)
    assert str(broken) == f"line 3, column {column}: {value!r} can't be read"
    assert isinstance(after, Booking)
    assert after.line == 4


OPEN_AT_ITS_END = ",".join([*list(ROW.values())[:-1], '"3/8/2016'])


@pytest.mark.parametrize(
    "line",
    ["City Hotel,1", '"City Hotel,10', OPEN_AT_ITS_END, ",".join(["x"] * 40)],
    ids=["too short", "open quote", "open quote at its end", "too long"],
)
def test_broken_line_breaks_no_other(file, line):
    """A line that isn't a row, even one with an open quote, is counted alone."""
    rows = file(text_of(ROW) + line + "\r\n" + text_of(ROW).split("\r\n", 1)[1])
    assert [type(row) for row in rows] == [Booking, UnreadableRow, Booking]
    assert rows[1].line == 3


def test_blank_lines_are_no_rows(file):
    """A blank line at the end is no row and no error."""
    assert len(file(text_of(ROW) + "\r\n\r\n")) == 1


def test_another_file_is_refused_with_what_it_lacks(file):
    """A file without the data set's columns is refused whole, and the columns that it lacks are
    named.
    """
    with pytest.raises(NotTheDataSet, match="lacks the columns lead_time, arrival_date_year"):
        file("hotel,price\nRitz,400\n")


def test_empty_file_is_refused(file):
    """Nothing is not the data set."""
    with pytest.raises(NotTheDataSet):
        file("")


def test_zip_of_one_csv_is_read(tmp_path):
    """The data set may stay packed."""
    path = tmp_path / "bookings.csv.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bookings.csv", text_of(ROW))
        archive.writestr("__MACOSX/._bookings.csv", b"\0")
    assert len(list(read_bookings(path))) == 1


def _broken_zip(path: Path) -> None:
    path.write_bytes(b"PK not really")


def _two_csv(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "")
        archive.writestr("b.csv", "")


@pytest.mark.parametrize(
    ("make", "problem"),
    [(_broken_zip, "can't be unpacked"), (_two_csv, "holds 2"), (Path.mkdir, "can't be read")],
)
def test_packed_file_that_cannot_be_read_is_refused(tmp_path, make, problem):
    """For anything but a zip file of one .csv file the error says so."""
    path = tmp_path / "bookings.zip"
    make(path)
    with pytest.raises(NotTheDataSet, match=problem):
        list(read_bookings(path))


def test_missing_file_is_refused(tmp_path):
    """A file that isn't there is named."""
    with pytest.raises(NotTheDataSet, match=r"nowhere\.csv can't be read: No such file"):
        list(read_bookings(tmp_path / "nowhere.csv"))
