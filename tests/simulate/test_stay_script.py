from collections import Counter
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from rtdash.simulate.calibration import TrafficProfile
from rtdash.simulate.distributions import seeded
from rtdash.simulate.hotel import NON_REFUND, Ending, HotelDemand
from rtdash.simulate.population import Population
from rtdash.simulate.script import Script
from rtdash.simulate.stay_script import stay_script


@pytest.fixture(scope="module")
def stays():
    """Two months of a city hotel."""
    return list(
        HotelDemand(
            TrafficProfile.CITY, ZoneInfo("Europe/Lisbon"), seed="stays", per_day=20.0
        ).stays(date(2025, 3, 1), 60)
    )


@pytest.fixture
def lives(hotel, stays):
    """Each stay with the names of its operations, and its script."""
    rng, people = seeded("lives"), Population("lives")
    told = []
    for number, stay in enumerate(stays):
        script = Script(hotel, f"g-{number}")
        stay_script(script, stay, hotel.room_types[1], hotel, people.draw(rng, repeated=False), rng)
        told.append((stay, [timed.operation["op"] for timed in script.operations], script))
    return told


def test_lives_end_as_drawn(lives):
    """A guest who stays checks out, one who cancels has cancelled, one who doesn't come is a
    no-show.
    """
    last = {Ending.CANCELLED: "cancel", Ending.NO_SHOW: "no_show"}
    for stay, ops, _ in lives:
        assert "check_out" in ops if stay.ending is Ending.STAYED else ops[-1] == last[stay.ending]


def test_everybody_leaves_without_debts(lives):
    """At the end of a stay all of it is paid."""
    assert all(
        script.paid_minor == script.amount_minor
        for stay, _, script in lives
        if stay.ending is Ending.STAYED
    )


def test_tentative_blocks_are_never_confirmed(lives):
    """The rooms of such a block are booked as Pending and cancelled as Pending."""
    tentative = [
        (ops, script)
        for stay, ops, script in lives
        if stay.deposit == NON_REFUND and stay.ending is Ending.CANCELLED
    ]
    assert tentative
    assert all(
        "confirm" not in ops and script.operations[0].operation["status"] == "Pending"
        for ops, script in tentative
    )


def test_guests_arrive_on_their_day(lives, hotel):
    """The last check-in is on the day of arrival, or in the night that follows it."""
    for stay, ops, script in lives:
        if "check_in" in ops:
            arrived = [
                timed.due for timed in script.operations if timed.operation["op"] == "check_in"
            ][-1]
            assert (
                timedelta(0)
                <= arrived.astimezone(hotel.zone).date() - stay.check_in
                <= timedelta(days=1)
            )


def test_cancellations_come_before_arrival(lives, hotel):
    """No stay is cancelled after its first day."""
    for stay, ops, script in lives:
        if ops[-1] == "cancel":
            assert script.now.astimezone(hotel.zone).date() <= stay.check_in + timedelta(days=1)


def test_all_that_can_happen_happens(lives):
    """Within two months every operation of a hotel is seen."""
    seen = {op for _, ops, _ in lives for op in ops}
    assert seen >= {
        "book",
        "confirm",
        "amend",
        "pay",
        "charge",
        "check_in",
        "check_out",
        "cancel",
        "no_show",
        "undo_check_in",
    }


def test_guests_and_desk_sleep_at_night(lives, hotel):
    """Cancellations, confirmations and amendments have the hours of bookings."""
    hours = Counter(
        timed.due.astimezone(hotel.zone).hour
        for _, _, script in lives
        for timed in script.operations
        if timed.operation["op"] in {"cancel", "confirm", "amend"}
    )
    assert sum(hours[hour] for hour in range(1, 7)) < 0.05 * hours.total()


def test_no_party_is_larger_than_its_room(lives, hotel):
    """Also after an amendment."""
    guests = [
        timed.operation["guests"]
        for _, _, script in lives
        for timed in script.operations
        if "guests" in timed.operation
    ]
    assert max(guests) == hotel.room_types[1].capacity


def test_a_block_has_one_source(lives):
    """Rooms that are booked at once come by one channel."""
    sources = {}
    for stay, _, script in lives:
        if stay.block is not None:
            source = script.operations[0].operation["source"]
            sources.setdefault(stay.block, set()).add(source)
    assert len(sources) > 20
    assert all(len(found) == 1 for found in sources.values())
    assert len(set.union(*sources.values())) > 3
