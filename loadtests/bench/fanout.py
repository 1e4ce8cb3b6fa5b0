"""Fan-out: CPU a delivery, deliveries a second, the time to the last client; against the floor, the
plain loop and other servers.
"""

import time
from pathlib import Path

from bench import RATE, Bench, Figures
from deliveries import (
    FLOORS,
    TICK_S,
    body_of,
    deliver_bursts,
    deliver_by_plain_loop,
    deliver_by_rival,
    deliver_paced,
    measure_floor,
    paced_alone_s,
)
from processes import Server, Subscription, counting, rtdash
from rivals import RIVALS
from traffic import Caller

VENUES = 1_000
SETTLE_S = 0.5
SETTLE_TRIES = 20


def single(bench: Bench) -> Figures:
    """Row 1. 1,000 subscribers, single bookings at 40 a second: CPU a delivery, of all that can be
    compared with; when the last had it.
    """
    subscribers, events = bench.size(1_000), bench.size(200)
    ours = deliver_paced(bench, subscribers, events)
    bare = measure_floor(bench, subscribers, int(ours.frame_bytes), rounds=events // FLOORS)
    figures = {
        "cpu_us": ours.cpu_us,
        "floor_us": bare["cpu_us"],
        "times_floor": ours.cpu_us / bare["cpu_us"],
        "lost": ours.lost,
    }
    figures |= {"p50_ms": ours.quantile_ms(0.5), "p99_ms": ours.quantile_ms(0.99)}
    figures["of_plain_loop"] = ours.cpu_us / deliver_by_plain_loop(bench, subscribers, events)
    for rival in RIVALS:
        if rival.is_here():
            theirs = deliver_by_rival(bench, rival, subscribers, events, body_of(ours), rate=RATE)
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
    ours = deliver_bursts(bench, subscribers, events)
    figures = {"deliveries_a_second": ours.a_second, "cpu_us": ours.cpu_us, "lost": ours.lost}
    nats = next(rival for rival in RIVALS if rival.name == "nats")
    if not nats.is_here():
        bench.missing.update(dict.fromkeys(("times_nats_a_second", "of_nats_cpu"), nats.needs))
        return figures
    theirs = deliver_by_rival(bench, nats, subscribers, events, body_of(ours))
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
    ours = deliver_paced(bench, subscribers, events)
    bound_ms = (
        measure_floor(bench, subscribers, int(ours.frame_bytes), rounds=events // FLOORS)[
            "round_p50_ms"
        ]
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
        deliver_bursts(bench, bench.size(500), bench.size(2_000)),
        deliver_bursts(bench, bench.size(5_000), bench.size(400)),
    )
    return {"few_us": few.cpu_us, "many_us": many.cpu_us, "growth": many.cpu_us / few.cpu_us}


def venues(bench: Bench) -> Figures:
    """Row 9. 1,000 venues with 5 subscribers each against one with 1,000; every delivery is a
    write of its own. What the same bookings cost without a subscriber is subtracted from both. A
    booking costs more where the store holds more: the store is filled first, and the bookings
    without a subscriber are the mean of those before and behind the others.
    """
    number, subscribers, events = bench.size(VENUES), bench.size(1_000), bench.size(200)
    ids = [f"grill-{place}" for place in range(number)]
    path = bench.directory / "venues.toml"
    _write_venues(path, ids)
    rounds = 10
    with rtdash(bench.data, "--venues", str(path)) as server:
        _spread(server, ids, rounds)
        before_s = _spread(server, ids, rounds)
        hello = '{"action":"subscribe","channels":["restaurant_reservations"],"venue":"grill-%d"}'
        following = Subscription(f"/ws?token={server.token}", hello, (f"places={number}",))
        with counting(bench.directory, server.port, following, 5 * number, rounds) as clients:
            followed_s = _spread(server, ids, rounds)
            frames = clients.result()["frames"]
        _settle(server)
        alone_s = (before_s + _spread(server, ids, rounds)) / 2
    many_us = (followed_s - alone_s) * 1e6 / frames
    one = deliver_paced(bench, subscribers, events)
    one_us = one.cpu_us - paced_alone_s(bench, events) * 1e6 / subscribers / events
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
        deliver_bursts(bench, subscribers, bench.size(2_000), *options)
        for options in ((), ("deflate",))
    )
    plain_paced, deflated_paced = (
        deliver_paced(bench, subscribers, bench.size(200), *options)
        for options in ((), ("deflate",))
    )
    return {
        "burst_bytes_share": deflated_burst.frame_bytes / plain_burst.frame_bytes,
        "burst_cpu_ratio": deflated_burst.cpu_us / plain_burst.cpu_us,
        "paced_bytes_share": deflated_paced.frame_bytes / plain_paced.frame_bytes,
        "paced_cpu_ratio": deflated_paced.cpu_us / plain_paced.cpu_us,
    }


def _spread(server: Server, ids: list[str], rounds: int) -> float:
    """Seconds of CPU for a booking of each venue, over and over, 100 venues a request."""
    cpu_s = server.cpu_s()
    Caller(server).post_lists(rounds * len(ids), venues=ids)
    return server.cpu_s() - cpu_s


def _settle(server: Server) -> None:
    """Wait until the server has let go of the clients that have left, and rests."""
    for _ in range(SETTLE_TRIES):
        cpu_s = server.cpu_s()
        time.sleep(SETTLE_S)
        if server.cpu_s() - cpu_s <= 2 * TICK_S:
            return


def _write_venues(path: Path, ids: list[str]) -> None:
    shape = (
        '[[venue]]\nid = "{id}"\nname = "{id}"\nkind = "restaurant"\ntimezone ='
        ' "Europe/Lisbon"\ncurrency = "EUR"\n'
    )
    path.write_text("".join(shape.format(id=one) for one in ids))
