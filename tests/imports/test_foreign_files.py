"""Files as other programs write them: each is read as it is meant, or refused with what to mend."""

import codecs
import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from rtdash.cli.main import run
from rtdash.imports import RowError, SourceRow, Undecodable, convert, parse_map, parse_rows
from rtdash.imports.suggestion import suggest_map
from rtdash.resources import data_path
from tests.imports.test_conversion import HEADER, LINE, TABLE_MAP, operation_of

PMS = str(data_path("fixtures", "imports", "hotel-pms.toml"))
PAIR = {"id": "b1", "covers": "2"}


def rows_of(content: str | bytes, name: str = "x.csv", **changes: Any) -> list[Any]:
    """The rows, as dictionaries, or errors as texts."""
    data = content.encode() if isinstance(content, str) else content
    mapping = TABLE_MAP.model_copy(update=changes)
    rows = parse_rows(data, mapping, name=name)
    return [dict(row.values) if isinstance(row, SourceRow) else str(row) for row in rows]


@pytest.mark.parametrize(
    "content",
    [
        "sep=;\nid;covers\nb1;2\n",
        'sep=,\r\nid,covers\r\n"b1","2"\r\n',
        '"SEP=|"\nid|covers\nb1|2\n',
        "sep=\t\r\nid\tcovers\r\nb1\t2\r\n",
        "id,covers\r\nb1,2\n",
        "id,covers\rb1,2\r",
        "id,covers\r\r\nb1,2\r\r\n",
        "\n\n id ,covers\nb1,2",
        "id;covers;;;\nb1;2;;;\n",
        "id;covers\nb1;2;;\n",
        "id;covers;;;\nb1;2\n",
        "id,covers,\nb1,2,\n",
        "id\xa0,covers\nb1,2\n",
        "id,covers\nb1,2\n".encode("utf-16-le"),
        "id,covers\nb1,2\n".encode("utf-16-be"),
        codecs.BOM_UTF32_LE + "id,covers\nb1,2\n".encode("utf-32-le"),
        codecs.BOM_UTF8 * 2 + b"id,covers\nb1,2\n",
    ],
)
def test_tables_of_spreadsheets_are_read(content: str | bytes) -> None:
    """The line that names the delimiter, line ends of any kind and mixed, empty columns without a
    name, wide characters without a mark, and a mark that was written twice.
    """
    assert rows_of(content) == [PAIR]


def test_the_line_that_names_the_delimiter_is_counted() -> None:
    """Errors keep the file's own line numbers."""
    found = rows_of("sep=;\nid;covers\nb1;2\nb2;3;x\n")
    assert found == [PAIR, "line 4: 3 cells where the header has 2"]


def test_quoted_names_and_line_ends_are_of_the_cell() -> None:
    """Also in the header, where more delimiters may stand within quotes than outside."""
    found = rows_of('"a, b, c, d\ne";id;covers\n"one\r\ntwo";b1;2\nx;b2;3\n')
    assert found == [
        PAIR | {"a, b, c, d\ne": "one\r\ntwo"},
        {"a, b, c, d\ne": "x", "id": "b2", "covers": "3"},
    ]


def test_a_quote_that_is_left_open_takes_no_row_in_silence() -> None:
    """Whether it never ends, or a later quote ends it and the cells come out right."""
    never = rows_of('id,covers,note\nb1,2,"left open\nb2,2,x\nb3,2,y\n')
    assert len(never) == 1
    assert "lines 2 to 4 were not read" in never[0]
    swallowed = rows_of('id,covers,note\nb1,2,"left open\nb2,2,x\nb3,2,"\nb4,2,z\n')
    assert "is a quote left open? (lines 2 to 4 were not read)" in swallowed[0]
    assert swallowed[1:] == [{"id": "b4", "covers": "2", "note": "z"}]
    prose = 'id,covers,note\nb1,2,"nuts, milk, eggs\nfish, rice, more"\n'
    assert rows_of(prose) == [PAIR | {"note": "nuts, milk, eggs\nfish, rice, more"}]


