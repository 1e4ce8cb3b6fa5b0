"""Text files that people write: UTF-8, with the byte-order mark that editors of Windows put first
or without it.
"""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path


# a refusal of a file, not a fault of the program
class NotText(ValueError):  # noqa: N818
    """A file that isn't UTF-8; the text says how to mend it."""


def read_text_file(path: Path) -> str:
    """Return the text of a file, without its byte-order mark. Raises NotText, OSError."""
    content = path.read_bytes()
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise NotText("it is UTF-16, as PowerShell writes: save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotText(f"line {line} is not UTF-8: save it as UTF-8") from None
