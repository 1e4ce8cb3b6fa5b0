"""Foreign text made harmless for a terminal or for a line of JSON. Pure.

Names come from guests and other systems. A terminal obeys control characters (C0, DEL and C1,
ECMA-48), and reorders text by bidirectional controls (UAX #9; CVE-2021-42574).
"""

import json
import re
import unicodedata
from typing import Any

_JOINERS = "\u200c\u200d"
"""Format characters that words and emoji need; they move nothing."""

_UNSAFE_IN_JSON = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Characters that `json.dumps` leaves as they are although they end a line, move text, or can't be
encoded.
"""


def printable(text: object) -> str:
    """Replace control, format and line separator characters by U+FFFD; the result is one line."""
    return "".join(character if _is_harmless(character) else "\ufffd" for character in str(text))


def json_line(body: Any) -> str:
    """Encode compactly as one line of JSON (NDJSON), equal as JSON to `body`.

    Characters that end a line for some reader (U+0085, U+2028, U+2029), control a terminal, change
    the direction of text, or have no UTF-8 (lone surrogates) are escaped.
    """
    return _escaped(json.dumps(body, ensure_ascii=False, separators=(",", ":")))


def json_document(body: Any) -> str:
    """Encode as an indented document of JSON, with the same characters escaped."""
    return _escaped(json.dumps(body, ensure_ascii=False, indent=2))


def _escaped(text: str) -> str:
    return text if text.isascii() and "\x7f" not in text else _UNSAFE_IN_JSON.sub(_escape, text)


def _is_harmless(character: str) -> bool:
    return (
        character.isprintable()
        or character in _JOINERS
        # Spaces of other widths are no ASCII space, which makes them unprintable for Python.
        or unicodedata.category(character) in {"Zs", "Co", "Cn"}
    )


def _escape(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]
