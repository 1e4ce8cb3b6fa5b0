"""Two workers against one on the same machine, with the CPU of each part: the server's, the
generator's, the store's and the broker's.
"""

import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from bench import HELLO, Bench, Figures
from processes import Counting, Server, Subscription, counting, rtdash
from traffic import Caller

Services = Callable[[], list[psutil.Process]]
READY_S = 30.0
_CHECKOUT = Path(__file__).resolve().parents[2]


def workers(bench: Bench) -> Figures:
    """Row 14. Bookings 100 a request to 2,000 subscribers, by one worker and by two, over
    PostgreSQL and Redis of our own.
    """
    sys.path.append(str(_CHECKOUT))
    try:
        import pytest  # noqa: PLC0415

        from tests.servers import running  # noqa: PLC0415
    except ImportError:
        bench.missing.update(
            dict.fromkeys(("lost_1", "lost_2"), "a checkout, installed with the extra test")
        )
        return {}
    try:
        with running("postgres") as postgres, running("redis") as redis:
            return _one_and_two(bench, postgres, redis)
    except pytest.skip.Exception as reason:
        bench.missing.update(dict.fromkeys(("lost_1", "lost_2"), str(reason)))
        return {}


def _one_and_two(bench: Bench, postgres: Any, redis: Any) -> Figures:
    """`gain`: deliveries a second by two of those by one, here, where all share the cores.
    `gain_elsewhere`: what their CPU a delivery
    would give if only the workers were here.
    """
    from tests.stores import new_database  # noqa: PLC0415

    figures: Figures = {}
    for number in (1, 2):
        with (
            new_database(postgres.url) as database,
            _crew(bench, number, database, redis.url) as server,
        ):
            figures |= _measure(bench, number, server, lambda: [*postgres.tree(), *redis.tree()])
    gains = {
        "gain": figures["a_second_2"] / figures["a_second_1"],
        "gain_elsewhere": 2 * figures["server_us_1"] / figures["server_us_2"],
    }
    return figures | gains


@contextmanager
def _crew(bench: Bench, number: int, database: str, broker: str) -> Iterator[Server]:
    """Start `number` workers, and yield when all of them are ready: `rtdash serve` has written its
    address.
    """
    with rtdash(
        bench.data, "--workers", str(number), "--database", database, "--broker", broker
    ) as server:
        deadline = time.monotonic() + READY_S
        while not (bench.data / "address").exists():
            if time.monotonic() > deadline:
                sys.exit("the workers did not start")
            time.sleep(0.01)
        yield server
        server.process.terminate()
        server.process.wait(READY_S)


def _measure(bench: Bench, number: int, server: Server, services: Services) -> Figures:
    """Deliveries a second of wall time, microseconds of CPU a delivery of each part, and cores in use:
    by the parts, by other programs, idle.
    """
    subscribers, events = bench.size(2_000), bench.size(1_000)
    Caller(server).post_lists(200)  # builds what is built once
    following = Subscription(f"/ws?token={server.token}", HELLO)
    with counting(bench.directory, server.port, following, subscribers, events) as clients:
        before = _spent(server, services, clients)
        start, busy_s = time.monotonic(), _machine_s()
        Caller(server).post_lists(events)
        counted, after = _finished(server, services, clients)
    wall_s, busy_s = time.monotonic() - start, _machine_s() - busy_s
    spent = {part: after[part] - before[part] for part in after}
    return {
        f"a_second_{number}": counted["frames"] / wall_s,
        **{
            f"{part}_us_{number}": seconds * 1e6 / max(1, counted["frames"])
            for part, seconds in spent.items()
        },
        **{f"{part}_cores_{number}": seconds / wall_s for part, seconds in spent.items()},
        f"others_cores_{number}": (busy_s - sum(spent.values())) / wall_s,
        f"idle_cores_{number}": (os.cpu_count() or 1) - busy_s / wall_s,
        f"lost_{number}": counted["lost"],
    }


def _finished(
    server: Server, services: Services, clients: Counting
) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the counts, and all CPU until then: that of the counting program, which has ended, by
    what the system noted of our children.
    """
    ended_before_s = _of_children()
    counted = clients.result()
    counting_s = _of_children() - ended_before_s
    return counted, _spent(server, services) | {"generator": time.process_time() + counting_s}


def _spent(server: Server, services: Services, clients: Counting | None = None) -> dict[str, float]:
    """Seconds of CPU so far."""
    generator_s = time.process_time() + (
        _cpu_s(psutil.Process(clients.process.pid)) if clients else 0.0
    )
    return {
        "server": server.cpu_s(),
        "services": sum(map(_cpu_s, services())),
        "generator": generator_s,
    }


def _of_children() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def _machine_s() -> float:
    """Seconds of CPU that all processes of the machine have used, including what the host took for
    itself.
    """
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice


def _cpu_s(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:2])
    except psutil.NoSuchProcess:
        return 0.0
