"""The publisher against answers that are none."""

import asyncio
import random
from typing import Any, cast

import pytest

from rtdash.client.api import Api
from rtdash.loadtest.generator.operation_source import OperationSource
from rtdash.loadtest.generator.publisher import Publisher
from rtdash.loadtest.generator.run_config import TargetVenue


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
    operations = OperationSource("run", "p", (TargetVenue("r", "restaurant"),), rng)
    publisher = Publisher(cast("Api", Answering(outcome)), operations)

    async def publish() -> None:
        await publisher.publish(0.1, 30, 1, late_s=10)
        await publisher.drained(10)

    asyncio.run(publish())
    assert publisher.offered == publisher.failures.total() == 3
    assert list(publisher.failures) == ["answered with what is no outcome of the protocol"]
