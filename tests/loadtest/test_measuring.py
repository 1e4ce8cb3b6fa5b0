"""From what was seen to measures: bottlenecks, recoveries, the knee, SLOs that abort."""

import asyncio

import pytest

from rtdash.loadtest.evidence import Evidence, Step
from rtdash.loadtest.faults import Fault, Inflicted
from rtdash.loadtest.follower import Recovery
from rtdash.loadtest.ledger import Account, Log
from rtdash.loadtest.measuring import measure
from rtdash.loadtest.recoveries import time_recoveries
from rtdash.loadtest.results import Client
from rtdash.loadtest.run import ABORT_AFTER, Order, _Stops
from rtdash.loadtest.samples import Sample
from rtdash.loadtest.scenario import Generator, Phase, Scenario
from rtdash.loadtest.slo import Allowance, Slo, SloFile
from rtdash.protocol.channels import Channel, Position, Stream

EVENTS = Stream("grill", Channel.RESTAURANT_RESERVATIONS)
STATES = Stream("grill", Channel.RESTAURANT_STATS)
PHASE = Phase(name="calm", duration_s=1, dashboards=1)


@pytest.fixture
def evidence() -> Evidence:
    """One client that received all five events and has the present state."""
    one = Evidence(PHASE, [EVENTS, STATES], {EVENTS: Position("e", 0)})
    one.is_settled = True
    one.heads, one.logs = {EVENTS: 5}, {EVENTS: Log(0, 5, dict.fromkeys(range(1, 6), (None, "")))}
    one.states = {(STATES, "stats_update"): "present"}
    one.results.clients = [
        Client(
            "client 1",
            {EVENTS: Account(0, 6)},
            {(STATES, "stats_update"): "present"},
            is_current=True,
        )
    ]
    return one


def total(evidence: Evidence, name: str) -> float | None:
    return measure(evidence, Generator()).measures.get(name, "total")


def test_nothing_is_wrong_with_a_run_in_which_nothing_is(evidence: Evidence):
    """All counts are measured, and zero."""
    judged = measure(evidence, Generator())
    for name in (
        "lost",
        "duplicated",
        "reordered",
        "invalid",
        "unexpected",
        "not_recovered",
        "not_converged",
        "errors",
    ):
        assert judged.measures.get(name, "total") == 0
    assert (judged.invalid, judged.findings) == ([], [])


def test_connections_that_a_user_may_not_have_are_explained(evidence: Evidence):
    """Against a server with limits: how many they were, and what to give."""
    evidence.results.recoveries = [Recovery(1, 0.0, "close 4007"), Recovery(2, 0.0, "close 4007")]
    told = measure(evidence, Generator()).notes
    assert "connections ended: 2 by close 4007" in told
    assert "--tokens FILE" in told[-1]


def test_an_old_state_at_the_end_is_not_converged(evidence: Evidence):
    """Another digest than the server's."""
    evidence.states = {(STATES, "stats_update"): "newer"}
    assert total(evidence, "not_converged") == 1


def test_a_client_that_is_behind_at_the_end_is_not_recovered(evidence: Evidence):
    """And its missing tail is lost."""
    evidence.results.clients[0].accounts[EVENTS].next_seq = 4
    assert total(evidence, "not_recovered") == 1
    assert total(evidence, "lost") == 2


def test_connections_that_stay_are_leaked(evidence: Evidence):
    """Where the server doesn't tell, nothing is measured."""
    assert total(evidence, "connections_leaked") is None
    evidence.connections_left = 3
    assert total(evidence, "connections_leaked") == 3


@pytest.mark.parametrize("who", ["cpu", "timers", "canary", "unread", "readers"])
def test_a_generator_that_was_the_bottleneck_makes_the_run_invalid(evidence: Evidence, who: str):
    """By its CPU, by late timers of either process, by what it left unread, by reading late while
    it is busy.
    """
    match who:
        case "cpu":
            evidence.samples = [Sample("calm", 1, generator_cpu=0.99)]
        case "timers":
            evidence.results.lag.record(2)
        case "unread":
            evidence.results.unread = 1
        case "canary":
            evidence.lag.record(2)
        case _:
            evidence.samples = [Sample("calm", 1, generator_cpu=0.7)]
            evidence.delivery.record(0.01)
            evidence.results.latency.record(2)
    assert len(measure(evidence, Generator()).invalid) == 1


