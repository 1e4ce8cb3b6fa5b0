"""Files of other systems as rows: CSV, TSV, NDJSON and JSON, in any usual encoding."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from rtdash.imports.csv_tables import parse_table
from rtdash.imports.decoding import Undecodable, decode
from rtdash.imports.maps import ImportMap
from rtdash.imports.rows import RowError, SourceRow


def parse_rows(
    content: bytes, mapping: ImportMap, *, name: str = ""
) -> Iterator[SourceRow | RowError]:
    """Read the records of a file; `name` gives the format where the map doesn't. A record that is
    broken is a RowError, and the reading goes on. Raises Undecodable.
    """
    text = decode(content, mapping.encoding)
    form = mapping.format or format_of(name, text)
    return iter_rows(
        text, form, items=mapping.items, delimiter=mapping.delimiter, columns=mapping.columns
    )


def iter_rows(
    text: str,
    form: str,
    *,
    items: str | None = None,
    delimiter: str | None = None,
    columns: Collection[str] = (),
) -> Iterator[SourceRow | RowError]:
    """Read the records of a text in one of the four formats; of a table `columns` are wanted.
    Raises Undecodable.
    """
    match form:
        case "json":
            return _parse_json(text, items)
        case "ndjson":
            return _parse_ndjson(text, items)
        case kind:
            return parse_table(text, delimiter or ("\t" if kind == "tsv" else None), columns)


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


def at_path(value: Any, path: str) -> Any:
    """Return what a dotted path leads to, or None; a key with dots in it is found as it stands."""
    if isinstance(value, Mapping) and path in value:
        return value[path]
    for step in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def _parse_ndjson(text: str, items: str | None) -> Iterator[SourceRow | RowError]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield RowError(number, None, f"no JSON: {error}")
            continue
        yield from _records(value, number, items)


def _parse_json(text: str, items: str | None) -> Iterator[SourceRow | RowError]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"no JSON: {error}") from None
    for number, one in enumerate(_listed(value, items), 1):
        yield make_row(one, number, items)


def _records(value: Any, number: int, items: str | None) -> Iterator[SourceRow | RowError]:
    for one in _listed(value, items):
        yield make_row(one, number, items)


def _listed(value: Any, items: str | None) -> list[Any]:
    found = value if items is None else at_path(value, items)
    return found if isinstance(found, list) else [found]


def make_row(value: Any, number: int, items: str | None) -> SourceRow | RowError:
    """Return a record of decoded JSON as a row; `items` is the path that led to it."""
    if isinstance(value, dict):
        return SourceRow(number, value)
    if value is None and items is not None:
        reason = f"there is nothing at {items!r}: is it an event that only names what has changed?"
        return RowError(number, None, reason)
    return RowError(number, None, "not a JSON object: name the path of the list as `items`")
