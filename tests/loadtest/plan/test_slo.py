"""SLO and scenario files: what they may say, and that what can't be understood is an error."""

from pathlib import Path

import pytest

from rtdash.loadtest.plan.histogram import Histogram
from rtdash.loadtest.plan.metrics import METRICS, Measures
from rtdash.loadtest.plan.scenario import (
    Overrides,
    find_packaged,
    find_scenario,
    override,
    packaged,
)
from rtdash.loadtest.plan.slo import NotUsable, SloOutcome, check_scopes, judge, read_slos

ONE = '[[slo]]\nmetric = "lost"\nstatistic = "total"\nop = "=="\nvalue = 0\n'


def slos(tmp_path: Path, text: str):
    path = tmp_path / "slo.toml"
    path.write_text(text)
    return read_slos(path).slos


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (ONE.replace("lost", "losses"), "there is no metric 'losses'; did you mean lost"),
        (ONE.replace("lost", "qqqqqq"), "there is no metric 'qqqqqq'; there are delivery_latency"),
        (ONE.replace("total", "p99"), "lost has no 'p99'"),
        (ONE.replace("==", "~"), "op"),
        (ONE.replace("value = 0", 'value = "none"'), "value"),
        (ONE + "scop = 1\n", "scop"),
        (ONE + "abort = true\n", "known only at the end"),
        (ONE.replace("lost", "invalid") + 'scope = "hotel_stats"\n', "not measured by channel"),
        ("[slo]\n", "expected"),
        ("[[slo\n", "Expected"),
    ],
)
def test_what_means_nothing_is_an_error(tmp_path: Path, text: str, problem: str):
    """With the place and the reason, never a pass."""
    with pytest.raises(NotUsable, match=problem):
        slos(tmp_path, text)


def test_a_scope_must_name_a_phase_or_a_channel(tmp_path: Path):
    """A mistyped one would never be broken."""
    with pytest.raises(NotUsable, match="neither a phase"):
        check_scopes(slos(tmp_path, ONE + 'scope = "fanuot"\n'), ["fanout"], Path("x"))


def test_an_slo_is_judged_in_every_phase_that_measured_it(tmp_path: Path):
    """Held in one, broken in the other."""
    calm, stormy = Measures(), Measures()
    calm.add_count("lost", 0)
    stormy.add_count("lost", 3)
    verdicts = judge(slos(tmp_path, ONE), {"calm": calm, "stormy": stormy})
    assert [(one.phase, one.outcome, one.fails) for one in verdicts] == [
        ("calm", SloOutcome.HELD, False),
        ("stormy", SloOutcome.BROKEN, True),
    ]


@pytest.mark.parametrize(
    ("extra", "fails"), [("", True), ("optional = true\n", False), ('level = "warn"\n', False)]
)
def test_not_measured_is_no_pass(tmp_path: Path, extra: str, fails: bool):
    """Unless the file says that it may be missing."""
    (verdict,) = judge(slos(tmp_path, ONE + extra), {"calm": Measures()})
    assert verdict.outcome is SloOutcome.NOT_MEASURED
    assert verdict.fails is fails


def test_a_channel_is_a_scope_of_its_own(tmp_path: Path):
    """One channel's losses break its SLO, and not another's."""
    measures = Measures()
    measures.add_count("lost", 2)
    measures.add_count("lost", 2, "hotel_reservations")
    measures.add_count("lost", 0, "hotel_notifications")
    text = ONE + 'scope = "hotel_notifications"\n' + ONE + 'scope = "hotel_reservations"\n'
    assert [one.outcome for one in judge(slos(tmp_path, text), {"calm": measures})] == [
        SloOutcome.HELD,
        SloOutcome.BROKEN,
    ]


def test_durations_are_in_milliseconds():
    """As the SLO files write them."""
    measures, histogram = Measures(), Histogram()
    histogram.record(0.25)
    measures.add_durations("delivery_latency", histogram)
    assert measures.get("delivery_latency", "max") == 250


@pytest.mark.parametrize("name", packaged("scenarios"))
def test_every_packaged_scenario_can_be_run_as_far_as_reading_goes(name: str):
    """The phases are read, and the SLO file that a scenario names."""
    _, scenario = find_scenario(name)
    check_scopes(
        read_slos(find_packaged("slo", scenario.slo)).slos,
        [phase.name for phase in scenario.phase],
        Path(name),
    )


def test_all_scenarios_of_the_contract_are_there():
    """By name."""
    assert set(packaged("scenarios")) == {
        "ci",
        "fanout",
        "throughput",
        "ingest",
        "polling",
        "mixed",
        "drops",
        "storm",
        "soak",
        "pixels",
        "slow-consumers",
    }


def test_ci_lasts_less_than_a_minute():
    """The traffic leaves time for starting and catching up."""
    assert sum(phase.duration_s for phase in find_scenario("ci")[1].phase) <= 30


def test_an_unknown_scenario_is_told_with_those_that_there_are():
    """And the way to one's own."""
    with pytest.raises(NotUsable, match=r"there are ci, .* path of your own"):
        find_scenario("fanuot")


def test_the_command_line_scales_a_scenario():
    """Users in their proportions, the duration over all phases together."""
    _, mixed = find_scenario("mixed")
    (phase,) = override(mixed, Overrides(users=22, duration_s=6, spawn_rate=5)).phase
    assert (phase.users, phase.duration_s, phase.spawn_rate) == (22, 6, 5)
    assert phase.offices > phase.dashboards > phase.pollers
    _, ci = find_scenario("ci")
    assert sum(
        one.duration_s for one in override(ci, Overrides(duration_s=5)).phase
    ) == pytest.approx(5)


def test_the_guide_lists_every_metric():
    """With its statistics' kind; a metric that isn't listed can't be asked for."""
    guide = (Path(__file__).parents[3] / "rtdash" / "guide" / "loadtest.md").read_text()
    assert [name for name in METRICS if f"`{name}`" not in guide] == []


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_bound_that_is_no_number_is_refused(tmp_path: Path, value: str):
    """TOML has them, and no value is at most nan: every run would fail, or none."""
    with pytest.raises(NotUsable, match="finite"):
        slos(tmp_path, ONE.replace("value = 0", f"value = {value}"))


@pytest.mark.parametrize("line", ["publish_rate = inf", "ramp = [inf]", "ramp = [-1.0]"])
def test_a_rate_that_is_no_number_is_refused(tmp_path: Path, line: str):
    """Before anything is started."""
    path = tmp_path / "own.toml"
    path.write_text(f'summary = "s"\n[[phase]]\nname = "p"\nduration_s = 1\ndashboards = 1\n{line}')
    with pytest.raises(NotUsable, match=line.partition(" ")[0]):
        find_scenario(str(path))
