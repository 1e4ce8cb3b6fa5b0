"""Misbehaviour of clients: closes, flapping and slow reading, at random instants."""

import math
import random
from collections.abc import Sequence

from rtdash.loadtest.generator.websocket_user import WebSocketUser
from rtdash.loadtest.plan.scenario import Drops, Phase


class Misbehaviour:
    """Schedule of what the clients of one process do wrong, from `began` on (seconds of the
    monotonic clock). Processes share the phase's rate by their number of clients.
    """

    def __init__(self, phase: Phase, rng: random.Random, began: float) -> None:
        drops = phase.drops or Drops()
        self._rates = {"clean": drops.clean, "flapping": drops.flapping, "slow": drops.slow}
        self._per_s = sum(self._rates.values()) / 60
        self._slow_s = drops.slow_s
        self._users = max(1, phase.dashboards)
        self._rng = rng
        self._due = began + rng.expovariate(self._per_s) if self._per_s else math.inf

    def run_due(self, now: float, users: Sequence[WebSocketUser]) -> None:
        """Let random clients behind the proxy do what is due by now."""
        while self._due <= now:
            self._misbehave(users)
            self._due += self._rng.expovariate(self._per_s * max(1, len(users)) / self._users)

    def _misbehave(self, users: Sequence[WebSocketUser]) -> None:
        candidates = [one for one in users if one.is_open and one.is_proxied]
        if not candidates:
            return
        user = self._rng.choice(candidates)
        kind = self._rng.choices(list(self._rates), list(self._rates.values()))[0]
        if kind == "clean":
            user.close_cleanly()
        elif kind == "flapping":
            user.flap()
        else:
            user.stop_reading(self._slow_s)
