"""State messages, which every subscriber gets whole, and batches with compression: CPU of each to
1,000 subscribers, beside that of a single event.
"""

import time
from datetime import UTC, datetime, timedelta

from bench import HELLO, RATE, Bench, Figures
from processes import Subscription, counting, rtdash
from traffic import TABLES, Caller, table

STATES = '{"action":"subscribe","channels":["restaurant_stats"]}'
BATCHED = HELLO[:-1] + ',"batch":200}'
STATE_RATE = 2
"""Bookings a second that change the figures: fewer than the four times that they are computed."""
REST_S = 1.0
"""For what is still on its way when the last booking is answered."""


def states(bench: Bench) -> Figures:
    """Row 17. A booking for today changes the figures, and all subscribers get them; a booking for
    each message is part of the CPU.
    """
    subscribers, messages = bench.size(1_000), max(5, int(20 * bench.scale))
    with rtdash(bench.data) as server:
        following = Subscription(f"/ws?token={server.token}", STATES, ("answers=2",))
        with counting(bench.directory, server.port, following, subscribers, messages) as clients:
            caller, cpu_s = Caller(server), server.cpu_s()
            for turn in range(messages):
                caller.call("POST", TABLES, _today(turn))
                time.sleep(1 / STATE_RATE)
            counted = clients.result()
            cpu_s = server.cpu_s() - cpu_s
    return {
        "state_us": cpu_s * 1e6 / max(1, counted["frames"]),
        "state_bytes": counted["bytes"] / max(1, counted["frames"]),
        "lost": counted["lost"],
        "event_us": _standing(bench, HELLO),
        "batched_us": _standing(bench, BATCHED),
        "batched_deflated_us": _standing(bench, BATCHED, "deflate"),
    }


def _standing(bench: Bench, hello: str, *options: str) -> float:
    """Microseconds of CPU an event and subscriber, single bookings at 40 a second."""
    subscribers, events = bench.size(1_000), bench.size(200)
    with rtdash(bench.data) as server:
        following = Subscription(f"/ws?token={server.token}", hello, options)
        with counting(bench.directory, server.port, following, subscribers, 0):
            cpu_s = server.cpu_s()
            Caller(server).post_paced(events, rate=RATE)
            time.sleep(REST_S)
            return (server.cpu_s() - cpu_s) * 1e6 / subscribers / events


def _today(turn: int) -> dict[str, object]:
    """A table within the hour, most of the time of the same business date."""
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)
    return {**table(turn), "date": start.isoformat()}
