"""Measure the polls of the heads: python loadtests/bench/head_polls.py [--venues 100000]
[--changes 1000] [--seconds 90] [--followed 0] [--database URL]

Changes are written to a store with so many venues, and between them a relay polls as often as a
process with such a store does: a SQLite file has one process. The clock is the script's, so a busy
machine measures the same: only the CPU time of the process during the polls counts, per second of
that clock.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, insert

from rtdash.broker.memory import MemoryBroker
from rtdash.hub import Hub
from rtdash.protocol.channels import Channel, Stream
from rtdash.relay import Relay
from rtdash.relay.head_poller import ALONE_INTERVAL_S, POLL_INTERVAL_S, PollPlan, Reach
from rtdash.store import event_log, schema
from rtdash.store.database import Database
from rtdash.store.event_log import NewEvent
from rtdash.store.event_reader import EventReader

CHANNELS = (Channel.RESTAURANT_RESERVATIONS, Channel.RESTAURANT_NOTIFICATIONS)
BODY = {"type": "notification", "channel": CHANNELS[0].value, "title": "x" * 200, "seq": 0}


class Clock:
    """Clock that the script moves; it also counts as the monotonic one."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> datetime:
        """Return the present instant."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)


def main() -> None:
    """Measure, and print a line for each reach of a poll and one for all."""
    parser = argparse.ArgumentParser(description="Measures the CPU of the polls of the heads.")
    parser.add_argument("--venues", type=int, default=100_000)
    parser.add_argument("--changes", type=int, default=1_000, help="a second, at random venues")
    parser.add_argument("--seconds", type=int, default=90, help="of the script's clock")
    parser.add_argument(
        "--followed",
        type=int,
        default=0,
        help="venues followed here: their events are read as well",
    )
    parser.add_argument("--database", help="default: a SQLite file of its own")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        url = options.database or f"sqlite:///{directory}/rtdash.db"
        asyncio.run(_measure(options, url, Path(directory)))


async def _measure(options: argparse.Namespace, url: str, directory: Path) -> None:
    clock, rng = Clock(), random.Random(1)  # noqa: S311
    database = await Database.open(url, data_dir=directory, clock=clock)
    names = [f"venue-{number:06}" for number in range(options.venues)]
    await database.write(lambda conn: _save_heads(conn, names))
    relay = await _open_relay(database, clock)
    for name in names[: options.followed]:
        await relay.follow(Stream(name, CHANNELS[0]))
    spent = dict.fromkeys(Reach, 0.0)
    polls = dict.fromkeys(Reach, 0)
    due, interval = 0.0, POLL_INTERVAL_S if options.database else ALONE_INTERVAL_S
    while clock.seconds < options.seconds:
        at = clock()
        changed = rng.choices(names, k=options.changes // 10)
        await database.write(lambda conn, changed=changed, at=at: _change(conn, changed, at))
        clock.seconds += 0.1
        if clock.seconds >= due:
            due += interval
            reach = relay._plan.next_reach()  # noqa: SLF001 - the relay's own decision
            began = time.process_time()
            await relay.poll_heads(reach)
            spent[reach] += time.process_time() - began
            polls[reach] += 1
    for reach in Reach:
        each = 1000 * spent[reach] / max(1, polls[reach])
        print(f"{reach.value:>8}: {polls[reach]:4} polls, {each:7.2f} ms of CPU each")
    print(f"together: {1000 * sum(spent.values()) / options.seconds:.2f} ms of CPU a second")
    await relay.cancel_reads()
    await database.close()


async def _open_relay(database: Database, clock: Clock) -> Relay:
    loop = asyncio.get_running_loop()
    log = EventReader(database)
    epoch, _ = await log.read_heads([])
    hub = Hub(loop.call_soon, loop.call_later, loop.time)
    relay = Relay(
        log, hub, MemoryBroker(), epoch, clock=clock, on_changed=lambda _: None, is_alone=False
    )
    relay._plan = PollPlan(clock, clock_monotonic=lambda: clock.seconds)  # noqa: SLF001
    return relay


def _save_heads(conn: Connection, names: Sequence[str]) -> None:
    rows = [
        {"venue": name, "channel": channel.value, "seq": 0, "changed_at": 0}
        for name in names
        for channel in CHANNELS
    ]
    for start in range(0, len(rows), 10_000):
        conn.execute(insert(schema.heads), rows[start : start + 10_000])


def _change(conn: Connection, names: Sequence[str], at: datetime) -> None:
    events = [NewEvent(Stream(name, CHANNELS[0]), dict(BODY)) for name in names]
    event_log.append(conn, events, now=at)


if __name__ == "__main__":
    main()