def test_clients_that_are_served_late_are_the_servers_doing(evidence: Evidence):
    """An idle generator that reads later than the canary was not the bottleneck."""
    evidence.samples = [Sample("calm", 1, generator_cpu=0.1)]
    evidence.delivery.record(0.01)
    evidence.results.latency.record(2)
    assert measure(evidence, Generator()).invalid == []


def test_memory_that_grows_after_the_middle_is_told(evidence: Evidence):
    """What was filled in the first half is no growth; a leak goes on to the end."""
    fills = [*range(100, 150), *[150] * 50]
    leaks = range(100, 200)
    grown = []
    for series in (fills, leaks):
        evidence.samples = [
            Sample("calm", float(second), server_memory_mib=float(mib))
            for second, mib in enumerate(series)
        ]
        grown.append(measure(evidence, Generator()).measures.get("server_memory_growth", "value"))
    assert grown == [0, 40]


def test_the_knee_is_the_last_rate_that_was_kept_up_with(evidence: Evidence):
    """In words and as a measure."""
    evidence.steps = [
        Step(100, 99.0, 990.0, 0.4),
        Step(200, 197.0, 1970.0, 0.4),
        Step(400, 250.0, 2500.0, 0.4),
    ]
    judged = measure(evidence, Generator())
    assert judged.measures.get("knee", "value") == 200
    assert "knee between 200 and 400/s: the server limits" in judged.notes[0]
    assert "200 → 197 → 1970" in judged.notes[0]
    assert judged.invalid == []


def test_a_generator_that_reads_late_ends_the_ramp_and_is_named(evidence: Evidence):
    """Its knee says nothing about the server's, which may have answered all the same."""
    evidence.steps = [Step(100, 99.0, 990.0, 0.4), Step(200, 200.0, 1100.0, 3.0)]
    assert evidence.knee_is_found
    judged = measure(evidence, Generator())
    assert "knee between 100 and 200/s: the generator limits" in judged.notes[0]
    assert "the knee is the generator's own" in judged.invalid[0]


def test_recoveries_are_timed_from_the_fault_that_hit_that_port():
    """The last one before it was noticed; what the client did itself counts from then; a storm hits
    all.
    """
    recoveries = [
        Recovery(1000, 5.5, reconnected_at=6.0, subscribed_at=6.25, consistent_at=7.5, attempts=2),
        Recovery(2000, 8.0, cause="clean", began_at=7.75),
        Recovery(3000, 9.5),
    ]
    inflicted = [
        Inflicted(1.0, Fault.FIN, 1000),
        Inflicted(5.0, Fault.RST, 1000),
        Inflicted(6.0, Fault.RST, 2000),
    ]
    recovered = time_recoveries(recoveries, inflicted, storms=[9.0])
    assert recovered.t_detect.count == 3
    assert (recovered.t_detect.max_s, recovered.t_detect.total_s) == (0.5, 1.25)
    assert (
        recovered.t_reconnect.max_s,
        recovered.t_subscribed.max_s,
        recovered.t_consistent.max_s,
    ) == (0.5, 0.75, 2.0)
    assert recovered.attempts == [2]


def test_an_slo_that_aborts_ends_the_run_when_it_has_been_broken_for_long_enough(
    evidence: Evidence,
):
    """Not at the first bad second, and a good one in between begins the count anew."""
    slo = Slo(metric="delivery_latency", statistic="max", op="<=", value=100, abort=True)
    scenario = Scenario(summary="x", phase=(PHASE,))
    stop = asyncio.Event()
    stops = _Stops(Order("x", scenario, SloFile((slo,), Allowance()), mint=lambda _: ""), stop)
    evidence.delivery.record(0.05)
    stops.look(evidence)
    evidence.delivery.record(0.5)
    for _ in range(ABORT_AFTER - 1):
        stops.look(evidence)
    assert not stop.is_set()
    stops.look(evidence)
    assert stop.is_set()
    assert stops.has_aborted
    assert "ended early" in evidence.notes[0]
