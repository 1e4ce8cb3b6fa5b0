"""Misbehaviour of clients: at the rate that the phase asks for, and only where faults may hit."""

import random
from dataclasses import dataclass, field

from rtdash.loadtest.generator.misbehaviour import Misbehaviour
from rtdash.loadtest.plan.scenario import Drops, Phase


@dataclass
class User:
    """Counts what it was asked to do."""

    is_open: bool = True
    is_proxied: bool = True
    did: list[str] = field(default_factory=list)

    def close_cleanly(self) -> None:
        """Close."""
        self.did.append("clean")

    def flap(self) -> None:
        """Flap."""
        self.did.append("flapping")

    def stop_reading(self, seconds: float) -> None:
        """Stop reading."""
        self.did.append(f"slow {seconds}")


def run(drops: Drops | None, users: list[User], seconds: int) -> list[str]:
    phase = Phase(name="x", duration_s=1, dashboards=len(users), drops=drops)
    misbehaviour = Misbehaviour(phase, random.Random(1), 100.0)
    for tenth in range(seconds * 10):
        misbehaviour.run_due(100 + tenth / 10, users)
    return [what for user in users for what in user.did]


def test_clients_misbehave_at_the_rate_of_the_phase():
    """600 a minute are 10 a second; each kind has its share."""
    did = run(Drops(clean=300, flapping=200, slow=100, slow_s=2), [User() for _ in range(5)], 60)
    assert 500 < len(did) < 700
    assert did.count("clean") > did.count("flapping") > did.count("slow 2.0") > 50


def test_without_faults_clients_behave():
    """A phase without drops, or with none of these kinds."""
    assert run(None, [User()], 60) == run(Drops(rst=60), [User()], 60) == []


def test_only_open_clients_behind_the_proxy_misbehave():
    """The others are bystanders, or have something else to do."""
    users = [User(is_proxied=False), User(is_open=False), User()]
    run(Drops(clean=600), users, 10)
    assert [bool(user.did) for user in users] == [False, False, True]
