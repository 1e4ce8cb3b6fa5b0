from dataclasses import replace
from datetime import timedelta

import pytest

from rtdash.simulate.distributions import seeded
from rtdash.simulate.script import ArrivalTime, Ids, Script


@pytest.fixture
def booked(hotel, start):
    """A script that has booked a stay of 300 euros."""
    script = Script(hotel, "g1-1")
    script.book(start, 30000, 0, pending=True, guests=2)
    return script


def test_ids_differ_by_stream():
    """Within a stream they count, between streams they differ."""
    first, second = Ids("a"), Ids("b")
    drawn = [first.draw(), first.draw(), second.draw()]
    assert len(set(drawn)) == 3
    assert Ids("a").draw() == drawn[0]
    assert all(len(name) <= 64 for name in drawn)


def test_operations_are_in_wire_form(booked, start):
    """Ids, kind, venue and reservation stand in each operation; the past adds its instant."""
    assert booked.operations[0].with_at().operation == {
        "operationId": "g1-1.1",
        "op": "book",
        "kind": "hotel",
        "venue": "harbour-hotel",
        "reservationId": "g1-1",
        "guests": 2,
        "amount": 300,
        "status": "Pending",
        "at": "2026-11-20T17:00:00.000Z",
    }
    assert "at" not in booked.operations[0].operation


def test_instants_never_go_back(booked, start):
    """A step that would come too early waits a second behind the one before."""
    booked.step(start - timedelta(hours=1), "confirm")
    assert booked.now == start + timedelta(seconds=1)


def test_never_more_is_paid_than_is_due(booked, start):
    """Payments of a part, then of the rest, then nothing more."""
    booked.pay(start, 1 / 3)
    booked.charge(start, "Extras", 1250)
    booked.pay(start)
    booked.pay(start)
    assert [timed.operation.get("amount") for timed in booked.operations] == [300, 100, 12.5, 212.5]


def test_nothing_is_charged_for_nothing(booked, start):
    """A charge of zero isn't written: the server would refuse it."""
    booked.charge(start, "Extras", 0)
    assert len(booked.operations) == 1


def test_an_amendment_covers_what_was_paid(booked, start):
    """The new amount is never below the payments."""
    booked.pay(start)
    booked.reprice(start, 100)
    assert booked.operations[-1].operation["amount"] == 300


def test_prices_are_whole_in_any_currency(hotel):
    """Whole euros are 100 cents, whole yen are yen."""
    assert Script(hotel, "g1-1").whole(12345.6) == 12300
    assert Script(replace(hotel, currency="JPY"), "g1-1").whole(12345.6) == 12346


@pytest.mark.parametrize(
    ("arrivals", "ops"),
    [
        (ArrivalTime.NOW, ["book", "confirm", "check_in", "check_out"]),
        (ArrivalTime.NEVER, ["book", "confirm"]),
    ],
)
def test_a_life_is_brought_forward(booked, start, arrivals, ops):
    """Guests of today go through all steps within minutes, those of later days wait for their day."""
    for days, op in enumerate(("confirm", "check_in", "check_out")):
        booked.step(start + timedelta(days=days), op)
    booked.bring_forward(start, seeded("fast"), step_mean_s=5.0, arrivals=arrivals)
    assert [timed.operation["op"] for timed in booked.operations] == ops
    assert start == booked.operations[0].due < booked.now < start + timedelta(minutes=5)


def test_arrivals_can_keep_their_hour(booked, start):
    """What precedes the arrival comes within minutes; the arrival and what follows do not."""
    for days, op in enumerate(("confirm", "check_in", "check_out")):
        booked.step(start + timedelta(days=days), op)
    booked.bring_forward(start, seeded("x"), step_mean_s=5.0, arrivals=ArrivalTime.AT_THEIR_HOUR)
    confirmed, arrived, left = (timed.due for timed in booked.operations[1:])
    assert confirmed < start + timedelta(minutes=5)
    assert (arrived, left) == (start + timedelta(days=1), start + timedelta(days=2))


@pytest.mark.parametrize(
    ("today", "is_open", "arrivals"),
    [
        (True, True, ArrivalTime.NOW),
        (True, False, ArrivalTime.AT_THEIR_HOUR),
        (False, True, ArrivalTime.NEVER),
    ],
)
def test_arrivals_depend_on_day_and_hour(today, is_open, arrivals):
    """Now, where the guest is expected today and the venue is open."""
    assert ArrivalTime.of(today=today, is_open=is_open) is arrivals
