"""Rows become `put`s as a map says, or errors that name line, column and reason."""

import codecs
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtdash.imports import (
    MapError,
    RowError,
    SourceRow,
    Undecodable,
    convert,
    parse_map,
    parse_rows,
    suggest_map,
)
from rtdash.resources import data_path
from tests.conftest import FULL

HOTEL_MAP = parse_map(data_path("fixtures", "imports", "hotel-pms.toml").read_bytes(), source="m")
TABLE_MAP = parse_map(
    data_path("fixtures", "imports", "restaurant-bookings.toml").read_bytes(), source="m"
)
HEADER = (
    "Confirmation;Last changed;First name;Last name;Email;Phone;Adults;Children;Channel;Room type;"
    "Arrival;Nights;Total;Paid;Status"
)
LINE = (
    "H-1;31.01.2026 19:00:01;José;Núñez;j@x.pt;;2;1;;Double;24.07.2026;2;1.240,50;€ 40,00;In house"
)
ZONES = {"inn": "Europe/Lisbon"}


def hotel_rows(*lines: str) -> list[SourceRow | RowError]:
    """The rows of a file with the header of the PMS export."""
    return list(parse_rows("\n".join([HEADER, *lines]).encode(), HOTEL_MAP))


def operation_of(line: str, **changes: Any) -> Any:
    """The operation of one line of that export."""
    [row] = hotel_rows(line)
    assert isinstance(row, SourceRow)
    return convert(row, HOTEL_MAP, venue="inn", zones=ZONES, **changes)


def test_a_line_of_a_pms_becomes_a_put() -> None:
    """Every field by its column; local times by the venue's zone, decimals by their mark."""
    made = operation_of(LINE)
    assert made.pop("operationId").startswith("put-")
    assert made == {
        "op": "put",
        "kind": "hotel",
        "venue": "inn",
        "reservationId": "H-1",
        "sourceVersion": 1_769_886_001_000_000,
        "customerName": "José Núñez",
        "customerEmail": "j@x.pt",
        "guests": 3,
        "source": "direct",
        "status": "CheckedIn",
        "roomType": "double",
        "checkIn": "2026-07-24",
        "checkOut": "2026-07-26",
        "amount": 1240.5,
        "paid": 40,
    }


def test_the_same_state_has_the_same_operation_id() -> None:
    """So that a second run repeats, and another state is another operation."""
    assert operation_of(LINE) == operation_of(LINE)
    other = operation_of(LINE.replace("In house", "Departed"))
    assert other["operationId"] != operation_of(LINE)["operationId"]


def test_a_body_of_a_booking_system_becomes_a_put() -> None:
    """Paths lead into nested objects; an instant with its offset needs no zone."""
    body = {
        "id": "b7",
        "updated_at": "2026-01-31T19:00:00.123456Z",
        "guest": {"name": "Ann", "email": None},
        "covers": 4,
        "seating_at": "2026-02-01T20:00:00+01:00",
        "duration": 90,
        "state": "left",
        "origin": "",
    }
    [row] = parse_rows(json.dumps(body).encode(), TABLE_MAP, name="x.ndjson")
    assert isinstance(row, SourceRow)
    made = convert(row, TABLE_MAP, venue="grill")
    assert isinstance(made, dict)
    assert (made["date"], made["status"], made["sourceVersion"] % 1_000_000) == (
        "2026-02-01T19:00:00Z",
        "Completed",
        123_456,
    )
    assert (made["source"], made["durationMinutes"], "customerEmail" in made) == (
        "website",
        90,
        False,
    )


WRONG = [
    (("H-1;", "H 1;"), "Confirmation", "can't be an id"),
    (("H-1;", ";"), "Confirmation", "is empty"),
    (("31.01.2026 19:00:01", "soon"), "Last changed", "is no time in the form"),
    (("24.07.2026", "2026-07-24"), "Arrival", "is no date in the form '%d.%m.%Y'"),
    ((";2;1;;", ";two;1;;"), "Adults", "is no number"),
    ((";2;1;;", ";2.5;1;;"), "Adults", "decimal mark"),
    ((";2;1.240,50", ";2,5;1.240,50"), "Nights", "no whole number"),
    (("In house", "Zombie"), "Status", "add it to `values`"),
    (("€ 40,00", "a lot"), "Paid", "is no number"),
    (("1.240,50", "9" * 20), "Total", "beyond"),
    ((";2;1.240,50", ";0;1.240,50"), "Nights", "one night"),
    ((";2;1.240,50", ";999;1.240,50"), "Nights", "366 nights"),
    ((";2;1;;", ";0;0;;"), "Children", "at least 1"),
    (("1.240,50", "-1"), "Total", "negative"),
]


@pytest.mark.parametrize(("change", "column", "reason"), WRONG)
def test_a_row_that_cant_be_taken_says_where_and_why(
    change: tuple[str, str], column: str | None, reason: str | None
) -> None:
    """Line, column and what to mend; a thousands mark is none of it."""
    made = operation_of(LINE.replace(*change))
    if reason is None:
        assert isinstance(made, dict)
        return
    assert isinstance(made, RowError)
    assert (made.line, made.column) == (2, column)
    assert reason in str(made)


