"""The leases of processes: that they live, and how many connections each user has with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, bindparam, delete, insert, select

from rtdash.domain.instants import from_ms, to_ms
from rtdash.store import dialects
from rtdash.store.schema import leases, processes

LEASE = timedelta(seconds=15)
"""How long a process counts as alive after its last beat."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Connections of one user in one live process, and when their number last rose."""

    process: str
    sub: str
    connections: int
    raised_at: datetime


_READ_LEASES = (
    select(leases.c.process, leases.c.sub, leases.c.connections, leases.c.raised_at)
    .join(processes, processes.c.id == leases.c.process)
    .where(processes.c.beat_at >= bindparam("since"))
)


def beat(conn: Connection, process: str, counts: Mapping[str, int], *, now: datetime) -> None:
    """The heartbeat of a process, and the numbers of connections, by user, that changed since its
    last one (0: none any more).
    """
    now_ms = to_ms(now)
    conn.execute(dialects.upsert(conn, processes, ["beat_at"]), {"id": process, "beat_at": now_ms})
    if not counts:
        return
    of_process = and_(leases.c.process == process, leases.c.sub.in_(sorted(counts)))
    known = {row.sub: row for row in conn.execute(select(leases).where(of_process))}
    conn.execute(delete(leases).where(of_process))
    rows = []
    for sub, connections in counts.items():
        row = known.get(sub)
        raised_at = row.raised_at if row is not None and connections <= row.connections else now_ms
        rows.append(
            {"process": process, "sub": sub, "connections": connections, "raised_at": raised_at}
        )
    if kept := [row for row in rows if row["connections"]]:
        conn.execute(insert(leases), kept)


def read_leases(conn: Connection, *, now: datetime) -> list[Lease]:
    """Return the connections by user and process of all processes that are alive."""
    rows = conn.execute(_READ_LEASES, {"since": to_ms(now - LEASE)})
    return [
        Lease(process, sub, connections, from_ms(raised_at))
        for process, sub, connections, raised_at in rows
    ]
