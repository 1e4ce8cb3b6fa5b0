"""From what was seen to measures: bottlenecks, recoveries, the knee, SLOs that abort."""

import asyncio

import pytest

from rtdash.loadtest.generator.account import StreamAccount
from rtdash.loadtest.generator.fault_proxy import Fault, InjectedFault
from rtdash.loadtest.generator.recovery import Recovery
from rtdash.loadtest.generator.results import Client
from rtdash.loadtest.plan.scenario import GeneratorLimits, Phase
from rtdash.loadtest.plan.slo import Slo, judge
from rtdash.loadtest.run.abort_watch import ABORT_AFTER, AbortWatch
from rtdash.loadtest.verdict.ledger import StreamLog
from rtdash.loadtest.verdict.measuring import measure
from rtdash.loadtest.verdict.observations import Observations, RampStep
from rtdash.loadtest.verdict.recoveries import time_recoveries
from rtdash.loadtest.verdict.samples import Sample
from rtdash.loadtest.verdict.validity import EXACT, why_no_verdict
from rtdash.protocol.channels import Channel, Position, Stream

EVENTS = Stream("grill", Channel.RESTAURANT_RESERVATIONS)
STATES = Stream("grill", Channel.RESTAURANT_STATS)
PHASE = Phase(name="calm", duration_s=1, dashboards=1)


@pytest.fixture
def observations() -> Observations:
    """One client that received all five events and has the present state."""
    one = Observations(PHASE, "run", [EVENTS, STATES], {EVENTS: Position("e", 0)})
    one.is_settled = True
    one.heads, one.logs = (
        {EVENTS: 5},
        {EVENTS: StreamLog(0, 5, dict.fromkeys(range(1, 6), (None, "")))},
    )
    one.states = {(STATES, "stats_update"): "present"}
    one.results.clients = [
        Client(
            "client 1",
            {EVENTS: StreamAccount(0, 6)},
            {(STATES, "stats_update"): "present"},
            is_current=True,
            followed=frozenset((EVENTS, STATES)),
        )
    ]
    return one


def total(observations: Observations, name: str) -> float | None:
    return measure(observations, GeneratorLimits()).measures.get(name, "total")


def test_nothing_is_wrong_with_a_run_in_which_nothing_is(observations: Observations):
    """All counts are measured, and zero."""
    judged = measure(observations, GeneratorLimits())
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


def test_connections_that_a_user_may_not_have_are_explained(observations: Observations):
    """Against a server with limits: how many they were, and what to give."""
    observations.results.recoveries = [
        Recovery(1, 0.0, "close 4007"),
        Recovery(2, 0.0, "close 4007"),
    ]
    told = measure(observations, GeneratorLimits()).notes
    assert "connections ended: 2 by close 4007" in told
    assert "--tokens FILE" in told[-1]


def test_the_client_that_waited_longest_is_named(observations: Observations):
    """For each kind of answer."""
    observations.results.slowest = {"resume_time": (1.5494, "client 7"), "connect_time": (0.1, "x")}
    told = measure(observations, GeneratorLimits()).notes
    assert told == ["slowest: connect_time 100 ms (x), resume_time 1,549 ms (client 7)"]


def test_a_silence_counts_up_to_the_end_of_the_traffic(
    observations: Observations, monkeypatch: pytest.MonkeyPatch
):
    """Also where nothing more came before that end; what comes long after it adds nothing."""
    instants = iter((101.0, 101.5, 110.0, 130.0))
    clock = "rtdash.loadtest.verdict.observations.time.monotonic"
    monkeypatch.setattr(clock, lambda: next(instants))
    observations.began_at = 100.0
    for _ in range(2):
        observations.heard(0.1)
    assert observations.longest_silence_s == 1.0
    observations.ended_at = 104.5
    for _ in range(2):
        observations.heard(0.1)
    assert observations.longest_silence_s == 3.0
    monkeypatch.undo()
    told = measure(observations, GeneratorLimits()).notes
    assert told == [
        "the probe client got no event from 1.5 to 4.5 s after the start of the traffic"
    ]


def test_an_old_state_at_the_end_is_not_converged(observations: Observations):
    """Another digest than the server's."""
    observations.states = {(STATES, "stats_update"): "newer"}
    assert total(observations, "not_converged") == 1


def test_a_client_that_is_behind_at_the_end_is_not_recovered(observations: Observations):
    """And its missing tail is lost."""
    observations.results.clients[0].accounts[EVENTS].next_seq = 4
    assert total(observations, "not_recovered") == 1
    assert total(observations, "lost") == 2


