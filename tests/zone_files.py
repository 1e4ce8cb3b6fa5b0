"""Time zones whose rules a test makes up: files in the format of the IANA database, found before
those of the machine.
"""

import struct
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rtdash.domain import venues


def write_zone(directory: Path, name: str, rules: str) -> None:
    """Write a zone that follows a TZ string of POSIX, as in `WET0WEST,M3.5.0/1,M10.5.0`, at all
    times (RFC 8536: a body without transitions, and the footer).
    """
    file = directory / name
    file.parent.mkdir(parents=True, exist_ok=True)
    body = struct.pack(">6l", 0, 0, 0, 0, 1, 4) + struct.pack(">lBB", 0, 0, 0) + b"LMT\0"
    head = b"TZif2" + bytes(15)
    file.write_bytes(head + body + head + body + b"\n" + rules.encode() + b"\n")


@contextmanager
def rules_of(directory: Path) -> Iterator[None]:
    """Read zones from `directory` first, within the block. Venues made before keep theirs."""
    before = zoneinfo.TZPATH
    try:
        _look_at((str(directory), *before))
        yield
    finally:
        _look_at(before)


def _look_at(paths: tuple[str, ...]) -> None:
    zoneinfo.reset_tzpath(to=paths)
    zoneinfo.ZoneInfo.clear_cache()
    venues._zone.cache_clear()
