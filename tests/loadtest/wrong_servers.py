"""Table of wrong servers: what each stands for, and the metric that must name it."""

from dataclasses import dataclass

from tests.loadtest.faulty_behaviours import (
    Creeping,
    Declining,
    Dropping,
    ForeignStates,
    Forgetful,
    Freezing,
    Heartless,
    Leaky,
    Miscounting,
    Mute,
    NewEpoch,
    Omitting,
    Renaming,
    Uncommitted,
    Unfair,
)
from tests.loadtest.independent_behaviour import Behaviour
from tests.loadtest.more_faulty_behaviours import (
    BackwardClock,
    JumpingVersions,
    LateBatches,
    Misaddressed,
    MixedUpBatches,
    SkippingNotifications,
    Stale,
    StaleLists,
    Swelling,
    Unbalanced,
)
from tests.loadtest.reported_behaviours import (
    AnnouncingTwice,
    CuttingCents,
    DoubleSubscribing,
    Escaping,
    Lending,
    Mangling,
    Misintroducing,
    OverlappingPages,
    Racing,
    SkippingPages,
)
from tests.loadtest.rights_and_limits import (
    Defenceless,
    Hoarding,
    Neighbourly,
    Patient,
    Unforgetting,
    Unguarded,
    UnguardedWrites,
)
from tests.loadtest.slow_behaviours import (
    Burning,
    Deaf,
    Heating,
    LateFigures,
    NoPongs,
    SlowAcknowledgements,
    SlowAnswers,
    SlowerToConnect,
    SlowLists,
    SlowPongs,
    SlowReplays,
    SlowResumes,
    SlowUpgrades,
)
from tests.loadtest.stubborn_behaviours import (
    BackwardPositions,
    Bloated,
    Clinging,
    Complaining,
    Discarding,
    FailingLists,
    ForwardPositions,
    Overstating,
    Refusing,
    Resetting,
    ReusedIds,
    StaleSingles,
    StillFigures,
    TurningAway,
    UnaskedStates,
    WildSeq,
    WrongClockFace,
)


@dataclass(frozen=True)
class Wrong:
    """One wrong server. `scenario`: calm, drops, slow (clients that stop reading), long, sessions
    or quiet (as long as it takes on a quiet machine).
    """

    behaviour: type[Behaviour]
    metrics: frozenset[str]
    scenario: str

    @property
    def name(self) -> str:
        """Behaviour, and scenario where it is not the calm one."""
        name = self.behaviour.__name__
        return name if self.scenario == "calm" else f"{name}-{self.scenario}"


def wrong(behaviour: type[Behaviour], *metrics: str, scenario: str = "calm") -> Wrong:
    """A row of the table."""
    return Wrong(behaviour, frozenset(metrics), scenario)


KINDS: dict[str, tuple[Wrong, ...]] = {
    "unfairness": (
        wrong(Unfair, "client_spread"),
        wrong(Unfair, "client_spread", scenario="drops"),
        wrong(LateBatches, "client_spread"),
    ),
    "slow decline": (
        wrong(Declining, "latency_trend", scenario="long"),
        wrong(Creeping, "latency_trend", scenario="quiet"),
        wrong(Swelling, "memory_trend"),
        wrong(Heating, "cpu_trend"),
        wrong(SlowerToConnect, "connect_trend", scenario="drops"),
    ),
    "slow answers": (
        wrong(SlowAcknowledgements, "publish_latency"),
        wrong(SlowUpgrades, "connect_time"),
        wrong(SlowAnswers, "subscribe_time"),
        wrong(SlowResumes, "resume_time", scenario="drops"),
        wrong(SlowReplays, "t_consistent", scenario="drops"),
        wrong(SlowPongs, "pong_time"),
        wrong(NoPongs, "pong_time"),
        wrong(SlowLists, "rest_read_time"),
    ),
    "no heartbeat, leaks": (
        wrong(Heartless, "half_open_kept"),
        wrong(Leaky, "files_leaked"),
        wrong(Hoarding, "sessions_leaked"),
        wrong(Unforgetting, "sessions_leaked", scenario="sessions"),
    ),
    "innocent neighbours": (
        wrong(Neighbourly, "unprovoked_drops", scenario="slow"),
        wrong(Dropping, "unprovoked_drops"),
    ),
    "REST disagrees": (
        wrong(Omitting, "rest_disagrees"),
        wrong(StaleLists, "rest_disagrees"),
        wrong(StaleSingles, "rest_disagrees"),
        wrong(BackwardPositions, "rest_disagrees"),
        wrong(ForwardPositions, "rest_disagrees"),
        wrong(Miscounting, "rest_disagrees"),
        wrong(Overstating, "rest_disagrees"),
    ),
    "states of others": (wrong(ForeignStates, "unexpected"), wrong(UnaskedStates, "unexpected")),
    "delivered and lost": (
        wrong(Uncommitted, "delivered_and_lost"),
        wrong(NewEpoch, "delivered_and_lost", "log_went_back"),
        wrong(Discarding, "acknowledged_lost"),
    ),
    "no mirror": (
        wrong(Renaming, "model_violations"),
        wrong(Forgetful, "model_violations"),
    ),
    "freezes": (wrong(Freezing, "longest_silence"),),
    "coverage": (
        wrong(Mute, "notifications", "upcoming_reservations"),
        wrong(StillFigures, "state_changes"),
    ),
    "not converged": (wrong(Stale, "not_converged"),),
}
"""By the line that they stand for; starved servers and false alarms have tests of their own."""

OTHERS = (
    wrong(LateFigures, "figures_latency"),
    wrong(ReusedIds, "model_violations"),
    wrong(WrongClockFace, "model_violations"),
    wrong(JumpingVersions, "model_violations"),
    wrong(Unbalanced, "model_violations"),
    wrong(SkippingNotifications, "model_violations"),
    wrong(BackwardClock, "model_violations"),
    wrong(MixedUpBatches, "reordered"),
    wrong(Misaddressed, "unexpected", "lost"),
    wrong(Unguarded, "rights_violated"),
    wrong(UnguardedWrites, "rights_violated"),
    wrong(Defenceless, "rights_violated", "rights_refused"),
    wrong(Clinging, "unexpected"),
    wrong(Bloated, "bytes_per_message"),
    wrong(Burning, "server_cpu_per_message"),
    wrong(Refusing, "publish_failures"),
    wrong(TurningAway, "connect_failures"),
    wrong(Complaining, "errors"),
    wrong(FailingLists, "http_failures"),
    wrong(WildSeq, "invalid"),
    wrong(Resetting, "resets", scenario="drops"),
    wrong(Deaf, "not_recovered", scenario="drops"),
    wrong(Patient, "slow_consumers", scenario="slow"),
    wrong(DoubleSubscribing, "duplicated"),
    wrong(Racing, "model_violations"),
    wrong(Mangling, "model_violations"),
    wrong(Escaping, "model_violations"),
    wrong(SkippingPages, "rest_disagrees"),
    wrong(OverlappingPages, "rest_disagrees"),
    wrong(AnnouncingTwice, "model_violations"),
    wrong(Misintroducing, "model_violations"),
    wrong(CuttingCents, "model_violations"),
    wrong(Lending, "rights_violated"),
)
"""Of other kinds."""

ALL = (*(one for kind in KINDS.values() for one in kind), *OTHERS)
