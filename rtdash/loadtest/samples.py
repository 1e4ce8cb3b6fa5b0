"""Second by second: what the processes used, and what the clients of the generator saw."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds so far and resident bytes of a process and its children."""

    cpu_s: float
    memory_bytes: int


def read_usage(pid: int | None) -> Usage | None:
    """None when there is no such process any more."""
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        times = [(one.cpu_times(), one.memory_info().rss) for one in family]
    except psutil.Error:
        return None
    return Usage(sum(cpu.user + cpu.system for cpu, _ in times), sum(rss for _, rss in times))


@dataclass(slots=True)
class Sample:
    """One row of the timeline. `at_s` counts from the start of the phase; what isn't known is
    None.
    """

    phase: str
    at_s: float
    published: int = 0
    """Acknowledged since the sample before; likewise `received` and `drops`."""
    received: int = 0
    drops: int = 0
    connected: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    server_cpu: float | None = None
    server_memory_mib: float | None = None
    generator_cpu: float | None = None
    recovering: int = 0


@dataclass(slots=True)
class Ticks:
    """What the generator's processes last reported, read from the ends of their files."""

    folder: Path
    last: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By process."""
    _read_to: dict[str, int] = field(default_factory=dict)

    def refresh(self) -> None:
        """Read on."""
        for path in self.folder.glob("ticks-*.ndjson"):
            with path.open("rb") as file:
                file.seek(self._read_to.get(path.name, 0))
                lines = file.read()
            whole = lines.rfind(b"\n") + 1
            if whole:
                self._read_to[path.name] = self._read_to.get(path.name, 0) + whole
                self.last[path.name] = json.loads(lines[:whole].splitlines()[-1])

    def total(self, name: str) -> int:
        """The sum of a figure over the processes."""
        return sum(tick[name] for tick in self.last.values())

    def count(self, kind: str) -> int:
        """The sum of one of the counts."""
        return sum(tick["counts"].get(kind, 0) for tick in self.last.values())

    def age_s(self, now: float) -> float:
        """How long ago the latest of all processes last said something."""
        return max((now - tick["at"] for tick in self.last.values()), default=0.0)

    @property
    def is_idle(self) -> bool:
        """Whether every process has said that it writes no more."""
        return bool(self.last) and all(tick["idle"] for tick in self.last.values())

    @property
    def is_caught_up(self) -> bool:
        """Whether every process has said that nobody is behind."""
        return bool(self.last) and all(tick["behind"] == 0 for tick in self.last.values())


class Meter:
    """Differences between one look and the next, for rates and shares of a core."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[float, float]] = {}

    def rate(self, name: str, value: float) -> float | None:
        """By how much it grew a second since the last look; None the first time, or when it began
        anew.
        """
        now = time.monotonic()
        before = self._before.get(name)
        self._before[name] = (now, value)
        if before is None or value < before[1] or now <= before[0]:
            return None
        return (value - before[1]) / (now - before[0])

    def growth(self, name: str, value: int) -> int:
        """By how much it grew since the last look."""
        before = self._before.get(name, (0.0, 0))
        self._before[name] = (time.monotonic(), value)
        return max(0, value - int(before[1]))


def mebibytes(usage: Usage | None) -> float | None:
    """Resident memory."""
    return None if usage is None else usage.memory_bytes / _MIB


def known(values: Iterable[float | None]) -> list[float]:
    """Those that were measured."""
    return [value for value in values if value is not None]
