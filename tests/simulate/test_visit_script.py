from dataclasses import replace
from datetime import date
from itertools import chain

import pytest

from rtdash.domain.venues import MenuItem
from rtdash.simulate.distributions import seeded
from rtdash.simulate.hotel import Ending
from rtdash.simulate.population import Population
from rtdash.simulate.restaurant import RestaurantDemand
from rtdash.simulate.script import Script
from rtdash.simulate.visit_script import visit_script


@pytest.fixture
def lives(restaurant):
    """Six weeks of a restaurant: each visit with the names of its operations, and its script."""
    rng, people = seeded("lives"), Population("lives")
    told = []
    visits = chain.from_iterable(
        RestaurantDemand(restaurant.zone, seed="visits", covers_per_day=120.0).visits(
            date(2025, 3, 1), 42
        )
    )
    for number, visit in enumerate(visits):
        script = Script(restaurant, f"g-{number}")
        visit_script(script, visit, restaurant, people.draw(rng, repeated=False), rng)
        told.append((visit, [timed.operation["op"] for timed in script.operations], script))
    return told


def test_lives_end_as_drawn(lives):
    """A guest who comes completes the meal; one who cancels has cancelled."""
    for visit, ops, _ in lives:
        assert visit.ending is not Ending.STAYED or ops[-1] == "complete"
        assert visit.ending is not Ending.CANCELLED or ops[-1] == "cancel"


def test_walk_ins_are_seated_at_once(lives):
    """The party that stands in the door is booked for that instant and seated within minutes."""
    walked_in = [(ops, script) for visit, ops, script in lives if visit.walk_in]
    assert walked_in
    for ops, script in walked_in:
        assert ops[:2] == ["book", "seat"]
        assert (script.operations[1].due - script.operations[0].due).total_seconds() < 300
        assert script.operations[0].operation["source"] == "Walk-in"


def test_charges_are_by_menu_category(lives, restaurant):
    """Each course under the name of its category, at prices of what is available."""
    categories = {category.name for category in restaurant.menu}
    charged = [
        timed.operation["category"]
        for _, _, script in lives
        for timed in script.operations
        if timed.operation["op"] == "charge"
    ]
    assert set(charged) == categories


def test_nobody_orders_what_is_not_available(restaurant, lives):
    """What the kitchen doesn't have stands on no bill."""
    gold = MenuItem("gold", "Gold leaf", "", 10_000_000, available=False)
    menu = tuple(replace(category, items=(*category.items, gold)) for category in restaurant.menu)
    visit = next(visit for visit, ops, _ in lives if ops[-1] == "complete")
    for number in range(20):
        script, rng = (
            Script(replace(restaurant, menu=menu), f"g-{number}"),
            seeded(f"gold/{number}"),
        )
        visit_script(
            script,
            visit,
            replace(restaurant, menu=menu),
            Population("gold").draw(rng, repeated=False),
            rng,
        )
        assert 0 < script.amount_minor < gold.price_minor


def test_every_meal_is_paid(lives):
    """When the table is left, nothing is due."""
    assert all(
        script.paid_minor == script.amount_minor > 0
        for _, ops, script in lives
        if ops[-1] == "complete"
    )


def test_large_parties_wait_for_a_confirmation(lives, restaurant):
    """The restaurant looks at them before it says yes."""
    large = [
        script.operations[0].operation
        for visit, _, script in lives
        if visit.party >= restaurant.large_party and not visit.walk_in
    ]
    assert large
    assert all(operation["status"] == "Pending" for operation in large)


def test_a_restaurant_without_a_menu_still_has_guests(restaurant, lives):
    """Without a menu there are no charges; the visit goes on."""
    bare = replace(restaurant, menu=())
    visit = next(visit for visit, ops, _ in lives if ops[-1] == "complete")
    script = Script(bare, "g-1")
    visit_script(
        script, visit, bare, Population("bare").draw(seeded("bare"), repeated=False), seeded("bare")
    )
    assert [timed.operation["op"] for timed in script.operations][-1] == "complete"
    assert script.amount_minor == 0
