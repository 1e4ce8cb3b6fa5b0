"""Rows and bodies of other systems become `put` operations, by a map that says which column is
which.
"""

from rtdash.imports.conversion import convert
from rtdash.imports.decoding import Undecodable
from rtdash.imports.maps import ImportMap, MapError, parse_map
from rtdash.imports.readers import parse_rows
from rtdash.imports.rows import RowError, SourceRow
from rtdash.imports.suggestion import suggest_map

__all__ = [
    "ImportMap",
    "MapError",
    "RowError",
    "SourceRow",
    "Undecodable",
    "convert",
    "parse_map",
    "parse_rows",
    "suggest_map",
]
