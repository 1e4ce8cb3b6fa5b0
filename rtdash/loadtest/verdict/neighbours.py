"""Clients that no fault was aimed at: whether all are served alike, and whether their connections
stay. Pure.
"""

from collections.abc import Sequence

from rtdash.loadtest.generator.recovery import Recovery
from rtdash.loadtest.generator.results import Client
from rtdash.loadtest.plan.metrics import Measures
from rtdash.loadtest.verdict.ledger import Findings
from rtdash.loadtest.verdict.observations import Observations

_LEAST_EVENTS = 20
"""Of a client, before its quantiles mean anything."""
_STORM_S = 30.0
"""Connections that end so long after a storm ended by it."""
_SPREADS = {"p50": 0.5, "p90": 0.9}


def add_spread(measures: Measures, clients: Sequence[Client]) -> None:
    """Add by how much the worst client's latency exceeds the best one's. Quantiles over all clients
    hide a few that are always late.
    """
    known = [
        client.latency
        for client in clients
        if client.latency is not None and client.latency.count >= _LEAST_EVENTS
    ]
    if len(known) > 1:
        spreads = {}
        for name, share in _SPREADS.items():
            values = [histogram.quantile(share) * 1000 for histogram in known]
            spreads[name] = max(values) - min(values)
        measures.add_spread("client_spread", spreads)


def latest_clients(clients: Sequence[Client], limit_ms: float) -> list[str]:
    """Return, in words, the clients with a median latency above the best one's by that much."""
    medians = {
        client.name: client.latency.quantile(0.5) * 1000
        for client in clients
        if client.latency is not None and client.latency.count >= _LEAST_EVENTS
    }
    best = min(medians.values(), default=0.0)
    late = sorted(medians.items(), key=lambda item: -item[1])
    return [
        f"client_spread: {name}: median latency {value:.0f} ms; the best client's is {best:.0f} ms"
        for name, value in late[:5]
        if value - best > limit_ms
    ]


def add_unprovoked(measures: Measures, observations: Observations, findings: Findings) -> None:
    """Add the connections that ended although the run had done nothing to them."""
    recoveries = list(observations.results.recoveries)
    if observations.probe is not None:
        recoveries += observations.probe.stats.recoveries
    unprovoked = [one for one in recoveries if not _is_provoked(one, observations)]
    for one in unprovoked:
        text = f"unprovoked_drops: {one.client}: its connection ended ({one.cause})"
        findings.add("unprovoked_drops", 1, client=one.client, text=text)
    measures.add_count("unprovoked_drops", len(unprovoked))


def _is_provoked(recovery: Recovery, observations: Observations) -> bool:
    if recovery.began_at is not None:
        return True
    detected_at = recovery.detected_at
    if any(
        fault.client_port == recovery.port and fault.at <= detected_at
        for fault in observations.injected
    ):
        return True
    down_s = max((storm.down_s for storm in observations.phase.storms), default=0.0)
    return any(at <= detected_at <= at + down_s + _STORM_S for at in observations.storms)