def test_connections_that_stay_are_leaked(observations: Observations):
    """Where the server doesn't publish the number, nothing is measured."""
    assert total(observations, "connections_leaked") is None
    observations.connections_left = 3
    assert total(observations, "connections_leaked") == 3


@pytest.mark.parametrize(
    ("who", "grade"),
    [
        ("cpu", "invalid"),
        ("unread", "invalid"),
        ("timers", "lateness"),
        ("probe", "lateness"),
        ("readers", "excuses"),
    ],
)
def test_a_generator_that_was_the_bottleneck_is_named(
    observations: Observations, who: str, grade: str
):
    """By its CPU or by what it left unread nothing counts; by late timers of either process nothing
    that is about time; by reading late while it is busy, no SLO about time that broke.
    """
    match who:
        case "cpu":
            observations.samples = [Sample("calm", 1, generator_cpu=0.99)]
        case "timers":
            observations.results.lag.record(2)
        case "unread":
            observations.results.unread = 1
        case "probe":
            observations.lag.record(2)
        case _:
            observations.samples = [Sample("calm", 1, generator_cpu=0.7)]
            observations.delivery.record(0.01)
            observations.results.latency.record(2)
    judged = measure(observations, GeneratorLimits())
    assert len(getattr(judged, grade)) == 1
    assert grade == "invalid" or not judged.invalid


def test_clients_that_are_served_late_are_the_servers_doing(observations: Observations):
    """An idle generator that reads later than the probe was not the bottleneck."""
    observations.samples = [Sample("calm", 1, generator_cpu=0.1)]
    observations.delivery.record(0.01)
    observations.results.latency.record(2)
    judged = measure(observations, GeneratorLimits())
    assert judged.invalid == judged.lateness == judged.excuses == []


def test_memory_that_grows_after_the_middle_is_told(observations: Observations):
    """What was filled in the first half is no growth; a leak goes on to the end."""
    fills = [*range(100, 150), *[150] * 50]
    leaks = range(100, 200)
    grown = []
    for series in (fills, leaks):
        observations.samples = [
            Sample("calm", float(second), server_memory_mib=float(mib))
            for second, mib in enumerate(series)
        ]
        grown.append(
            measure(observations, GeneratorLimits()).measures.get("server_memory_growth", "value")
        )
    assert grown == [0, 40]


def test_the_knee_is_the_last_rate_that_was_kept_up_with(observations: Observations):
    """In words and as a measure."""
    observations.steps = [
        RampStep(100, 99.0, 990.0, 0.4),
        RampStep(200, 197.0, 1970.0, 0.4),
        RampStep(400, 250.0, 2500.0, 0.4),
    ]
    judged = measure(observations, GeneratorLimits())
    assert judged.measures.get("knee", "value") == 200
    assert "knee between 200 and 400/s: the server limits" in judged.notes[0]
    assert "200 → 197 → 1970" in judged.notes[0]
    assert judged.invalid == []


def test_a_generator_that_reads_late_ends_the_ramp_and_is_named(observations: Observations):
    """The ramp's knee says nothing about the server's, which may have answered all the same."""
    observations.steps = [RampStep(100, 99.0, 990.0, 0.4), RampStep(200, 200.0, 1100.0, 3.0)]
    assert observations.knee_is_found
    judged = measure(observations, GeneratorLimits())
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
    injected = [
        InjectedFault(1.0, Fault.FIN, 1000),
        InjectedFault(5.0, Fault.RST, 1000),
        InjectedFault(6.0, Fault.RST, 2000),
    ]
    recovered = time_recoveries(recoveries, injected, storms=[9.0])
    assert recovered.t_detect.count == 3
    assert (recovered.t_detect.max_s, recovered.t_detect.total_s) == (0.5, 1.25)
    assert (
        recovered.t_reconnect.max_s,
        recovered.t_subscribed.max_s,
        recovered.t_consistent.max_s,
    ) == (0.5, 0.75, 2.0)
    assert recovered.attempts == [2]


def test_an_slo_that_aborts_ends_the_run_when_it_has_been_broken_for_long_enough(
    observations: Observations,
):
    """Not at the first bad second, and a good one in between begins the count anew."""
    slo = Slo(metric="delivery_latency", statistic="max", op="<=", value=100, abort=True)
    stop = asyncio.Event()
    stops = AbortWatch((slo,), stop)
    observations.delivery.record(0.05)
    stops.check(observations)
    observations.delivery.record(0.5)
    for _ in range(ABORT_AFTER - 1):
        stops.check(observations)
    assert not stop.is_set()
    stops.check(observations)
    assert stop.is_set()
    assert stops.has_aborted
    assert "ended early" in observations.notes[0]


