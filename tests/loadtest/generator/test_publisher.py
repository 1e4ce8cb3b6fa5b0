"""The publisher and its operations against what servers make of them."""

import asyncio
import random
from typing import Any, cast

import pytest

from rtdash.client.api import Api
from rtdash.loadtest.generator.operation_source import OperationSource
from rtdash.loadtest.generator.publisher import Publisher
from rtdash.loadtest.generator.run_config import TargetVenue

VENUE = TargetVenue("r", "restaurant", has_cents=True)


class Answering:
    """An API that answers each operation with the same outcome."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome

    async def post_operations(self, operations: list[dict[str, Any]]) -> list[Any]:
        """An outcome each."""
        return [self.outcome for _ in operations]


@pytest.mark.parametrize(
    "outcome", [{}, None, "applied", {"outcome": "applied"}, {"outcome": "applied", "seq": "x"}]
)
def test_an_answer_that_is_no_outcome_is_a_failure(outcome: Any):
    """Each operation counts: what was neither acknowledged nor refused must not vanish."""
    rng = random.Random(1)
    operations = OperationSource("run", "p", (VENUE,), rng)
    publisher = Publisher(cast("Api", Answering(outcome)), operations)

    async def publish() -> None:
        await publisher.publish(0.1, 30, 1, late_s=10)
        await publisher.drained(10)

    asyncio.run(publish())
    assert publisher.offered == publisher.failures.total() == 3
    assert list(publisher.failures) == ["answered with what is no outcome of the protocol"]


class Numbering:
    """An API that applies whatever comes; `remembers`: and knows what it has applied."""

    def __init__(self, *, remembers: bool) -> None:
        self.remembers = remembers
        self.known: dict[str, dict[str, Any]] = {}
        self.count = 0

    async def post_operations(self, operations: list[dict[str, Any]]) -> list[Any]:
        """An outcome each, in the order in which they came."""
        return [self._apply(one["operationId"]) for one in operations]

    def _apply(self, operation: str) -> dict[str, Any]:
        if self.remembers and operation in self.known:
            return self.known[operation] | {"outcome": "repeated"}
        self.count += 1
        outcome = {"outcome": "applied", "seq": self.count, "reservationId": f"x{self.count}"}
        self.known[operation] = outcome
        return outcome


def publish_to(api: Numbering) -> Publisher:
    operations = OperationSource("run", "p", (VENUE,), random.Random(1))
    publisher = Publisher(cast("Api", api), operations)

    async def publish() -> None:
        await publisher.publish(0.1, 600, 1, late_s=60)
        await publisher.drained(60)

    asyncio.run(publish())
    return publisher


def test_an_operation_that_is_sent_twice_at_once_is_applied_once():
    """The answers may come in any order; the applied one counts."""
    publisher = publish_to(Numbering(remembers=True))
    assert publisher.model.violations == 0, publisher.model.examples
    assert publisher.failures.total() == 0
    assert len(publisher.acknowledged) == publisher.offered == 60
    assert publisher.repeats > 1, "one sent twice at once, and those sent again"


def test_a_server_that_applies_both_is_named():
    """With both reservations."""
    publisher = publish_to(Numbering(remembers=False))
    told = "\n".join(publisher.model.examples)
    assert "was sent twice at once, and answered 'applied' for reservation x" in told


def test_tables_begin_at_quarters_and_have_money():
    """Several at the same instant; names of several scripts."""
    source = OperationSource("run", "p", (VENUE,), random.Random(1))
    tables = [
        one for one in (source.next_operation(1.0) for _ in range(200)) if one["op"] == "book"
    ]
    assert {one["date"][14:] for one in tables} <= {
        f"{m}:00.000Z" for m in ("00", "15", "30", "45")
    }
    assert len({one["date"] for one in tables}) < len(tables) / 2
    assert any(one.get("paid") for one in tables)
    assert any(one.get("amount") and "paid" not in one for one in tables)
    assert not all(one["customerName"].isascii() for one in tables)


def test_without_a_known_currency_there_is_no_money():
    """A yen has no hundredths."""
    source = OperationSource("run", "p", (TargetVenue("r", "restaurant"),), random.Random(1))
    assert not any("amount" in source.next_operation(1.0) for _ in range(200))
