"""Machine under the run: the use of its processors by others, the time that a process waits for
one, and the time that its disk takes.
"""

import asyncio
import os
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

from rtdash.loadtest.plan.histogram import Histogram

_FSYNC_EVERY_S = 1.0
_PAGE = bytes(4096)
_PRESSURE = Path("/proc/pressure")
_PROGRAMS = ("rtdash", "locust", "gevent", "websockets", "uvicorn", "fastapi")


@dataclass(frozen=True, slots=True)
class MachineTimes:
    """Seconds since the start of the machine, over all processors. `pressure_s`: in which some
    process waited for "cpu", "memory" or "io" (the kernel's PSI), as far as the kernel counts it.
    """

    busy_s: float
    steal_s: float
    pressure_s: Mapping[str, float]


def read_machine() -> MachineTimes:
    """Return the times of the whole machine."""
    times = psutil.cpu_times()
    waiting = times.idle + getattr(times, "iowait", 0.0)
    steal_s = getattr(times, "steal", 0.0)
    # guest times are within user times
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return MachineTimes(total - waiting, steal_s, read_pressure_s())


def read_pressure_s(folder: Path = _PRESSURE) -> dict[str, float]:
    """Return for how many seconds some process has waited, by what it waited for."""
    found = {}
    for resource in ("cpu", "memory", "io"):
        with suppress(OSError, ValueError, IndexError):
            text = (folder / resource).read_text(encoding="ascii")
            found[resource] = int(text.splitlines()[0].rpartition("total=")[2]) / 1e6
    return found


def read_run_delay_s(pid: int | None) -> float | None:
    """Return for how many seconds the threads of a process have waited for a processor while they
    could run (`/proc/<pid>/task/*/schedstat`); None where the kernel doesn't say.
    """
    if pid is None:
        return None
    total, found = 0, False
    with suppress(OSError):
        for path in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError, ValueError, IndexError):
                total += int((path / "schedstat").read_text(encoding="ascii").split()[1])
                found = True
    return total / 1e9 if found else None


def is_stopped(pid: int | None) -> bool:
    """Return whether a process stands still by a signal (SIGSTOP, as cpulimit and debuggers send
    it); it neither runs nor waits for a processor then.
    """
    with suppress(OSError, IndexError):
        if pid is not None:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
            return stat.rpartition(")")[2].split()[0] in {"T", "t"}
    return False


def describe_machine() -> dict[str, str]:
    """Return what a reader needs to know of the machine and the programs, by name, in words."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    versions = ", ".join(f"{name} {version(name)}" for name in _PROGRAMS)
    return {
        "processors": f"{os.cpu_count()}, {usable} of them usable",
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "load average before the run": load,
        "system": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "programs": versions,
    }


async def probe_disk(folder: Path, histogram: Histogram) -> None:
    """Write and fsync a page each second and record how long that takes, until cancelled: a server
    that stores durably can't be quicker than its disk.
    """
    path = folder / "fsync-probe"
    while True:
        histogram.record(await asyncio.to_thread(_fsync, path))
        await asyncio.sleep(_FSYNC_EVERY_S)


def _fsync(path: Path) -> float:
    with path.open("wb") as file:
        file.write(_PAGE)
        file.flush()
        began = time.monotonic()
        os.fsync(file.fileno())
    return time.monotonic() - began