def test_a_long_line_without_an_end_is_an_error() -> None:
    """A cell has at most 131,072 characters, a file one such line as well as another."""
    found = rows_of(f"id,covers\nb0,{'x' * 200_000}\nb1,2\n")
    assert len(found) == 2
    assert "field larger than field limit" in found[0]
    assert found[1] == PAIR


def test_a_name_that_stands_twice_harms_only_who_asks_for_it() -> None:
    """Exports have several columns called Notes; one that the map reads is refused."""
    assert rows_of("id,Notes,covers,Notes\nb1,x,2,y\n") == [{**PAIR, "": "y"}]
    with pytest.raises(Undecodable, match=r"'covers' twice: rename"):
        rows_of("id,covers,covers\nb1,2,3\n")
    assert "Notes" not in suggest_map(b"id,Notes,covers,Notes\nb1,x,2,y\n")


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.csv", "id,covers\nb1,2\n")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped(), "ZIP archive"),
        (gzip.compress(b"id,covers\n"), "gzip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), ".xls"),
        (b"%PDF-1.7\n", "PDF"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"SQLite format 3\x00", "SQLite"),
        (b"\n<html><body><table><tr><td>id</td></tr></table>", "HTML or XML"),
        (b'<?xml version="1.0"?><Workbook/>', "HTML or XML"),
        (("é" * 20 + "\nb1,José\n").encode() + b"b2,Jos\xe9\n", "line 3 is not utf-8"),
    ],
    ids=["zip", "gzip", "xls", "pdf", "parquet", "sqlite", "html", "xml", "one line"],
)
def test_what_is_no_table_is_named(content: bytes, said: str) -> None:
    """Workbooks that are called .csv, and one line that another program appended."""
    with pytest.raises(Undecodable, match=said.replace(".", r"\.")):
        rows_of(content)


def test_a_text_of_windows_is_still_read() -> None:
    """Where its letters are no UTF-8 at all."""
    assert rows_of("id,covers,n\nb1,2,Jos\xe9 Nu\xf1ez\n".encode("cp1252")) == [
        PAIR | {"n": "José Nuñez"}
    ]


def test_a_text_that_spreadsheets_leave_alone_is_that_text() -> None:
    """`="0012"` keeps the zeros of an id; a formula is a text like any other."""
    made = operation_of(LINE.replace("H-1;", '="0012";').replace("José", '=HYPERLINK("http://x")'))
    assert made["reservationId"] == "0012"
    assert made["customerName"] == '=HYPERLINK("http://x") Núñez'


def date_of(text: Any, form: str | None = None, **more: Any) -> Any:
    """The start of a restaurant's booking with such a time, or the error."""
    field = {"column": "seating_at"} | ({"format": form} if form else {})
    fields = TABLE_MAP.fields.model_copy(
        update={"date": type(TABLE_MAP.fields.guests).model_validate(field)}
    )
    mapping = TABLE_MAP.model_copy(update={"fields": fields, "timezone": "Europe/Lisbon"})
    body = {"id": "b1", "updated_at": 1, "guest": {"name": "A"}, "covers": 2, "state": "booked"}
    body |= {"seating_at": text, "duration": "", "origin": ""}
    made = convert(SourceRow(1, body | more), mapping, venue="grill")
    return str(made) if isinstance(made, RowError) else made["date"]


@pytest.mark.parametrize(
    ("text", "form", "start"),
    [
        ("46234.8125", "excel", "2026-07-31T18:30:00Z"),
        ("46234,8125", "excel", "2026-07-31T18:30:00Z"),
        ("46234", "excel", "2026-07-30T23:00:00Z"),
        ("7/31/26 7:30 PM", "%m/%d/%y %I:%M %p", "2026-07-31T18:30:00Z"),
        ("7/31/2026 7:30\u202fPM", "%m/%d/%Y %I:%M %p", "2026-07-31T18:30:00Z"),
        ("31/07/2026 7:30 p. m.", "%d/%m/%Y %I:%M %p", "2026-07-31T18:30:00Z"),
        ("31/07/2026 7:30 p.m.", "%d/%m/%Y %I:%M %p", "2026-07-31T18:30:00Z"),
        ("2026-07-31 19:30:00 UTC", None, "2026-07-31T19:30:00Z"),
        ("2026-07-31 19:30:00 UTC", "%Y-%m-%d %H:%M:%S %Z", "2026-07-31T19:30:00Z"),
        ("2026-07-31T19:30:00.1234567Z", None, "2026-07-31T19:30:00.123456Z"),
        ("2026-07-31 19:30:00+00", None, "2026-07-31T19:30:00Z"),
        ("20260731", None, "2026-07-30T23:00:00Z"),
    ],
)
def test_times_are_read_as_they_are_meant(text: str, form: str | None, start: str) -> None:
    """Day numbers, short years, halves of the day in other languages, UTC by its name."""
    assert date_of(text, form) == start


