"""Scenarios: phases of users, traffic and faults, read from TOML; packaged ones by name, others by
path.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rtdash.loadtest.plan.slo import NotUsable, explain, read_toml
from rtdash.protocol.channels import Channel
from rtdash.resources import data_path

DEFAULT = "ci"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Drops(_Table):
    """Faults a minute, by kind, over the users behind the fault proxy; each takes a random one."""

    clean: float = Field(0, ge=0)
    fin: float = Field(0, ge=0)
    rst: float = Field(0, ge=0)
    half_open: float = Field(0, ge=0)
    flapping: float = Field(0, ge=0)
    """Clients that connect and drop five times in a row."""
    slow: float = Field(0, ge=0)
    """Clients that stop reading for `slow_s`."""
    slow_s: float = Field(3, gt=0)
    share: float = Field(0.5, gt=0, le=1)
    """Of the users, those behind the proxy; the others are bystanders."""


class Storm(_Table):
    """Fault of all connections at once, `at_s` after the start of the traffic: by reset
    connections, or by a restart of the server.
    """

    kind: Literal["rst", "sigterm", "sigkill"]
    at_s: float = Field(5, ge=0)
    down_s: float = Field(1, ge=0)
    """For how long nothing listens; the restart itself comes on top."""


class Phase(_Table):
    """Phase of a run: users, duration and traffic."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")
    duration_s: float = Field(gt=0, le=7 * 86_400)
    dashboards: int = Field(0, ge=0, le=100_000)
    """WebSocket users."""
    pollers: int = Field(0, ge=0, le=100_000)
    """REST users that read upcoming and stats instead of a socket."""
    offices: int = Field(0, ge=0, le=100_000)
    """Users that open a dashboard by REST, read around, then subscribe."""
    writers: int = Field(0, ge=0, le=100_000)
    """REST users that send operations as fast as they are answered."""
    spawn_rate: float = Field(100, gt=0)
    channels: tuple[Channel, ...] = tuple(Channel)
    publish_rate: float = Field(20, ge=0)
    """Operations a second, on a schedule of their own."""
    publish_batch: int = Field(1, ge=1, le=1000)
    ramp: tuple[Annotated[float, Field(ge=0)], ...] = ()
    """Publish rates instead, each for an equal part of the duration: the knee is sought."""
    writer_batch: int = Field(1, ge=1, le=1000)
    poll_upcoming_s: float = Field(15, gt=0)
    poll_stats_s: float = Field(30, gt=0)
    slow_consumers: int = Field(0, ge=0, le=100)
    """Clients beside the users that stop reading until the server closes them."""
    browser: bool = False
    """Whether Chromium shows the dashboard page beside the clients, where it is installed."""
    drops: Drops | None = None
    storms: tuple[Storm, ...] = ()
    settle_s: float = Field(15, gt=0)
    """How long clients get to catch up at the end."""

    @property
    def users(self) -> int:
        """Return the number of users of all kinds."""
        return self.dashboards + self.pollers + self.offices + self.writers

    @model_validator(mode="after")
    def _has_users(self) -> "Phase":
        if self.users < 1:
            raise ValueError("a phase needs users: dashboards, pollers, offices or writers")
        return self


class GeneratorLimits(_Table):
    """Bounds beyond which the generator was the bottleneck, so that the run says nothing about the
    server.
    """

    most_cpu: float = Field(0.92, gt=0)
    """Mean of the busiest process over a phase, in cores."""
    most_lag_ms: float = Field(300, gt=0)
    """99th percentile of the timers' lateness, beyond which nothing counts that is about time."""
    excused_lag_ms: float = Field(150, gt=0)
    """The same, beyond which a broken SLO about time doesn't count; likewise all that follow."""
    excused_cpu: float = Field(0.5, gt=0)
    """Cores of the generator: below, what it reads late was served late."""
    excused_wait: float = Field(0.2, ge=0)
    """Seconds a second for which the server waited for a processor, together with the next."""
    excused_wait_share: float = Field(0.4, ge=0, le=1)
    """Of the time in which it could run."""
    excused_stops: float = Field(0.02, ge=0)
    """Share of the time in which the server was stopped by a signal."""
    excused_others: float = Field(0.6, ge=0)
    """Share of the processors that other programs used."""
    excused_steal: float = Field(0.1, ge=0)
    """Share of the processors that the hypervisor took."""
    excused_fsync_ms: float = Field(150, gt=0)
    excused_memory: float = Field(0.1, ge=0)
    """Share of the time in which some process waited for memory."""
    tries: int = Field(1, ge=1, le=10)
    """How often a phase is run until the generator was not the bottleneck: a machine that others
    keep busy has better moments."""


