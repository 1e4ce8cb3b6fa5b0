"""Tables of CSV and TSV files: the delimiter, the header, and the rows behind it."""

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from rtdash.imports.decoding import Undecodable
from rtdash.imports.rows import RowError, SourceRow

_DELIMITERS = ",;\t|"
_SAMPLE = 65_536
_QUOTED = re.compile(r'"[^"]*"')
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)?")
_NAMED = re.compile(r'"?sep=(.)"?[\t ]*(?:\r\n?|\n|$)', re.IGNORECASE)
"""A first line by which spreadsheets are shown the delimiter."""


def sniff_delimiter(text: str) -> str:
    """Return the delimiter that a line `sep=` names, else the one that the header has most of,
    outside of quotes.
    """
    if named := _NAMED.match(text):
        return named[1]
    header = _QUOTED.sub("", text[:_SAMPLE]).lstrip("\r\n").replace("\r", "\n").partition("\n")[0]
    return max(_DELIMITERS, key=header.count)


def parse_table(
    text: str, delimiter: str | None, columns: Collection[str] = ()
) -> Iterator[SourceRow | RowError]:
    """Yield the rows. Of a name that stands twice in the header no row has a value. Raises
    Undecodable where it is one of `columns`.
    """
    mark = delimiter or sniff_delimiter(text)
    named = _NAMED.match(text)
    skipped = 1 if named else 0
    reader = csv.reader(_lines(text, named.end() if named else 0), delimiter=mark, strict=True)
    header: list[str] | None = None
    while True:
        began = reader.line_num + skipped + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            ended = reader.line_num + skipped
            yield RowError(began, None, f"no row of a table: {error}{_unread(began, ended)}")
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = _header(cells, columns)
            continue
        ended = reader.line_num + skipped
        yield _row(header, cells, began, ended, mark)


def _lines(text: str, begin: int) -> Iterator[str]:
    """Yield the lines with their ends, one at a time: a file may be large."""
    while begin < len(text):
        found = _LINE.match(text, begin)
        assert found is not None, "it matches anything"
        begin = found.end()
        yield found[0]


def _header(cells: Sequence[str], columns: Collection[str]) -> list[str]:
    """Return the names: "" for one that stands twice; those that are empty at the end are none."""
    header = [cell.strip() for cell in cells]
    while header and not header[-1]:
        header.pop()
    counts = Counter(header)
    for name in columns:
        if counts[name] > 1:
            raise Undecodable(f"the header names {name!r} twice: rename one of them")
    return [name if counts[name] == 1 else "" for name in header]


def _row(
    header: Sequence[str], cells: list[str], began: int, ended: int, mark: str
) -> SourceRow | RowError:
    while len(cells) > len(header) and not cells[-1].strip():
        cells.pop()
    if len(cells) != len(header):
        reason = f"{len(cells)} cells where the header has {len(header)}"
        return RowError(began, None, reason + _unread(began, ended))
    if ended > began and _holds_rows(cells, mark, len(header) - 1):
        reason = "a cell holds what looks like other rows: is a quote left open?"
        return RowError(began, None, reason + _unread(began, ended))
    return SourceRow(began, dict(zip(header, cells, strict=True)), is_table=True)


def _holds_rows(cells: Sequence[str], mark: str, marks: int) -> bool:
    """Whether a line within a cell has as many delimiters as a row; prose has blanks behind its
    commas.
    """
    bare = re.compile(re.escape(mark) + r"(?! )")
    return marks > 1 and any(
        len(bare.findall(line)) == marks
        for cell in cells
        if cell.count(mark) >= marks
        for line in cell.replace("\r", "\n").split("\n")
    )


def _unread(began: int, ended: int) -> str:
    return f" (lines {began} to {ended} were not read)" if ended > began else ""