@pytest.mark.parametrize(
    ("text", "form", "said"),
    [
        ("46234.8125", None, "the `format` 'excel'"),
        ("0.5", "excel", "no time in the form 'excel'"),
        ("1801010000000", None, "no time such as"),
        ("1701012312345", None, "no time such as"),
        ("2026-07-31+02:00", None, "no time such as"),
        ("2026-07-31 19:30:00 CET", "%Y-%m-%d %H:%M:%S %Z", "no time in the form"),
        ("0000-00-00 00:00:00", None, "no time such as"),
        ("0000-00-00", "%Y-%m-%d", "no time in the form"),
        ("31/07/26", "%d/%m/%Y", "no time in the form"),
        ("31.07.2026 19:30 Uhr", "%d.%m.%Y %H:%M", "no time in the form"),
        ("下午7:30", "%I:%M %p", "no time in the form"),
        ("/Date(1785526200000)/", None, "no time such as"),
    ],
)
def test_times_that_could_be_others_are_refused(text: str, form: str | None, said: str) -> None:
    """Milliseconds since 1970 that look like a date of 1801, an offset that looks like a time of
    day, the zero date of MySQL.
    """
    assert said in date_of(text, form)


def test_a_number_of_json_has_its_own_decimal_mark() -> None:
    """240.125 is no quarter of a million where the file's texts have decimal commas."""
    text = 'kind = "restaurant"\ndecimal = ","\nvenue = "grill"\n[fields]\nreservationId = "id"\n'
    text += 'customerName = "n"\nguests = "g"\ndate = "d"\namount = "a"\nsourceVersion = "v"'
    body = {"id": "b1", "n": "A", "g": 2.0, "d": "2026-01-31T19:00Z", "v": 1}
    mapping = parse_map(text.encode(), source="m")
    for amount, read in ((240.125, 240.125), ("240,5", 240.5), (1240, 1240), (1e-05, 0.00001)):
        made = convert(SourceRow(1, body | {"a": amount}), mapping)
        assert isinstance(made, dict)
        assert (made["amount"], made["guests"]) == (read, 2)


def test_dates_that_can_be_read_both_ways_are_said() -> None:
    """A suggested map names the other form where the first rows fit both."""
    both = suggest_map(b"id;name;covers;date\nb1;A;2;03/04/2026\nb2;B;2;05/06/2026\n")
    assert '"%d/%m/%Y" }   # or "%m/%d/%Y": both read the first rows' in both
    assert "both read" not in suggest_map(b"id;name;covers;date\nb1;A;2;31/04/2026\n")
    assert 'format = "excel"' in suggest_map(b"id;name;covers;date\nb1;A;2;46234,8\n")
    assert parse_map(both.encode(), source="m").fields.date is not None


def test_a_file_without_its_header_is_refused_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """And not each of its rows; a header alone is no row."""
    file = tmp_path / "x.csv"
    command = ["import", str(file), "--dry-run", "--map", PMS]
    file.write_text("\n".join([LINE] * 3), encoding="utf-8")
    assert run(command) == 2
    err = capfd.readouterr().err
    assert "has no column 'Adults', 'Arrival'" in err
    assert "must be its header" in err
    assert err.count("Arrival") == 1
    file.write_text(HEADER, encoding="utf-8")
    assert run(command) == 0
    assert "0 rows" in capfd.readouterr().err
