"""Tables of a venue file, asked key by key; every complaint knows its line and how to mend it."""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from rtdash.domain.money import to_minor
from rtdash.domain.toml_lines import Path, TomlLines
from rtdash.domain.venue_keys import explain_unknown


class VenueFileError(Exception):
    """A venue file that can't be taken; `line` counts from 1 (None: it is about a stored venue),
    `problem` says what is wrong and how to mend it.
    """

    def __init__(self, source: str, line: int | None, problem: str) -> None:
        super().__init__(source, line, problem)
        self.source = source
        self.line = line
        self.problem = problem

    def __str__(self) -> str:
        where = self.source if self.line is None else f"{self.source}, line {self.line}"
        return f"{where}: {self.problem}"


def decode_file(content: str | bytes, source: str) -> str:
    """Return the text of a file in UTF-8, without its byte-order mark. Raises VenueFileError."""
    if isinstance(content, str):
        return content.removeprefix("\ufeff")
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise VenueFileError(source, 1, "the file is UTF-16 or UTF-32: save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise VenueFileError(source, line, "not UTF-8: save the file as UTF-8") from None


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the file, asked key by key; every complaint knows its line."""

    values: dict[str, Any]
    path: Path
    source: str
    lines: TomlLines

    def fail(self, key: str, problem: str) -> NoReturn:
        """Refuse the file for what stands at `key`."""
        self.fail_at((key,), problem)

    def fail_at(self, path: Path, problem: str) -> NoReturn:
        """Refuse the file for what stands at `path` from here."""
        raise VenueFileError(self.source, self.lines.find((*self.path, *path)), problem)

    def allow(self, *keys: str) -> None:
        """Refuse the first key that is none of these, and say what was probably meant."""
        for key in self.values:
            if key not in keys:
                self.fail(key, explain_unknown(key, keys))

    def text(self, key: str, *, default: str | None = None) -> str:
        """Return a text with something in it, without the space around it."""
        value = self._value(key, default)
        if not isinstance(value, str) or (not value.strip() and default is None):
            self.fail(key, f'{key} must be a text, as in {key} = "…"')
        return value.strip()

    def whole(self, key: str, low: int, high: int, *, default: int | None = None) -> int:
        """Return a whole number in those bounds."""
        value = self._value(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.fail(
                key, f"{key} must be a whole number from {low} to {high}, not {_shown(value)}"
            )
        return value

    def boolean(self, key: str, *, default: bool) -> bool:
        """Return a truth value."""
        value = self._value(key, default)
        if not isinstance(value, bool):
            self.fail(key, f"{key} must be true or false, not {_shown(value)}")
        return value

    def money(self, key: str, currency: str) -> int:
        """Return an amount in minor units, written in major ones and not negative."""
        value = self._value(key, None)
        if not isinstance(value, int | Decimal) or isinstance(value, bool):
            self.fail(key, f"{key} must be a number, as in {key} = 120")
        try:
            minor = to_minor(value, currency)
        except ValueError as error:
            self.fail(key, f"{key}: {error}")
        if minor < 0:
            self.fail(key, f"{key} must not be negative")
        return minor

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; empty when it is left out."""
        value = self._value(key, [])
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            self.fail(key, f'{key} must be a list of texts, as in {key} = ["wifi"]')
        return tuple(value)

    def tables(self, key: str) -> Iterator["Table"]:
        """Yield the tables of an array, `[[…key]]`; none when it is left out."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            self.fail(
                key,
                f"{key} must be tables, each begun with"
                f" [[{'.'.join(filter(None, (self._header(), key)))}]]",
            )
        for index, entry in enumerate(value):
            yield Table(entry, (*self.path, key, index), self.source, self.lines)

    def _value(self, key: str, default: Any) -> Any:
        value = self.values.get(key, default)
        if value is None:
            self.fail(key, f"{key} is missing: every [[{self._header()}]] needs it")
        return value

    def _header(self) -> str:
        return ".".join(map(str, self.path[::2]))


def _shown(value: object) -> str:
    return (
        f"{value!r}"
        if isinstance(value, str)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )
