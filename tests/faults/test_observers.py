"""The observers of the recovery tests see what they are there to see: a verdict of zeros must be
able to be another one.
"""

from dataclasses import asdict
from typing import Any

import pytest

from rtdash.client import ConnectionChange, State
from tests.faults.observers import Subscriber
from tests.faults.verdicts import Verdict, judge

LOG = [{"seq": seq, "operationId": f"op-{seq}"} for seq in range(1, 6)]
ALL = [f"op-{seq}" for seq in range(1, 6)]


def subscriber(*seqs: int, operations: list[str] | None = None, resets: int = 0) -> Subscriber:
    return Subscriber(
        0, seqs=list(seqs), operations=operations or [f"op-{seq}" for seq in seqs], resets=resets
    )


@pytest.mark.parametrize(
    ("acknowledged", "log", "observer", "found"),
    [
        (ALL, LOG, subscriber(1, 2, 3, 4, 5), {}),
        ([*ALL, "op-6"], LOG, subscriber(1, 2, 3, 4, 5), {"acknowledged_and_lost": 1}),
        (ALL, LOG, subscriber(1, 2, 4, 5), {"events_lost": 1}),
        (ALL, LOG, subscriber(1, 2, 3, 4), {"events_lost": 1}),
        (ALL, LOG, subscriber(1, 2, 3, 3, 4, 5), {"duplicates": 1}),
        (ALL, LOG, subscriber(1, 3, 2, 4, 5), {"out_of_order": 1}),
        (
            ALL,
            LOG,
            subscriber(1, 2, 3, 4, 5, operations=["op-1", "op-2", "op-9", "op-4", "op-5"]),
            {"events_lost": 1},
        ),
        (ALL, LOG, subscriber(1, 2, 3, 4, 5, resets=1), {"resets": 1}),
        (
            ALL[:4],
            [*LOG[:4], {"seq": 5, "operationId": "op-1"}],
            subscriber(1, 2, 3, 4),
            {"stored_twice": 1, "events_lost": 1},
        ),
        (
            ALL[:2],
            [LOG[0], {"seq": 3, "operationId": "op-2"}],
            subscriber(1, 3, operations=ALL[:2]),
            {"holes_in_log": 1},
        ),
    ],
)
def test_each_kind_of_loss_is_counted(
    acknowledged: list[str], log: list[dict[str, Any]], observer: Subscriber, found: dict[str, int]
) -> None:
    """One wrong thing at a time, and nothing else is counted for it."""
    assert {
        name: number
        for name, number in asdict(judge(acknowledged, log, [observer])).items()
        if number
    } == found
    assert (judge(acknowledged, log, [observer]) == Verdict()) == (not found)


def test_second_attempts_are_counted() -> None:
    """A return that took three attempts differs in the record from one that took one."""
    observer = Subscriber(0)
    changes = [
        ConnectionChange(State.CONNECTING),
        ConnectionChange(State.LIVE),
        *[
            ConnectionChange(State.CONNECTING, "restart", 0.5),
            ConnectionChange(State.CONNECTING),
            ConnectionChange(State.REPLAYING),
        ],
        ConnectionChange(State.LIVE),
        *[
            ConnectionChange(State.CONNECTING, why, 0.5)
            for why in ("broken", "refused", "refused again")
        ],
        ConnectionChange(State.LIVE),
    ]
    observer.changes = list(enumerate(changes))
    assert observer.attempts() == [1, 1, 3]
    assert observer.returns() == [(2, 5), (6, 9)]
