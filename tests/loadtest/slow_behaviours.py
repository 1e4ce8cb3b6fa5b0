"""Servers that do everything rightly and too late, or never, each in one way."""

import time
from typing import Any

from tests.loadtest.independent_behaviour import Behaviour

Json = dict[str, Any]


class SlowAnswers(Behaviour):
    """Answers a subscribe after 1.2 s."""

    def answer_delay_s(self, action: str) -> float:
        """Of a subscribe."""
        return 1.2 if action == "subscribe" else 0.0


class SlowResumes(Behaviour):
    """Answers a resume after 1.5 s."""

    def answer_delay_s(self, action: str) -> float:
        """Of a resume."""
        return 1.5 if action == "resume" else 0.0


class SlowPongs(Behaviour):
    """Answers a ping after 0.8 s."""

    def answer_delay_s(self, action: str) -> float:
        """Of a ping."""
        return 0.8 if action == "ping" else 0.0


class NoPongs(Behaviour):
    """Never answers a ping of the protocol: no late answer, since there is none."""

    def answers(self, action: str) -> bool:
        """All but that."""
        return action != "ping"


class SlowAcknowledgements(Behaviour):
    """Answers operations after 0.7 s, and sends their events at once then."""

    def acknowledge_delay_s(self) -> float:
        """Of each request."""
        return 0.7


class SlowUpgrades(Behaviour):
    """Accepts a connection after 1.4 s."""

    def upgrade_delay_s(self) -> float:
        """Of each."""
        return 1.4


class SlowLists(Behaviour):
    """Answers a list after 1.5 s."""

    def list_delay_s(self) -> float:
        """Of each."""
        return 1.5


class SlowerToConnect(Behaviour):
    """Accepts each connection later, by 150 ms a second."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def upgrade_delay_s(self) -> float:
        """By the time that has passed."""
        return 0.15 * (time.monotonic() - self._began)


class SlowReplays(Behaviour):
    """Sends what a client missed ten seconds after it is back."""

    def replay_delay_s(self) -> float:
        """Of events."""
        return 10.0


class Deaf(Behaviour):
    """Lets clients come back, and never answers their resume."""

    def answers(self, action: str) -> bool:
        """All but that."""
        return action != "resume"


class LateFigures(Behaviour):
    """Publishes figures that it worked out 2.5 s ago."""

    def publish_delay_s(self, message: Json) -> float:
        """Of stats."""
        return 2.5 if message["type"] == "stats_update" else 0.0


class Heating(Behaviour):
    """Takes more CPU a message each second."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def cpu_s(self) -> float:
        """As it publishes it."""
        return 1e-7 * (time.monotonic() - self._began) ** 6


class Burning(Behaviour):
    """Takes three processors."""

    @property
    def cpu_s(self) -> float:
        """As it publishes it."""
        return 3 * time.monotonic()
