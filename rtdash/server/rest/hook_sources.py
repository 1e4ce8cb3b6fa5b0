"""Sources of webhooks: a file each in the data directory's `hooks`, with the secret and the map."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from rtdash.imports import ImportMap, parse_map
from rtdash.protocol.webhook_signatures import parse_secret

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _key(value: object) -> bytes:
    if not isinstance(value, str):
        raise ValueError("a secret is a text")  # noqa: TRY004  pydantic takes ValueError
    return parse_secret(value)


class HookMap(ImportMap):
    """A map with the secret, or several while one is exchanged for another."""

    secret: Annotated[
        list[Annotated[bytes, BeforeValidator(_key)]],
        BeforeValidator(_as_list),
        Field(min_length=1, max_length=4, repr=False),
    ]


@dataclass(frozen=True, slots=True)
class _Read:
    mapping: HookMap
    stamp: tuple[int, int]


class HookSources:
    """The sources by name. A file that has changed is read anew at the next delivery."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[str, _Read] = {}

    def find(self, name: str) -> HookMap | None:
        """Return the source; None where there is no file of that name. Raises MapError for a file
        that can't be taken.
        """
        if not _NAME.fullmatch(name):
            return None
        file = self._directory / f"{name}.toml"
        try:
            found = file.stat()
            stamp = found.st_mtime_ns, found.st_size
            known = self._read.get(name)
            if known is None or known.stamp != stamp:
                mapping = parse_map(file.read_bytes(), source=file.name, model=HookMap)
                known = self._read[name] = _Read(mapping, stamp)
        except OSError:
            self._read.pop(name, None)
            return None
        return known.mapping