def test_sessions_and_rights_are_measured_where_they_were_looked_at(observations: Observations):
    """Each breaks on a busy machine, too: neither is a matter of time."""
    assert total(observations, "sessions_leaked") is None
    assert total(observations, "rights_violated") is None
    observations.sessions_left, observations.rights.probes = 4, 1
    observations.rights.violate("a token without hotel:read was subscribed to hotel_stats")
    assert total(observations, "sessions_leaked") == 4
    assert total(observations, "rights_violated") == 1
    told = "\n".join(measure(observations, GeneratorLimits()).findings)
    assert "sessions_leaked: the server keeps 4 sessions" in told
    assert "rights_violated: a token without hotel:read" in told
    assert {"sessions_leaked", "rights_violated"} <= EXACT


def test_a_machine_that_is_short_of_memory_excuses_what_was_late(observations: Observations):
    """By the kernel's own count of the time in which some process waited for memory."""
    observations.samples = [Sample("calm", 1.0, memory_pressure=0.3)]
    judged = measure(observations, GeneratorLimits())
    assert judged.measures.get("memory_pressure", "mean") == 0.3
    assert "short of memory" in judged.excuses[0]
    observations.samples = [Sample("calm", 1.0, memory_pressure=0.02)]
    assert measure(observations, GeneratorLimits()).excuses == []


def test_a_message_has_a_size(observations: Observations):
    """Over all that came; a few say nothing."""
    observations.results.received, observations.results.bytes = 99, 99_000
    assert (
        measure(observations, GeneratorLimits()).measures.get("bytes_per_message", "value") is None
    )
    observations.results.received, observations.results.bytes = 100, 50_000
    measures = measure(observations, GeneratorLimits()).measures
    assert measures.get("bytes_per_message", "value") == 500


def test_reads_that_failed_are_failures_unless_the_run_took_the_server_away(
    observations: Observations,
):
    """A storm restarts it."""
    observations.rest.failures["GET /api/hotel/bookings: HTTP 500"] = 2
    assert total(observations, "http_failures") == 2
    assert any("HTTP 500: 2 times" in one for one in measured_findings(observations))
    observations.storms = [1.0]
    assert total(observations, "http_failures") == 0


def measured_findings(observations: Observations) -> list[str]:
    return measure(observations, GeneratorLimits()).findings


def test_a_message_of_a_channel_that_was_left_is_unexpected(observations: Observations):
    """Of the client that unsubscribes."""
    observations.rights.hear_unasked("a client received it")
    assert total(observations, "unexpected") == 1
    assert "unexpected: a client received it" in measured_findings(observations)


BUSY = {
    "the server was starved": Sample("calm", 1, server_cpu=0.2, server_waiting=0.5),
    "other programs used": Sample("calm", 1, others_cpu=1.5),
    "steal": Sample("calm", 1, steal=0.5),
    "short of memory": Sample("calm", 1, memory_pressure=0.3),
}


@pytest.mark.parametrize("reason", [*BUSY, "the disk was slow", "stopped by signals"])
def test_a_busy_machine_excuses_what_is_late_and_nothing_else(
    observations: Observations, reason: str
):
    """A right server beside busy loops gets no verdict, never 99; an event twice is one all the
    same.
    """
    observations.processors = 2
    observations.delivery.record(3.0)
    slos = [
        Slo(metric="delivery_latency", statistic="p90", op="<=", value=450),
        Slo(metric="duplicated", statistic="total", op="==", value=0),
    ]
    assert why_none(observations, slos) == []
    match reason:
        case "the disk was slow":
            observations.disk.record(0.5)
        case "stopped by signals":
            observations.began_at, observations.ended_at = 1.0, 11.0
            observations.stopped_s = 3.0
        case _:
            observations.samples = [BUSY[reason]]
    (told,) = why_none(observations, slos)
    assert reason in told
    observations.results.clients[0].accounts[EVENTS].duplicated = 1
    assert why_none(observations, slos) == []


def why_none(observations: Observations, slos: list[Slo]) -> list[str]:
    """Why there is no verdict on the phase, if there is none."""
    judged = measure(observations, GeneratorLimits())
    return why_no_verdict([judged], judge(slos, {judged.name: judged.measures}))
