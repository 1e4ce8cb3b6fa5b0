"""Files of other systems as rows: CSV, TSV, NDJSON and JSON, in any usual encoding."""

import csv
import io
import json
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rtdash.imports.maps import ImportMap

MAX_CELL = 131_072
"""Characters of a cell; Python's own bound."""
_SNIFFED = ",;\t|"
_SAMPLE = 65_536


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One record; `line` counts from 1 in the file, `values` are texts, or what JSON has."""

    line: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that can't be taken: its line, the column where one is to blame, and why."""

    line: int
    column: str | None
    reason: str

    def __str__(self) -> str:
        where = f"line {self.line}" + (f", {self.column}" if self.column else "")
        return f"{where}: {self.reason}"


class Undecodable(Exception):  # noqa: N818
    """A file that is no text of its encoding, or not of its format."""


def read_rows(
    content: bytes, mapping: ImportMap, *, name: str = ""
) -> Iterator[SourceRow | RowError]:
    """Read the records of a file; `name` gives the format where the map doesn't. A record that is
    broken is a RowError, and the reading goes on. Raises Undecodable.
    """
    text = decode(content, mapping.encoding)
    form = mapping.format or format_of(name, text)
    return iter_rows(text, form, items=mapping.items, delimiter=mapping.delimiter)


def iter_rows(
    text: str, form: str, *, items: str | None = None, delimiter: str | None = None
) -> Iterator[SourceRow | RowError]:
    """Read the records of a text in one of the four formats. Raises Undecodable."""
    match form:
        case "json":
            return _read_json(text, items)
        case "ndjson":
            return _read_ndjson(text, items)
        case kind:
            return _read_table(text, delimiter or ("\t" if kind == "tsv" else None))


def decode(content: bytes, encoding: str | None) -> str:
    """Return the text: by its byte-order mark, else in the encoding named, else UTF-8, else
    Windows' (cp1252), which takes nearly anything. Raises Undecodable.
    """
    if content.startswith(BOM_UTF8):
        encoding = "utf-8-sig"
    elif content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        encoding = "utf-16"
    for tried in [encoding] if encoding else ["utf-8", "cp1252"]:
        try:
            return content.decode(tried)
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            problem = f"line {line} is not {tried}: name its encoding in the map"
        except LookupError:
            problem = f"there is no encoding {tried!r}: write one such as utf-8 or cp1252"
    raise Undecodable(problem)


def format_of(name: str, text: str) -> str:
    """Return the format by the name's ending, else by how the text begins."""
    ending = name.rpartition(".")[2].lower()
    if ending in {"csv", "tsv", "json", "ndjson"}:
        return ending
    if ending == "jsonl":
        return "ndjson"
    begin = text.lstrip()[:1]
    if begin == "[":
        return "json"
    return "ndjson" if begin == "{" else "csv"


def sniff_delimiter(text: str) -> str:
    """Return the delimiter that the first line has most of."""
    first = text[:_SAMPLE].partition("\n")[0]
    return max(_SNIFFED, key=first.count)


def at_path(value: Any, path: str) -> Any:
    """Return what a dotted path leads to, or None; a key with dots in it is found as it stands."""
    if isinstance(value, Mapping) and path in value:
        return value[path]
    for step in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def _read_table(text: str, delimiter: str | None) -> Iterator[SourceRow | RowError]:
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter or sniff_delimiter(text), strict=True
    )
    header: list[str] | None = None
    while True:
        began = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield RowError(began, None, f"no row of a table: {error}")
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = [cell.strip() for cell in cells]
            if doubled := {name for name in header if name and header.count(name) > 1}:
                raise Undecodable(f"the header names {min(doubled)!r} twice")
        elif len(cells) != len(header):
            reason = f"{len(cells)} cells where the header has {len(header)}"
            yield RowError(began, None, reason)
        else:
            yield SourceRow(began, dict(zip(header, cells, strict=True)))


def _read_ndjson(text: str, items: str | None) -> Iterator[SourceRow | RowError]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield RowError(number, None, f"no JSON: {error}")
            continue
        yield from _records(value, number, items)


def _read_json(text: str, items: str | None) -> Iterator[SourceRow | RowError]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"no JSON: {error}") from None
    found = value if items is None else at_path(value, items)
    for number, one in enumerate(found if isinstance(found, list) else [found], 1):
        yield _record(one, number)


def _records(value: Any, number: int, items: str | None) -> Iterator[SourceRow | RowError]:
    found = value if items is None else at_path(value, items)
    for one in found if isinstance(found, list) else [found]:
        yield _record(one, number)


def _record(value: Any, number: int) -> SourceRow | RowError:
    if isinstance(value, dict):
        return SourceRow(number, value)
    return RowError(number, None, "not a JSON object: name the path of the list as `items`")
