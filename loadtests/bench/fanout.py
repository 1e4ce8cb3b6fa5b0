"""Fan-out: CPU a delivery, deliveries a second, the time to the last client; against the floor, the
plain loop and other servers.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import HELLO, RATE, Bench, Figures
from processes import Server, Subscription, counting, floor, free_ports, plain, rtdash, serving
from rivals import RIVALS, Rival
from traffic import Caller, pace

FRAME_HEAD_BYTES = 4
FLOORS = 5
VENUES = 1_000
TICK_S = 0.01
"""Unit in which the kernel counts CPU: less counts as none."""


@dataclass(frozen=True, slots=True)
class Fanned:
    """One run: server CPU a delivery, wire bytes a frame, and for each event the time from sending
    it to its last receipt.
    """

    cpu_us: float
    frame_bytes: float
    latencies_ms: list[float]
    a_second: float
    lost: int

    def quantile_ms(self, share: float) -> float:
        """Of the latencies."""
        return sorted(self.latencies_ms)[
            min(len(self.latencies_ms) - 1, int(len(self.latencies_ms) * share))
        ]


def single(bench: Bench) -> Figures:
    """Row 1. 1,000 subscribers, single bookings at 40 a second: CPU a delivery, of all that can be
    compared with; when the last had it.
    """
    subscribers, events = bench.size(1_000), bench.size(200)
    ours = _paced(bench, subscribers, events)
    bare = _floor(bench, subscribers, int(ours.frame_bytes), rounds=events // FLOORS)
    figures = {
        "cpu_us": ours.cpu_us,
        "floor_us": bare["cpu_us"],
        "times_floor": ours.cpu_us / bare["cpu_us"],
        "lost": ours.lost,
    }
    figures |= {"p50_ms": ours.quantile_ms(0.5), "p99_ms": ours.quantile_ms(0.99)}
    figures["of_plain_loop"] = ours.cpu_us / _plain_loop(bench, subscribers, events)
    for rival in RIVALS:
        if rival.is_here():
            theirs = _rival(bench, rival, subscribers, events, _body(ours), rate=RATE)
            figures[f"{rival.name}_us"], figures[f"of_{rival.name}"] = (
                theirs.cpu_us,
                ours.cpu_us / theirs.cpu_us,
            )
        else:
            bench.missing[f"of_{rival.name}"] = rival.needs
    return figures


def burst(bench: Bench) -> Figures:
    """Row 2. 500 subscribers, bookings 100 a request as fast as they are taken; NATS with messages
    of the same size.
    """
    subscribers, events = bench.size(500), bench.size(2_000)
    ours = _burst(bench, subscribers, events)
    figures = {"deliveries_a_second": ours.a_second, "cpu_us": ours.cpu_us, "lost": ours.lost}
    nats = next(rival for rival in RIVALS if rival.name == "nats")
    if not nats.is_here():
        bench.missing.update(dict.fromkeys(("times_nats_a_second", "of_nats_cpu"), nats.needs))
        return figures
    theirs = _rival(bench, nats, subscribers, events, _body(ours))
    figures |= {"nats_a_second": theirs.a_second, "nats_us": theirs.cpu_us}
    return figures | {
        "times_nats_a_second": ours.a_second / theirs.a_second,
        "of_nats_cpu": ours.cpu_us / theirs.cpu_us,
    }


def latency(bench: Bench) -> Figures:
    """Row 3. From sending the booking to the last of 500 clients; bounds: the floor's round and 3
    ms more, p99 twice that.
    """
    subscribers, events = bench.size(500), bench.size(200)
    ours = _paced(bench, subscribers, events)
    bound_ms = (
        _floor(bench, subscribers, int(ours.frame_bytes), rounds=events // FLOORS)["round_p50_ms"]
        + 3
    )
    p50, p99 = ours.quantile_ms(0.5), ours.quantile_ms(0.99)
    return {
        "p50_ms": p50,
        "p99_ms": p99,
        "bound_ms": bound_ms,
        "p50_of_bound": p50 / bound_ms,
        "p99_of_twice_bound": p99 / 2 / bound_ms,
    }


def growth(bench: Bench) -> Figures:
    """Row 9. CPU a delivery with ten times the subscribers, in bursts."""
    few, many = (
        _burst(bench, bench.size(500), bench.size(2_000)),
        _burst(bench, bench.size(5_000), bench.size(400)),
    )
    return {"few_us": few.cpu_us, "many_us": many.cpu_us, "growth": many.cpu_us / few.cpu_us}


def venues(bench: Bench) -> Figures:
    """Row 9. 1,000 venues with 5 subscribers each against one with 500; every delivery is a write
    of its own. What the same bookings
    cost without a subscriber is subtracted from both.
    """
    number, subscribers, events = bench.size(VENUES), bench.size(500), bench.size(200)
    ids = [f"grill-{place}" for place in range(number)]
    path = bench.directory / "venues.toml"
    _write_venues(path, ids)
    rounds = 10
    with rtdash(bench.data, "--venues", str(path)) as server:
        alone_s = _spread(server, ids, rounds)
        hello = '{"action":"subscribe","channels":["restaurant_reservations"],"venue":"grill-%d"}'
        following = Subscription(f"/ws?token={server.token}", hello, (f"places={number}",))
        with counting(bench.directory, server.port, following, 5 * number, rounds) as clients:
            followed_s = _spread(server, ids, rounds)
            frames = clients.result()["frames"]
    many_us = (followed_s - alone_s) * 1e6 / frames
    one = _paced(bench, subscribers, events)
    one_us = one.cpu_us - _paced_alone_s(bench, events) * 1e6 / subscribers / events
    return {
        "venues_us": many_us,
        "one_us": one_us,
        "booking_us": alone_s * 1e6 / rounds / number,
        "times_one": many_us / one_us,
    }


def compression(bench: Bench) -> Figures:
    """Row 10. Bytes and CPU with permessage-deflate, of those without: in bursts, and one event at
    a time.
    """
    subscribers = bench.size(500)
    plain_burst, deflated_burst = (
        _burst(bench, subscribers, bench.size(2_000), *options) for options in ((), ("deflate",))
    )
    plain_paced, deflated_paced = (
        _paced(bench, subscribers, bench.size(200), *options) for options in ((), ("deflate",))
    )
    return {
        "burst_bytes_share": deflated_burst.frame_bytes / plain_burst.frame_bytes,
        "burst_cpu_ratio": deflated_burst.cpu_us / plain_burst.cpu_us,
        "paced_bytes_share": deflated_paced.frame_bytes / plain_paced.frame_bytes,
        "paced_cpu_ratio": deflated_paced.cpu_us / plain_paced.cpu_us,
    }


def _paced(bench: Bench, subscribers: int, events: int, *options: str) -> Fanned:
    with (
        rtdash(bench.data) as server,
        counting(
            bench.directory, server.port, _ours(server, options), subscribers, events
        ) as clients,
    ):
        cpu_s = server.cpu_s()
        sent = Caller(server).post_paced(events, rate=RATE)
        return _fanned(clients.result(), server.cpu_s() - cpu_s, sent)


def _floor(bench: Bench, sockets: int, size: int, *, rounds: int) -> dict[str, float]:
    """The medians of several floors: whether a reader is woken on its writer's processor is a
    matter of luck, and doubles the time.
    """
    runs = [floor(bench.directory, sockets, size, rounds=rounds, rate=RATE) for _ in range(FLOORS)]
    return {figure: median(run[figure] for run in runs) for figure in runs[0]}


def _paced_alone_s(bench: Bench, events: int) -> float:
    """CPU of the same bookings without a subscriber."""
    with rtdash(bench.data) as server:
        cpu_s = server.cpu_s()
        Caller(server).post_paced(events, rate=RATE)
        return server.cpu_s() - cpu_s


def _burst(bench: Bench, subscribers: int, events: int, *options: str) -> Fanned:
    with (
        rtdash(bench.data) as server,
        counting(
            bench.directory, server.port, _ours(server, options), subscribers, events
        ) as clients,
    ):
        cpu_s = server.cpu_s()
        Caller(server).post_lists(events)
        return _fanned(clients.result(), server.cpu_s() - cpu_s)


def _rival(
    bench: Bench, rival: Rival, subscribers: int, events: int, body: bytes, *, rate: float = 0
) -> Fanned:
    """Another server with as many subscribers and messages of the same size; without a rate, as
    fast as it takes them.
    """
    port, second = free_ports(2)
    command = rival.command(bench.directory / rival.name, port, second)
    with (
        serving(command, port, dict(os.environ)) as server,
        counting(
            bench.directory, port, rival.subscription(len(body)), subscribers, events
        ) as clients,
    ):
        publisher = rival.publisher(port, second)
        cpu_s = server.cpu_s()
        if rate:
            pace(events, rate, lambda _turn: publisher.publish([body]))
        else:
            publisher.publish([body] * events)
        return _fanned(clients.result(), server.cpu_s() - cpu_s)


def _plain_loop(bench: Bench, subscribers: int, events: int) -> float:
    """Microseconds of CPU a delivery of the plain loop, at the same pace."""
    with (
        plain("loop") as server,
        counting(bench.directory, server.port, _ours(server, ()), subscribers, events) as clients,
    ):
        cpu_s = server.cpu_s()
        Caller(server).post_paced(events, rate=RATE, path="/publish")
        return _fanned(clients.result(), server.cpu_s() - cpu_s).cpu_us


def _spread(server: Server, ids: list[str], rounds: int) -> float:
    """Seconds of CPU for a booking of each venue, over and over, 100 venues a request."""
    cpu_s = server.cpu_s()
    Caller(server).post_lists(rounds * len(ids), venues=ids)
    return server.cpu_s() - cpu_s


def _ours(server: Server, options: tuple[str, ...]) -> Subscription:
    return Subscription(f"/ws?token={server.token}", HELLO, options)


def _body(run: Fanned) -> bytes:
    """A message of the size that was delivered."""
    return b"x" * (int(run.frame_bytes) - FRAME_HEAD_BYTES)


def _fanned(counted: dict[str, Any], cpu_s: float, sent: list[float] | None = None) -> Fanned:
    frames, cpu_s = max(1, counted["frames"]), max(TICK_S, cpu_s)
    latencies = (
        [(last - start) * 1e3 for start, last in zip(sent, counted["last_at"], strict=True)]
        if sent
        else []
    )
    return Fanned(
        cpu_s * 1e6 / frames,
        counted["bytes"] / frames,
        latencies,
        frames / max(counted["span_s"], 1e-9),
        counted["lost"],
    )


def _write_venues(path: Path, ids: list[str]) -> None:
    shape = (
        '[[venue]]\nid = "{id}"\nname = "{id}"\nkind = "restaurant"\ntimezone ='
        ' "Europe/Lisbon"\ncurrency = "EUR"\n'
    )
    path.write_text("".join(shape.format(id=one) for one in ids))
