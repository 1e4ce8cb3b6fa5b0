"""Endings and dates of stays as a scenario changes them."""

from datetime import date
from random import Random

from rtdash.simulate.hotel import Ending, Stay
from rtdash.simulate.scenarios import TrafficScenario


def moved(stay: Stay, check_in: date) -> Stay:
    """Return the stay with another check-in; a cancellation keeps its distance from it."""
    if check_in == stay.check_in:
        return stay
    later = check_in - stay.check_in
    gone = stay.cancelled_on and stay.cancelled_on + later
    return stay._replace(check_in=check_in, cancelled_on=gone)


def ending_in(ending: Ending, scenario: TrafficScenario, rng: Random) -> Ending:
    """Return the ending in the scenario, which turns some stays into cancellations or back."""
    if ending is Ending.STAYED:
        # About every third booking is called off, so the surplus falls on twice as many stays.
        return Ending.CANCELLED if rng.random() < (scenario.called_off - 1) / 2 else ending
    return Ending.STAYED if rng.random() < 1 - scenario.called_off else ending


def cancelled_on(stay: Stay, ending: Ending, rng: Random) -> date | None:
    """Return the date of a cancellation: the stay's own, or one between booking and arrival."""
    if ending is not Ending.CANCELLED:
        return None
    lead = max(stay.lead_days, 0)
    drawn = stay.check_in.toordinal() - int(lead * rng.random())
    return stay.cancelled_on or date.fromordinal(drawn)
