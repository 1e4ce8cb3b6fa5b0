"""Clients beside the load of one phase: tokens of fewer rights, and slow consumers."""

import asyncio
from collections.abc import Sequence

from rtdash.client.addresses import socket_url
from rtdash.loadtest.generator.rights import TokenRights, parse_rights
from rtdash.loadtest.run.context import RunContext
from rtdash.loadtest.run.rights_probe import RightsProbe
from rtdash.loadtest.run.slow_client import SLOW_CONSUMER, SlowClient
from rtdash.loadtest.verdict.observations import Observations


def other_users_token(rights: TokenRights, tokens: Sequence[str]) -> str | None:
    """Return the first token of another user than that with those rights; None where it is
    unknown.
    """
    subjects = {token: parse_rights(token) for token in tokens}
    return next(
        (
            token
            for token, other in subjects.items()
            if other is not None and None not in {other.subject, rights.subject}
            if other.subject != rights.subject
        ),
        None,
    )


class Companions:
    """The clients beside the load, from the first operation to the last."""

    def __init__(self, context: RunContext, observations: Observations) -> None:
        self._observations = observations
        phase, url = observations.phase, socket_url(context.url)
        self._probes = [
            RightsProbe(
                *(context.url, token, rights, observations.venues, observations.rights),
                other_token=other_users_token(rights, context.tokens),
            )
            for token in context.limited_tokens
            if (rights := parse_rights(token)) is not None
        ]
        observations.rights.probes = len(self._probes)
        # Over TLS the receive buffer of the library would read ahead.
        count = phase.slow_consumers if url.startswith("ws:") else 0
        self._slow = [SlowClient(url, context.tokens[-1], phase.channels) for _ in range(count)]

    async def accompany(self) -> None:
        """Let them act until cancelled; then record what they saw."""
        tasks = [asyncio.create_task(one.run()) for one in self._all()]
        try:
            await asyncio.Event().wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._record()

    def _all(self) -> list[RightsProbe | SlowClient]:
        return [*self._probes, *self._slow]

    def _record(self) -> None:
        observations = self._observations
        observations.sessions_made += sum(one.connections for one in self._all())
        if self._slow:
            observations.slow_ends = [one.ends for one in self._slow]
            observations.slow_consumers = sum(one.ends[SLOW_CONSUMER] for one in self._slow)
