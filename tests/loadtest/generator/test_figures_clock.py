"""The clock of the figures, without a network: what counts as shown, and what as late."""

from typing import Any

import pytest

from rtdash.loadtest.generator.figures_clock import FiguresClock
from rtdash.loadtest.generator.message_reader import DecodedMessage
from rtdash.loadtest.generator.run_config import TargetVenue
from rtdash.protocol.channels import Channel, Stream

DAY = "2026-01-01"
EARLY, BEFORE, AFTER = (f"{DAY}T12:00:0{second}.000Z" for second in (1, 2, 3))


@pytest.fixture
def clock() -> FiguresClock:
    """Of a restaurant that had five reservations."""
    one = FiguresClock([TargetVenue("grill", "restaurant", closeout_hour=4)])
    one.take(stats(5), 0.0)
    return one


def stats(number: int, *, day: str = DAY, at: str = BEFORE) -> DecodedMessage:
    body = {"type": "stats_update", "stats": {"reservationsToday": number}}
    body |= {"businessDate": day, "timestamp": at}
    return DecodedMessage(body, Stream("grill", Channel.RESTAURANT_STATS))


def booking(
    scheduled: float | None, *, date: str = f"{DAY}T19:00:00.000Z", at: str = AFTER, **changes: Any
) -> DecodedMessage:
    body = {"type": "new_reservation", "timestamp": at, "reservation": {"date": date}, **changes}
    stream = Stream("grill", Channel.RESTAURANT_RESERVATIONS)
    return DecodedMessage(body, stream, seq=1, scheduled=scheduled)


def test_a_booking_is_late_until_the_figures_count_it(clock: FiguresClock):
    """From its scheduled instant; figures of before say nothing of it."""
    clock.take(booking(10.0), 10.1)
    clock.take(stats(5), 10.2)
    assert clock.latency.count == 0
    clock.take(stats(6), 13.0)
    assert clock.latency.max_s == pytest.approx(3.0)


def test_figures_that_come_before_the_event_count_it_at_once(clock: FiguresClock):
    """Figures are another channel's than events."""
    clock.take(stats(6), 10.05)
    clock.take(booking(10.0), 10.1)
    assert clock.latency.max_s == pytest.approx(0.1)


@pytest.mark.parametrize(
    "message",
    [
        booking(10.0, date=f"{DAY}T03:59:00.000Z"),
        booking(10.0, date="2026-01-02T04:00:00.000Z"),
        booking(10.0, at=EARLY),
        booking(10.0, type="reservation_update"),
    ],
    ids=["yesterday", "tomorrow", "already counted", "a change"],
)
def test_what_does_not_raise_the_number_is_not_waited_for(
    clock: FiguresClock, message: DecodedMessage
):
    """The business date turns at the closeout hour."""
    clock.take(message, 10.1)
    clock.give_up(60.0)
    assert clock.latency.count == 0


def test_what_the_figures_never_count_is_late_at_the_end(clock: FiguresClock):
    """Else the worst server would have no late figures."""
    clock.take(booking(10.0), 10.1)
    clock.give_up(60.0)
    assert clock.latency.max_s == pytest.approx(50.0)


@pytest.mark.parametrize("turn", ["another writer", "the next day", "a lost connection"])
def test_what_cannot_be_told_any_more_is_given_up(clock: FiguresClock, turn: str):
    """And nothing counts as late for it."""
    clock.take(booking(10.0), 10.1)
    match turn:
        case "another writer":
            clock.take(booking(None), 10.2)
        case "the next day":
            clock.take(stats(0, day="2026-01-02"), 10.2)
        case _:
            clock.interrupt()
            clock.take(stats(6, at=AFTER), 60.0)
    clock.give_up(60.0)
    assert clock.latency.count == 0
