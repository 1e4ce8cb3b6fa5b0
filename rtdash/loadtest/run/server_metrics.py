"""Metrics that a server publishes about itself (`/metrics`, Prometheus text): connections, memory,
open files, CPU, lateness of its event loop.
"""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass

import httpx2

from rtdash.client.addresses import rest_url

_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True)
class ServerMetrics:
    """Values of one scrape; None for what the server doesn't publish. Of several workers the sum,
    of their lateness the greatest.
    """

    connections: int | None = None
    memory_bytes: float | None = None
    open_files: float | None = None
    cpu_s: float | None = None
    loop_lag_s: float | None = None
    """The greatest since the scrape before."""
    sessions: int | None = None
    """Of the whole store: each worker publishes the same."""


async def read_metrics(url: str) -> ServerMetrics | None:
    """Return the server's metrics; None where there are none to read."""
    async with httpx2.AsyncClient(
        trust_env=False, timeout=_TIMEOUT_S, verify=ssl.create_default_context()
    ) as client:
        try:
            text = (await client.get(f"{rest_url(url)}/metrics")).raise_for_status().text
        except httpx2.HTTPError:
            return None
    return parse_metrics(text.splitlines())


def parse_metrics(lines: Iterable[str]) -> ServerMetrics:
    """Return the values in a Prometheus text; lines that can't be read are left out."""
    found: dict[str, list[float]] = {}
    for line in lines:
        name, _, value = line.rpartition(" ")
        if name and not name.startswith("#"):
            try:
                found.setdefault(name.partition("{")[0], []).append(float(value))
            except ValueError:
                continue

    def total(name: str) -> float | None:
        return sum(found[name]) if name in found else None

    connections = total("rtdash_connections")
    return ServerMetrics(
        connections=None if connections is None else int(connections),
        memory_bytes=total("process_resident_memory_bytes"),
        open_files=total("process_open_fds"),
        cpu_s=total("process_cpu_seconds_total"),
        loop_lag_s=max(found.get("rtdash_loop_lag_max_seconds", []), default=None),
        sessions=int(max(found["rtdash_sessions"])) if "rtdash_sessions" in found else None,
    )
