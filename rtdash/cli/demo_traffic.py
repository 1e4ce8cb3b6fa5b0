"""Traffic of `rtdash demo`, a process of its own: plans the bookings while the server starts, loads
the past, goes on live. It reads the server's URL and a token from stdin and writes its progress to
stdout, an object a line.
"""

import asyncio
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rtdash.client.api import Api
    from rtdash.simulate.script import TimedOperation

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Order:
    """Description of the traffic to make, passed from `rtdash demo` as one argument of JSON."""

    seed: int
    days: int
    rate_per_s: float | None
    is_new: bool
    """Whether the store is new; one that was kept from an earlier demo has its past."""


def main() -> None:
    """Run until SIGTERM."""
    asyncio.run(_run(Order(**json.loads(sys.argv[1]))))


async def _run(order: Order) -> None:
    from rtdash.client.api import Api
    from rtdash.simulate.demo_plan import live_operations, plan_demo
    from rtdash.simulate.operation_sender import OperationSender
    from rtdash.simulate.tally import Tally
    from rtdash.simulate.venue_reader import packaged_venues, read_venues

    now = datetime.now(UTC)
    plan = plan_demo(
        packaged_venues(), seed=order.seed, now=now, days=order.days if order.is_new else 0
    )
    address = json.loads(await asyncio.to_thread(sys.stdin.readline))
    async with Api(address["url"], address["token"]) as api:
        venues = packaged_venues() if order.is_new else await read_venues(api)
        loader = _Loader(api, len(plan.recent) + len(plan.older))
        await loader.load(plan.recent, state="open")
        live = live_operations(venues, plan, seed=order.seed, now=now, rate_per_s=order.rate_per_s)
        sender = OperationSender(api, Tally(), asyncio.Event())
        await asyncio.gather(sender.pace(live, origin=now), loader.load(plan.older, state="loaded"))


class _Loader:
    """Loads operations as fast as the server takes them, and reports after each request."""

    def __init__(self, api: "Api", total: int) -> None:
        self._api = api
        self._total = total
        self._done = 0
        self._refused = 0

    async def load(self, operations: "Sequence[TimedOperation]", *, state: str) -> None:
        """Load in order, the venues beside each other; `state` is reported at the end."""
        by_venue: dict[str, list[Mapping[str, Any]]] = {}
        for timed in operations:
            by_venue.setdefault(timed.operation["venue"], []).append(timed.operation)
        await asyncio.gather(*(self._load_venue(one) for one in by_venue.values()))
        self._report(state)
        if self._refused:
            sys.stderr.write(f"{state}: {self._refused} operations of the past were refused\n")

    async def _load_venue(self, operations: "Sequence[Mapping[str, Any]]") -> None:
        for begin in range(0, len(operations), _CHUNK):
            chunk = operations[begin : begin + _CHUNK]
            outcomes = await self._api.post_operations(chunk)
            self._refused += sum(outcome["outcome"] == "refused" for outcome in outcomes)
            self._done += len(chunk)
            self._report("loading")

    def _report(self, state: str) -> None:
        progress = {"state": state, "done": self._done, "total": self._total}
        print(json.dumps(progress), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
