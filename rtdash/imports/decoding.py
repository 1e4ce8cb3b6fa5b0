"""Bytes of a file as text: by its mark, its encoding, or what it looks like. Workbooks and archives
are refused with their names.
"""

from codecs import (
    BOM_UTF8,
    BOM_UTF16_BE,
    BOM_UTF16_LE,
    BOM_UTF32_BE,
    BOM_UTF32_LE,
)

_SAVE_AS = "save the table as CSV"
_NO_TEXT = {
    b"PK\x03\x04": f"a ZIP archive, as workbooks (.xlsx) are: {_SAVE_AS}, or unpack it",
    b"PK\x05\x06": "an empty ZIP archive",
    b"\xd0\xcf\x11\xe0": f"a workbook (.xls): {_SAVE_AS}",
    b"\x1f\x8b": "compressed by gzip: unpack it",
    b"BZh": "compressed by bzip2: unpack it",
    b"\xfd7zXZ": "compressed by xz: unpack it",
    b"\x28\xb5\x2f\xfd": "compressed by zstd: unpack it",
    b"%PDF": "a PDF: export CSV instead",
    b"PAR1": f"a Parquet file: {_SAVE_AS}",
    b"SQLite format 3": "a SQLite database: export its table as CSV",
}
_MARKS = {  # UTF-32's mark begins with that of UTF-16
    BOM_UTF32_LE: "utf-32",
    BOM_UTF32_BE: "utf-32",
    BOM_UTF8: "utf-8",
    BOM_UTF16_LE: "utf-16",
    BOM_UTF16_BE: "utf-16",
}
_PAGES = ("<!doctype", "<html", "<table", "<?xml")
_SAMPLE = 4_096


class Undecodable(Exception):  # noqa: N818
    """A file that is no text of its encoding, or not of its format."""


def decode(content: bytes, encoding: str | None) -> str:
    """Return the text: by its byte-order mark, else in the encoding named, else UTF-16 where every
    other byte is zero, else UTF-8, else Windows' (cp1252), which takes nearly anything. Raises
    Undecodable.
    """
    for begin, kind in _NO_TEXT.items():
        if content.startswith(begin):
            raise Undecodable(f"it is {kind}")
    text = _decode(content, encoding).lstrip("\ufeff")  # some systems write the mark twice
    if text[:100].lstrip().lower().startswith(_PAGES):
        raise Undecodable(f"it is HTML or XML, as some workbooks are: {_SAVE_AS}")
    return text


def _decode(content: bytes, encoding: str | None) -> str:
    marked = next((name for mark, name in _MARKS.items() if content.startswith(mark)), None)
    known = marked or encoding or _wide(content)
    for tried in [known] if known else ["utf-8", "cp1252"]:
        try:
            return content.decode(tried)
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            problem = f"line {line} is not {tried}: name its encoding in the map"
            if tried == "utf-8" and not known and _is_mostly_utf8(content):
                raise Undecodable(
                    f"line {line} is not utf-8, as the rest is: mend it, or name the file's"
                    " encoding in the map"
                ) from None
        except LookupError:
            problem = f"there is no encoding {tried!r}: write one such as utf-8 or cp1252"
    raise Undecodable(problem)


def _wide(content: bytes) -> str | None:
    """Return UTF-16's name for a text without a mark: its ASCII has a zero in every other byte."""
    sample = content[:_SAMPLE]
    first, second = sample[0::2].count(0), sample[1::2].count(0)
    if max(first, second) * 6 < len(sample) or len(sample) < 4:
        return None
    if min(first, second) * 8 > max(first, second):
        return None
    return "utf-16-be" if first > second else "utf-16-le"


def _is_mostly_utf8(content: bytes) -> bool:
    """Whether more letters beyond ASCII are UTF-8 than bytes are not: read as cp1252, all of those
    would become others.
    """
    kept = content.decode("utf-8", "ignore")
    letters = len(kept) - len(kept.encode("ascii", "ignore"))
    return letters > len(content) - len(kept.encode())
