import pytest

from rtdash.simulate.scenarios import SCENARIOS, find_scenario


def test_the_promised_scenarios_exist():
    """The four of the contract, by their names."""
    assert {"steady", "friday-dinner", "check-in-wave", "flash-sale"} <= set(SCENARIOS)
    assert all(find_scenario(name).name == name for name in SCENARIOS)


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_shapes_keep_the_rate(name):
    """Over a whole turn a scenario averages the rate that was asked for."""
    scenario = find_scenario(name)
    turn = int(scenario.step_s * len(scenario.shape))
    assert sum(scenario.multiplier(second) for second in range(turn)) / turn == pytest.approx(1.0)


def test_shapes_repeat():
    """After its last step a shape begins again."""
    sale = find_scenario("flash-sale")
    turn = sale.step_s * len(sale.shape)
    assert sale.multiplier(turn + 40) == sale.multiplier(40) == max(sale.shape)


def test_an_unknown_scenario_is_a_key_error():
    """The command line turns it into words."""
    with pytest.raises(KeyError):
        find_scenario("full-moon")
