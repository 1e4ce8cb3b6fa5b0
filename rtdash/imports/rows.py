"""Rows of a file of another system, and rows that can't be taken."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One record; `line` counts from 1 in the file, `values` are texts, or what JSON has. Of a
    table all rows have the columns of its header.
    """

    line: int
    values: Mapping[str, Any]
    is_table: bool = False


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that can't be taken: its line, the column where one is to blame, and why."""

    line: int
    column: str | None
    reason: str

    def __str__(self) -> str:
        where = f"line {self.line}" + (f", {self.column}" if self.column else "")
        return f"{where}: {self.reason}"
