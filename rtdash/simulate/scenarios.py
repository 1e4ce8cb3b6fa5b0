"""Scenarios: the shape of live traffic over time, and its composition.

Shapes average 1, so that `--rate` keeps its meaning.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrafficScenario:
    """Scenario: one kind of day.

    `shape` are multipliers of the rate, one a step of `step_s`, repeated for ever; their mean is 1.
    `today_share` of the reservations are for the present day, or `for_friday_dinner` (None: as
    calibrated); `walk_in_share` of a restaurant's come without one while it is open; `extra_guests`
    join a party on average; `called_off` multiplies the chance of a cancellation or a no-show;
    `discount` is off a hotel's rates. With `early_arrivals` guests without a room at a hotel
    tonight get one for a later night and arrive all the same.
    """

    name: str
    summary: str
    shape: tuple[float, ...]
    step_s: float
    today_share: float | None = None
    walk_in_share: float = 0.25
    extra_guests: float = 0.0
    called_off: float = 1.0
    early_arrivals: bool = False
    for_friday_dinner: bool = False
    discount: float = 0.0

    def multiplier(self, elapsed_s: float) -> float:
        """Return the multiplier of the rate so many seconds after the beginning."""
        return self.shape[int(elapsed_s / self.step_s) % len(self.shape)]


def find_scenario(name: str) -> TrafficScenario:
    """Return the scenario of that name. Raises KeyError."""
    return SCENARIOS[name]


def _average_one(shape: list[float]) -> tuple[float, ...]:
    return tuple(value * len(shape) / sum(shape) for value in shape)


_ALL = (
    TrafficScenario("steady", "an ordinary day at an even rate", (1.0,), 60.0),
    TrafficScenario(
        "friday-dinner",
        "tables for Friday evening: a rush that builds up, peaks at three times its beginning and"
        " ebbs, every ten minutes; larger parties, walk-ins",
        _average_one([0.25 + math.sin(math.pi * (step + 0.5) / 10) for step in range(10)]),
        60.0,
        today_share=0.75,
        walk_in_share=0.4,
        extra_guests=0.8,
        for_friday_dinner=True,
    ),
    TrafficScenario(
        "check-in-wave",
        "guests arrive today: waves of three minutes with quiet between them; few call off",
        _average_one([0.3, 1.5, 2.2, 1.5, 0.3, 0.2]),
        60.0,
        today_share=0.6,
        walk_in_share=0.5,
        called_off=0.5,
        early_arrivals=True,
    ),
    TrafficScenario(
        "flash-sale",
        "an offer goes out every five minutes: a sudden peak of cheap bookings for later that fades"
        " within two; many are called off again",
        _average_one([0.3, 6.0, 4.0, 2.4, 1.4, 0.8, 0.5, 0.3, 0.3, 0.3]),
        30.0,
        today_share=0.03,
        walk_in_share=0.05,
        called_off=1.6,
        discount=0.3,
    ),
)

SCENARIOS: dict[str, TrafficScenario] = {scenario.name: scenario for scenario in _ALL}
"""All scenarios by name, in the order to list them."""
