from dataclasses import replace
from datetime import date, timedelta

from rtdash.simulate.distributions import seeded
from rtdash.simulate.room_inventory import RoomInventory

MONDAY = date(2026, 6, 1)


def test_every_room_is_sold_once(hotel):
    """All rooms that hold the party are found, one after the other, and then none."""
    inventory, rng, sold = RoomInventory(hotel), seeded("sold"), 0
    while found := inventory.find_room(2, MONDAY, 3, rng):
        inventory.sell(found[0].id, MONDAY, 3)
        sold += 1
    assert sold == sum(
        room_type.total_rooms for room_type in hotel.room_types if room_type.capacity >= 2
    )


def test_a_full_house_puts_off(hotel):
    """Within the weeks allowed, the same weekday with a free room is found."""
    inventory, rng = RoomInventory(hotel), seeded("later")
    while found := inventory.find_room(4, MONDAY, 1, rng):
        inventory.sell(found[0].id, MONDAY, 1)
    _, check_in = inventory.find_room(4, MONDAY, 1, rng, weeks=range(3))
    assert check_in == MONDAY + timedelta(weeks=1)


def test_a_part_of_the_house(hotel):
    """A share of the rooms can be sold, no more."""
    inventory = RoomInventory(hotel, share=0.5)
    for _ in range(13):
        assert inventory.has_room("double", MONDAY, 1)
        inventory.sell("double", MONDAY, 1)
    assert not inventory.has_room("double", MONDAY, 1)


def test_overbooking_has_no_limit(hotel):
    """A hotel that allows overbooking always has a room."""
    inventory = RoomInventory(replace(hotel, allow_overbooking=True))
    for _ in range(100):
        inventory.sell("suite", MONDAY, 1)
    assert inventory.has_room("suite", MONDAY, 1)


def test_rooms_given_back_are_free(hotel):
    """All nights of the stay, no others."""
    inventory = RoomInventory(hotel)
    for _ in range(6):
        inventory.sell("suite", MONDAY, 3)
    inventory.release("suite", MONDAY, 2)
    assert inventory.has_room("suite", MONDAY, 2)
    assert not inventory.has_room("suite", MONDAY, 3)


def test_past_nights_are_forgotten(hotel):
    """Memory is bounded: giving back what was forgotten changes nothing."""
    inventory = RoomInventory(hotel)
    inventory.sell("suite", MONDAY, 3)
    inventory.forget_before(MONDAY + timedelta(days=2))
    inventory.release("suite", MONDAY, 3)
    for _ in range(6):
        inventory.sell("suite", MONDAY + timedelta(days=2), 1)
    assert not inventory.has_room("suite", MONDAY + timedelta(days=2), 1)


def test_large_parties_get_the_largest_rooms(hotel):
    """A party that fits nowhere is given what holds most."""
    found = RoomInventory(hotel).find_room(9, MONDAY, 1, seeded("large"))
    assert found[0].id == "family"
