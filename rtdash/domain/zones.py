"""Time zones of venues: names that every system knows, and hints for those that it doesn't.

Distributions leave old names out (Debian moved US/Eastern and Asia/Calcutta to a package of their
own), and file systems without case take europe/lisbon for a name: a venue that opens on one machine
must open on each.
"""

import zoneinfo
from difflib import get_close_matches
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_FIXED = ("UTC", "Etc/UTC")


@lru_cache(maxsize=1)
def portable_zones() -> frozenset[str]:
    """Return the names of the IANA database's table of places (zone.tab), and UTC."""
    rows = (line.split("\t") for line in _read("zone.tab") if not line.startswith("#"))
    return frozenset(row[2] for row in rows if len(row) > 2) | frozenset(_FIXED)


def zone_problem(name: str) -> str | None:
    """Return what is wrong with the name of a zone and how to mend it; None where it is portable."""
    if name in portable_zones():
        return None
    current = _present_names().get(name)
    if current is not None:
        return f"{name!r} is an old name that not every system has: write {current!r}"
    near = get_close_matches(name, portable_zones(), n=1)
    mend = (
        f"did you mean {near[0]!r}?"
        if near
        else "write a name of the IANA database, such as Europe/Lisbon"
    )
    return f"unknown time zone {name!r}: {mend}"


def is_readable(name: str) -> bool:
    """Return whether this machine has the zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def rules_digest(name: str) -> str:
    """Return a digest of the file from which the rules of a zone are read on this machine, as
    `zoneinfo` finds it. Raises OSError.
    """
    found = (path for one in zoneinfo.TZPATH if (path := Path(one, name)).is_file())
    file = next(found, None) or files("tzdata") / "zoneinfo" / name
    return sha256(file.read_bytes()).hexdigest()


@lru_cache(maxsize=1)
def _present_names() -> dict[str, str]:
    """Return old names and what they are called now (the links of tzdata.zi), where that is
    portable.
    """
    links = (line.split() for line in _read("tzdata.zi") if line.startswith("L "))
    return {old: new for _, new, old in links if new in portable_zones()}


def _read(name: str) -> list[str]:
    return (files("tzdata") / "zoneinfo" / name).read_text(encoding="utf-8").splitlines()
