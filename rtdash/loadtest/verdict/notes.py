"""Notes of a phase: what a reader wants to know beside the SLOs."""

from collections import Counter

from rtdash.loadtest.plan.metrics import Measures
from rtdash.loadtest.verdict.observations import Observations
from rtdash.protocol.codes import CloseCode

_NAMED_SILENCE_S = 1.0
_TOO_MANY = f"close {CloseCode.TOO_MANY_CONNECTIONS:d}"


def ending_notes(observations: Observations) -> list[str]:
    """Return why connections ended, and what to do about it."""
    causes = Counter(recovery.cause for recovery in observations.results.recoveries)
    notes = (
        [
            "connections ended: "
            + ", ".join(f"{count} by {cause}" for cause, count in causes.most_common())
        ]
        if causes
        else []
    )
    if causes[_TOO_MANY]:
        notes.append(
            f"{_TOO_MANY}: the server lets one user have no more connections; give more users'"
            " tokens: --tokens FILE"
        )
    return notes


def worst_notes(observations: Observations) -> list[str]:
    """Return the client that waited longest for each kind of answer, and when the probe client
    heard nothing for longest.
    """
    slowest = [
        f"{name} {duration_s * 1000:,.0f} ms ({client})"
        for name, (duration_s, client) in sorted(observations.results.slowest.items())
    ]
    notes = [f"slowest: {', '.join(slowest)}"] if slowest else []
    silence_s = observations.longest_silence_s
    if silence_s > _NAMED_SILENCE_S:
        end_s = observations.silent_until - observations.began_at
        notes.append(
            f"the probe client got no event from {end_s - silence_s:.1f} to {end_s:.1f} s after the"
            " start of the traffic"
        )
    return notes


def slow_notes(observations: Observations) -> list[str]:
    """Return how the connections of the clients that stop reading ended."""
    ends = sum(observations.slow_ends, Counter[int | None]())
    if not observations.slow_ends:
        return []
    how = [
        f"{count} {'without a Close' if code is None else f'by close {code}'}"
        for code, count in ends.most_common()
    ]
    return [f"connections of clients that stopped reading: {', '.join(how) or 'none ended'}"]


def knee_notes(measures: Measures, observations: Observations) -> list[str]:
    """Add the knee of a ramp as a measure; return it in words."""
    if not observations.steps:
        return []
    kept = max((step.offered for step in observations.steps if step.limit is None), default=0.0)
    measures.add_value("knee", kept)
    last = observations.steps[-1]
    where = (
        f"between {kept:g} and {last.offered:g}/s: the {last.limit} limits"
        if observations.knee_is_found
        else "not reached"
    )
    steps = ", ".join(
        f"{step.offered:g} → {step.acknowledged:.0f} → {step.verified:.0f}"
        for step in observations.steps
    )
    figures = f"operations offered → acknowledged → messages verified a second: {steps}"
    return [f"knee {where} ({figures})"]


def figure_notes(measures: Measures) -> list[str]:
    """Return how much load there was, whatever the SLOs are about."""
    known_values = {
        "messages verified a second": measures.get("delivery_rate", "max"),
        "a CPU second of the generator": measures.get("verified_per_cpu_second", "value"),
        "connections": measures.get("connections", "max"),
        "cores of the server": measures.get("server_cpu", "max"),
        "of the busiest process of the generator": measures.get("generator_cpu", "max"),
    }
    figures = [
        f"{value:,.2f} {what}" if value < 100 else f"{value:,.0f} {what}"
        for what, value in known_values.items()
        if value is not None
    ]
    return [f"at most {', '.join(figures)}"] if figures else []
