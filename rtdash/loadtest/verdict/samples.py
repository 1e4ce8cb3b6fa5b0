"""Samples of a phase, second by second: what the processes used, and what the clients saw."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds, resident bytes and open files of a process and its children."""

    cpu_s: float
    memory_bytes: float
    open_files: float | None = None


def read_usage(pid: int | None) -> Usage | None:
    """Return the usage of a process and its children; None when there is no such process."""
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        times = [(one.cpu_times(), one.memory_info().rss, one.num_fds()) for one in family]
    except psutil.Error:
        return None
    return Usage(
        sum(cpu.user + cpu.system for cpu, _, _ in times),
        sum(rss for _, rss, _ in times),
        sum(files for _, _, files in times),
    )


@dataclass(slots=True)
class Sample:
    """Row of the timeline. `at_s` counts from the start of the phase; unknown values are None."""

    phase: str
    at_s: float
    published: int = 0
    """Acknowledged since the sample before; likewise `received` and `drops`."""
    received: int = 0
    drops: int = 0
    connected: int = 0
    p50_ms: float | None = None
    """Of the last ten seconds, likewise `p99_ms`; `max_ms` is of this second."""
    p99_ms: float | None = None
    max_ms: float | None = None
    server_cpu: float | None = None
    server_memory_mib: float | None = None
    generator_cpu: float | None = None
    recovering: int = 0
    floor_ms: float | None = None
    """Tenth percentile of this second alone: what the machine's noise leaves untouched."""
    server_files: float | None = None
    server_waiting: float | None = None
    """Seconds a second for which the server's threads waited for a processor."""
    server_lag_ms: float | None = None
    """Greatest lateness of the server's event loop, as the server publishes it."""
    others_cpu: float | None = None
    """Cores that other processes of the machine used."""
    steal: float | None = None
    """Cores that the hypervisor took."""
    pressure: float | None = None
    """Share of the time in which some process waited for a processor; likewise for memory, and for
    a disk."""
    memory_pressure: float | None = None
    disk_pressure: float | None = None


class Meter:
    """Meter of differences between one reading and the next, for rates and shares of a core."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[float, float]] = {}

    def rate(self, name: str, value: float) -> float | None:
        """Return the growth a second since the last reading; None the first time, or when the value
        began anew.
        """
        now = time.monotonic()
        before = self._before.get(name)
        self._before[name] = (now, value)
        if before is None or value < before[1] or now <= before[0]:
            return None
        return (value - before[1]) / (now - before[0])

    def growth(self, name: str, value: int) -> int:
        """Return the growth since the last reading."""
        before = self._before.get(name, (0.0, 0))
        self._before[name] = (time.monotonic(), value)
        return max(0, value - int(before[1]))


def mebibytes(usage: Usage | None) -> float | None:
    """Return the resident memory in MiB."""
    return None if usage is None else usage.memory_bytes / _MIB


def known(values: Iterable[float | None]) -> list[float]:
    """Return the values that are known."""
    return [value for value in values if value is not None]