def test_broken_rows_are_told_and_the_rest_is_read() -> None:
    """Too few cells, a quote that never ends; blank lines are nothing."""
    rows = hotel_rows("a;b", "", LINE)
    assert [type(row) for row in rows] == [RowError, SourceRow]
    assert "2 cells where the header has 15" in str(rows[0])
    lines = list(parse_rows(b'{"id": 1}\n{"id": \n[1]\n', TABLE_MAP, name="x.jsonl"))
    assert [type(row) for row in lines] == [SourceRow, RowError, RowError]
    assert "line 2: no JSON" in str(lines[1])
    with pytest.raises(Undecodable, match="no JSON"):
        list(parse_rows(b"[1,", TABLE_MAP, name="x.json"))
    with pytest.raises(Undecodable, match="twice"):
        list(parse_rows(b"id,b,id\n1,2,3", TABLE_MAP))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("id,covers\nb1,ä".encode(), "x.csv"),
        (codecs.BOM_UTF8 + "id;covers\nb1;ä".encode(), ""),
        ("id\tcovers\r\nb1\tä\r\n".encode("utf-16"), "x.tsv"),
        ("id|covers\nb1|ä".encode("cp1252"), "export"),
        ('[{"id":"b1","covers":"ä"}]'.encode(), "x.json"),
        (codecs.BOM_UTF8 + '{"id":"b1","covers":"ä"}\n'.encode(), ""),
    ],
)
def test_encodings_marks_and_delimiters_are_found(content: bytes, name: str) -> None:
    """By the byte-order mark, the ending and the first line."""
    [row] = parse_rows(content, TABLE_MAP, name=name)
    assert isinstance(row, SourceRow)
    assert dict(row.values) == {"id": "b1", "covers": "ä"}


TABLE_TEXT = 'kind = "restaurant"\n[fields]\nreservationId="a"\ncustomerName="b"\nguests="c"'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "kind"),
        ('kind = "hotel"\n[fields]\nreservationId = "a"', "customerName"),
        ('kind = "inn"', "kind"),
        (TABLE_TEXT, "needs date"),
        (f'{TABLE_TEXT}\ndate="d"\nprice="e"', "line 7: fields.price"),
        ("kind = ", "not TOML"),
        ('kind = "restaurant"\n[fields]\nreservationId = {}', "give one of"),
    ],
)
def test_a_wrong_map_is_refused_with_its_line(text: str, said: str) -> None:
    """Unknown and missing fields are named."""
    with pytest.raises(MapError, match=r"map\.toml") as refused:
        parse_map(text.encode(), source="map.toml")
    assert said in str(refused.value)


def test_a_suggested_map_reads_its_file() -> None:
    """Header words, statuses and forms of dates are guessed; the map is one that can be used."""
    mapping = parse_map(suggest_map(f"{HEADER}\n{LINE}\n".encode()).encode(), source="suggested")
    assert (mapping.kind, mapping.delimiter) == ("hotel", ";")
    assert mapping.fields.reservation_id.column == "Confirmation"
    assert mapping.fields.check_in is not None
    assert mapping.fields.check_in.format == "%d.%m.%Y"
    assert mapping.fields.status is not None
    assert mapping.fields.status.values == {"In house": "CheckedIn"}
    bookings = b"id,updated_at,name,covers,start\nb1,2026-01-01T00:00:00Z,Ann,2,2026-01-01T20:00Z\n"
    assert parse_map(suggest_map(bookings).encode(), source="s").kind == "restaurant"


@given(st.binary(max_size=200))
@settings(max_examples=5_000 if FULL else 150, deadline=None)
def test_no_bytes_crash_it(junk: bytes) -> None:
    """Each is rows, errors or a refusal of the file, in every format."""
    for name in ("x.csv", "x.tsv", "x.json", "x.ndjson", ""):
        try:
            rows = list(parse_rows(junk, TABLE_MAP, name=name))
        except Undecodable:
            continue
        for row in rows:
            if isinstance(row, SourceRow):
                assert isinstance(convert(row, TABLE_MAP, venue="grill"), RowError | dict)


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(
        ["2026-01-01", "9999-12-31T23:59:59+00:00", "1e400", "\uff19", "\u0663", "-0", "Infinity"]
    ),
    st.lists(st.integers(), max_size=2),
)


@given(st.fixed_dictionaries(dict.fromkeys(("id", "updated_at", "covers", "seating_at"), CELLS)))
@settings(max_examples=20_000 if FULL else 300, deadline=None)
def test_no_value_crashes_it(body: dict[str, Any]) -> None:
    """Whatever a foreign system puts into a field."""
    row = SourceRow(
        1, body | {"guest": {"name": "A"}, "state": "booked", "duration": body["covers"]}
    )
    assert isinstance(convert(row, TABLE_MAP, venue="grill", zones=ZONES), RowError | dict)


def test_a_stay_ends_within_the_calendar() -> None:
    """The last day that there is has no day after it."""
    made = operation_of(LINE.replace("24.07.2026", "31.12.9999"))
    assert isinstance(made, RowError)
    assert "beyond the calendar" in made.reason


@pytest.mark.parametrize("name", ["Ann \ud800", "\udfff"], ids=ascii)
def test_half_of_a_character_is_refused(name: str) -> None:
    """JSON can write one; no store and no other program takes it."""
    made = convert(
        SourceRow(7, {"id": "a", "updated_at": "1", "guest": {"name": name}}), TABLE_MAP, venue="x"
    )
    assert isinstance(made, RowError)
    assert made.line == 7
