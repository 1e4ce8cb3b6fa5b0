"""Places of things in a TOML text: tomllib gives values, but not their lines."""

import re
from collections import Counter
from collections.abc import Sequence

Path = tuple[str | int, ...]
"""Keys and positions from the top: `("venue", 0, "roomTypes", 2, "baseRate")`."""

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*(?:=|\.)""")
_FENCES = ('"""', "'''")


class TomlLines:
    """Line numbers (from 1) of the tables and keys of a text that tomllib has accepted.

    Keys written in other ways (inline tables, dotted keys) have the line of what holds them.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._arrays: Counter[Path] = Counter()
        table: Path = ()
        fence: str | None = None
        for number, line in enumerate(text.splitlines(), start=1):
            if fence is None:
                table = self._note(line, number, table)
            fence = _fence_after(line, fence)

    def find(self, path: Sequence[str | int]) -> int:
        """Return the line of what `path` names, else of the nearest thing around it, else 1."""
        for end in range(len(path), 0, -1):
            line = self._lines.get(tuple(path[:end]))
            if line is not None:
                return line
        return 1

    def _note(self, line: str, number: int, table: Path) -> Path:
        if header := _HEADER.match(line):
            table = self._enter(
                [part.strip().strip("\"'") for part in header[2].split(".")],
                is_array=header[1] == "[[",
            )
            for path in (table, table[:-1] if header[1] == "[[" else table):
                self._lines.setdefault(path, number)
        elif key := _KEY.match(line):
            self._lines.setdefault((*table, key[1] or key[2] or key[3] or ""), number)
        return table

    def _enter(self, names: Sequence[str], *, is_array: bool) -> Path:
        # A name in the middle of a header means the latest table of that name (TOML 1.0, "Array of
        # Tables").
        table: Path = ()
        for name in names[:-1]:
            table = (*table, name)
            if self._arrays[table]:
                table = (*table, self._arrays[table] - 1)
        table = (*table, names[-1])
        if is_array:
            self._arrays[table] += 1
            table = (*table, self._arrays[table] - 1)
        return table


def _fence_after(line: str, fence: str | None) -> str | None:
    """Return the quotes of the multi-line string that is open behind this line, if one is."""
    at = 0
    while True:
        found = [
            (line.find(quotes, at), quotes)
            for quotes in ([fence] if fence else _FENCES)
            if line.find(quotes, at) >= 0
        ]
        if not found:
            return fence
        at, quotes = min(found)
        at += len(quotes)
        fence = None if fence else quotes
