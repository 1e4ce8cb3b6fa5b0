"""Reports of the generator's processes while they run, as files in the run's folder."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class GeneratorReports:
    """Latest report of each process of the generator, read from the ends of their files."""

    folder: Path
    last: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By process."""
    _read_to: dict[str, int] = field(default_factory=dict)

    def refresh(self) -> None:
        """Read the new lines of all report files."""
        for path in self.folder.glob("reports-*.ndjson"):
            with path.open("rb") as file:
                file.seek(self._read_to.get(path.name, 0))
                lines = file.read()
            whole = lines.rfind(b"\n") + 1
            if whole:
                self._read_to[path.name] = self._read_to.get(path.name, 0) + whole
                self.last[path.name] = json.loads(lines[:whole].splitlines()[-1])

    def total(self, name: str) -> int:
        """Return the sum of a counter over the processes."""
        return sum(tick[name] for tick in self.last.values())

    def count(self, kind: str) -> int:
        """Return the sum of one of the named counts over the processes."""
        return sum(tick["counts"].get(kind, 0) for tick in self.last.values())

    def age_s(self, now: float) -> float:
        """Return the age of the oldest latest report, in seconds."""
        return max((now - tick["at"] for tick in self.last.values()), default=0.0)

    @property
    def is_idle(self) -> bool:
        """Return whether every process reported that its writers are idle."""
        return bool(self.last) and all(tick["idle"] for tick in self.last.values())

    @property
    def is_caught_up(self) -> bool:
        """Return whether every process reported that no client is behind."""
        return bool(self.last) and all(tick["behind"] == 0 for tick in self.last.values())
