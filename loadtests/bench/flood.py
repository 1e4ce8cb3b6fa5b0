"""Measure honest subscribers beside floods: python loadtests/bench/flood.py [--subscribers 500] [--rounds 2]
[--seconds 20] [--one-address] [--json FILE]

The server has its default limits, but for one user's connections: the subscribers share a token.
Quiet and flooded times come in turns, so that a busy machine is busy for both; what is compared is
the time from the instant at which a booking is due until the last subscriber has its event. Ends with
1 where p99 is above twice the quiet one, or where the memory a minute after is more than 20 % above
that before.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import HELLO, RATE, Figures, at_most
from floods import DOCUMENTS
from processes import (
    HERE,
    SECRET,
    UNLIMITED,
    Server,
    Subscription,
    build,
    counting,
    free_ports,
    serving,
)
from traffic import Caller

TARGETS = {"p99_ratio": at_most(2.0), "rss_ratio": at_most(1.2)}
WARM_EVENTS = 2 * RATE
SETTLE_S = 60.0
"""After which the memory is to be back."""


def measure(
    directory: Path,
    *,
    subscribers: int,
    rounds: int,
    seconds: float,
    addresses: int,
    settle_s: float,
) -> Figures:
    """Latencies in milliseconds, memory in MiB, and what the floods have tried."""
    events = int(seconds * RATE)
    total = WARM_EVENTS + 2 * rounds * events
    due: list[float] = []
    figures: Figures = {}
    with _server(directory / "data") as server:
        path = Subscription(f"/ws?token={server.token}", HELLO)
        with counting(directory, server.port, path, subscribers, total) as watching:
            caller = Caller(server)
            caller.post_on_time(WARM_EVENTS, rate=RATE)
            for path in DOCUMENTS:  # each is built at its first request, and stays
                caller.read(path)
            cpu = server.cpu_s()
            for _ in range(rounds):
                due += caller.post_on_time(events, rate=RATE)
                figures["quiet_cpu_s"] = figures.get("quiet_cpu_s", 0.0) + server.cpu_s() - cpu
                figures.setdefault("rss_before", _mib(server))
                with _flooding(server, seconds, addresses) as flooding:
                    cpu = server.cpu_s()
                    due += caller.post_on_time(events, rate=RATE)
                    figures["flood_cpu_s"] = figures.get("flood_cpu_s", 0.0) + server.cpu_s() - cpu
                    figures["rss_most"] = max(figures.get("rss_most", 0.0), _mib(server))
                for kind, number in json.loads(flooding.stdout or "{}").items():
                    figures[f"tried_{kind}"] = figures.get(f"tried_{kind}", 0) + number
                cpu = server.cpu_s()
            seen = watching.result()
        time.sleep(settle_s)
        figures["rss_after"] = _mib(server)
    late = [
        (last - start) * 1e3 for start, last in zip(due, seen["last_at"][WARM_EVENTS:], strict=True)
    ]
    turns = [late[first : first + events] for first in range(0, len(late), events)]
    figures["lost"] = (total - len(seen["last_at"])) * subscribers + seen["lost"]
    for name, parts in (("quiet", turns[::2]), ("flood", turns[1::2])):
        ordered = sorted(value for part in parts for value in part)
        figures[f"{name}_p50"] = ordered[len(ordered) // 2]
        figures[f"{name}_p99"] = ordered[int(len(ordered) * 0.99)]
    figures["p99_ratio"] = figures["flood_p99"] / figures["quiet_p99"]
    figures["rss_ratio"] = figures["rss_after"] / figures["rss_before"]
    return figures


@contextmanager
def _server(data: Path) -> Iterator[Server]:
    """`rtdash serve` with its default limits."""
    environment = os.environ | {
        "RTDASH_SECRET": SECRET,
        "RTDASH_DATA": str(data),
        "RTDASH_CONNECTIONS_PER_USER": UNLIMITED["RTDASH_CONNECTIONS_PER_USER"],
    }
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "rtdash", "serve", "--port", str(port)]
    token = _token(environment)
    with serving(command, port, environment, token=token) as server:
        yield server


def _token(environment: dict[str, str], *options: str) -> str:
    command = [sys.executable, "-m", "rtdash", "token", *options]
    return subprocess.run(  # noqa: S603
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()


class _Flooding:
    stdout: str | None = None


@contextmanager
def _flooding(server: Server, seconds: float, addresses: int) -> Iterator[_Flooding]:
    """Floods for that time; what they tried, once they have ended."""
    environment = os.environ | {"RTDASH_SECRET": SECRET}
    powerless = _token(environment, "--user", "powerless", "--scope", "hotel:read")
    flooding = _Flooding()
    command = [sys.executable, str(HERE / "floods.py"), str(server.port), str(seconds)]
    # our own program
    with subprocess.Popen(  # noqa: S603
        [*command, str(addresses), powerless], stdout=subprocess.PIPE, text=True
    ) as process:
        yield flooding
        flooding.stdout = process.communicate(timeout=120)[0]


def _mib(server: Server) -> float:
    return server.rss_bytes() / 1024 / 1024


def main() -> None:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description="Measures what floods cost honest subscribers.")
    parser.add_argument("--subscribers", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=2, help="quiet and flooded times, in turns")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each of them")
    parser.add_argument("--settle", type=float, default=SETTLE_S, help="seconds before the memory")
    parser.add_argument("--one-address", action="store_true", help="all share one address")
    parser.add_argument("--json", type=Path, help="where the figures go")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        build(Path(directory))
        figures = measure(
            Path(directory),
            subscribers=options.subscribers,
            rounds=options.rounds,
            seconds=options.seconds,
            addresses=1 if options.one_address else 5,
            settle_s=options.settle,
        )
    for name, value in figures.items():
        target = TARGETS.get(name)
        shown = "" if target is None else f"  {target}"
        print(f"{name:18} {value:10,.2f}{shown}")
    print(f"{'load of machine':18} {os.getloadavg()[0]:10.2f}")
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1))
    if figures["lost"] or not all(one.is_reached(figures[name]) for name, one in TARGETS.items()):
        sys.exit(1)


if __name__ == "__main__":
    main()
