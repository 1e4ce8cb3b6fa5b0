"""What the records of writers and watchers say in the end: what was lost, and how long it took."""

import sys
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faults.observers import Subscriber


@dataclass(frozen=True)
class Verdict:
    """What was lost, in numbers: all of them must be 0."""

    acknowledged_and_lost: int = 0
    stored_twice: int = 0
    holes_in_log: int = 0
    events_lost: int = 0
    out_of_order: int = 0
    duplicates: int = 0
    resets: int = 0


def judge(
    acknowledged: list[str],
    log: list[dict[str, Any]],
    subscribers: "list[Subscriber]",
    *,
    since: int = 0,
) -> Verdict:
    """Compare the records. `log` is the whole log; subscribers began behind `since`."""
    in_log = Counter(event["operationId"] for event in log)
    seqs = [event["seq"] for event in log]
    operations = {event["seq"]: event["operationId"] for event in log}
    expected = set(seqs[since:])
    return Verdict(
        acknowledged_and_lost=len(set(acknowledged) - in_log.keys()),
        stored_twice=sum(number - 1 for number in in_log.values()),
        holes_in_log=sum(seq != place for place, seq in enumerate(seqs, 1)),
        events_lost=sum(len(expected - set(one.seqs)) for one in subscribers)
        + sum(
            operations[seq] != own
            for one in subscribers
            for seq, own in zip(one.seqs, one.operations, strict=True)
        ),
        out_of_order=sum(
            later < earlier
            for one in subscribers
            for earlier, later in zip(one.seqs, one.seqs[1:], strict=False)
        ),
        duplicates=sum(len(one.seqs) - len(set(one.seqs)) for one in subscribers),
        resets=sum(one.resets for one in subscribers),
    )


def tell(capsys: pytest.CaptureFixture[str], figures: str) -> None:
    """Print what was measured, also where the output of tests that pass is kept back."""
    with capsys.disabled():
        sys.stdout.write(f"\n  {figures}\n")


def quantiles(values: list[float]) -> str:
    """p50, p99 and the largest, in milliseconds, to be printed."""
    if not values:
        return "none"
    ordered = sorted(values)
    p50, p99 = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return (
        f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, max {ordered[-1] * 1000:.0f} ms (n ="
        f" {len(ordered)})"
    )