class Scenario(_Table):
    """Scenario: phases and the SLO file that goes with them."""

    summary: str
    slo: str = "default"
    generator: GeneratorLimits = GeneratorLimits()
    gone_after_s: float = Field(30, gt=0)
    """A server named by its URL, from which nothing came for so long, is lost for good."""
    heartbeat_s: float = Field(35, gt=0)
    """Within which a server named by its URL notices a dead client: its ping interval and pong
    timeout together."""
    session_ttl_s: float | None = Field(None, gt=0)
    """Within which the server forgets a session without a connection. Where it is given, the run
    waits so long after the last client, and counts what is left."""
    buffer_limit_bytes: int | None = Field(None, ge=16_384)
    """Bytes that may wait for a client in a server of the run's own."""
    phase: tuple[Phase, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_distinct_names(self) -> "Scenario":
        names = [phase.name for phase in self.phase]
        if len(set(names)) != len(names):
            raise ValueError("two phases have the same name")
        return self


@dataclass(frozen=True, slots=True)
class Overrides:
    """Values of the command line that replace those of the file."""

    users: int | None = None
    duration_s: float | None = None
    spawn_rate: float | None = None

    def apply(self, phase: Phase) -> Phase:
        """Return the phase with these values: the users of each kind keep their proportions; the
        duration is for all phases together.
        """
        changes: dict[str, object] = {}
        if self.users is not None:
            changes |= _scaled(phase, self.users)
        if self.spawn_rate is not None:
            changes["spawn_rate"] = self.spawn_rate
        return phase.model_copy(update=changes)


def find_scenario(name: str) -> tuple[str, Scenario]:
    """Return a packaged scenario by its name, or a file by its path, with its name. Raises
    NotUsable.
    """
    is_path = name.endswith(".toml") or "/" in name
    path = Path(name) if is_path else find_packaged("scenarios", name)
    try:
        return path.stem, Scenario.model_validate(read_toml(path))
    except ValidationError as error:
        raise NotUsable(path, explain(error)) from None


def find_packaged(folder: str, name: str) -> Path:
    """Return the path of `loadtests/<folder>/<name>.toml`. Raises NotUsable with the names that
    there are.
    """
    known = packaged(folder)
    if name not in known:
        close = get_close_matches(name.lower(), known, 1)
        meant = f"did you mean {close[0]}? " if close else ""
        raise NotUsable(
            name,
            f"there is no such file in {folder}; {meant}there are {', '.join(known)}, or give the"
            " path of your own",
        )
    return data_path("loadtests", folder, f"{name}.toml")


def packaged(folder: str) -> list[str]:
    """Return the names in `loadtests/<folder>`."""
    return sorted(path.stem for path in data_path("loadtests", folder).glob("*.toml"))


def override(scenario: Scenario, overrides: Overrides) -> Scenario:
    """Return the scenario with the values of the command line."""
    total_s = sum(phase.duration_s for phase in scenario.phase)
    factor = overrides.duration_s / total_s if overrides.duration_s is not None else 1
    phases = [overrides.apply(phase) for phase in scenario.phase]
    return scenario.model_copy(
        update={
            "phase": tuple(
                phase.model_copy(update={"duration_s": phase.duration_s * factor})
                for phase in phases
            )
        }
    )


def _scaled(phase: Phase, users: int) -> dict[str, object]:
    """Scale the users of a phase in their proportions; the largest kind takes what rounding leaves
    over.
    """
    kinds = ("dashboards", "pollers", "offices", "writers")
    counts = {kind: getattr(phase, kind) * users // phase.users for kind in kinds}
    largest = max(kinds, key=lambda kind: getattr(phase, kind))
    counts[largest] += users - sum(counts.values())
    return dict(counts)
