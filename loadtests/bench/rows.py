"""All rows, each with what its figures must reach."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from answering import lists, reads, writes
from bench import Bench, Figures, Target, at_least, at_most
from connecting import connections, storm
from fanout import burst, compression, growth, latency, single, venues
from fleet import process
from fleet_store import fleet_store
from on_postgres import postgres_writes
from starting import great_store, starts
from stating import states
from workers import workers
from year import lag, reports


@dataclass(frozen=True, slots=True)
class Row:
    """`measure` gives the figures of one run; those without a target are shown for their own
    sake.
    """

    measure: Callable[[Bench], Figures]
    targets: dict[str, Target] = field(default_factory=dict)


_BELOW = dict.fromkeys(("of_node_ws", "of_mosquitto", "of_nats"), at_most(1))
_RIVALS_IN_BURST = {"times_nats_a_second": at_least(1), "of_nats_cpu": at_most(1)}
_BYTES = {
    "burst_bytes_share": at_most(0.25),
    "paced_bytes_share": at_most(0.6),
    "burst_cpu_ratio": at_most(1.3),
}
_NOTHING_LOST = {"lost": at_most(0), "not_back": at_most(0), "not_recovered": at_most(0)}
_REPORTS = ("trends_ms", "by_category_ms", "sources_ms", "frequency_ms", "slowest_ms")
_WORKS = ("lists_of_100_ms", "lists_of_1000_ms", "reports_ms", "long_pages_ms", "tokens_ms")

ROWS: dict[str, Row] = {
    "1 single bookings, 1,000 subscribers": Row(
        single, {"times_floor": at_most(1.5), **_BELOW, "lost": at_most(0)}
    ),
    "2 burst, 500 subscribers": Row(
        burst,
        {
            "deliveries_a_second": at_least(1_500_000),
            "cpu_us": at_most(0.5),
            **_RIVALS_IN_BURST,
            "lost": at_most(0),
        },
    ),
    "3 latency, 500 subscribers": Row(
        latency, {"p50_of_bound": at_most(1), "p99_of_twice_bound": at_most(1)}
    ),
    "4, 5 connections": Row(
        connections,
        {
            "kib_a_connection": at_most(12),
            "of_plain_loop": at_most(0.65),
            "of_centrifugo": at_most(1),
        },
    ),
    "6 reads": Row(reads, {"of_bare_200": at_least(0.5), "of_bare_304": at_least(0.5)}),
    "7 writes": Row(
        writes, {"in_lists_a_second": at_least(6_000), "one_by_one_a_second": at_least(1_500)}
    ),
    "8 storm, 10,000 connections": Row(storm, {"back_s": at_most(15), **_NOTHING_LOST}),
    "9 growth, 5,000 subscribers": Row(growth, {"growth": at_most(1.2)}),
    "9 growth, 1,000 venues": Row(venues, {"times_one": at_most(1.6)}),
    "10 compression": Row(compression, _BYTES),
    "11 starts": Row(starts, {"ready_s": at_most(0.6), "help_s": at_most(0.4)}),
    "12 reports of a year": Row(reports, dict.fromkeys(_REPORTS, at_most(200))),
    "13 lag of the event loop": Row(lag, dict.fromkeys(_WORKS, at_most(20))),
    "14 two workers": Row(workers, {"lost_1": at_most(0), "lost_2": at_most(0)}),
    "15 lists of reservations": Row(
        lists, {"list_times_bare": at_most(3), "upcoming_times_bare": at_most(3)}
    ),
    "16 start over millions of events": Row(great_store, {"ready_s": at_most(1)}),
    "17 states and batches, 1,000 subscribers": Row(states, {"lost": at_most(0)}),
    "18 single bookings on PostgreSQL": Row(postgres_writes, {"pgbench_times": at_most(1.3)}),
    "19 a process of a fleet": Row(process, {"not_live": at_most(20)}),
    "20 the store of a fleet": Row(fleet_store, {"million_confirm_100_s_cores": at_most(8)}),
}


def median(runs: list[Figures]) -> Figures:
    """Of each figure by itself."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}
