"""The plan of polls: how far back each one reaches, and which heads are news."""

from datetime import UTC, datetime

from rtdash.relay.head_poller import (
    DEEP_INTERVAL_S,
    DEEP_OVERLAP,
    FULL_INTERVAL_S,
    OVERLAP,
    PollPlan,
    Reach,
)
from tests.fakes import BOOKINGS, NOTES

NOW = datetime(2026, 7, 10, 12, tzinfo=UTC)


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        """Return the instant."""
        return self.now_s


def planned() -> tuple[PollPlan, Clock]:
    """A plan behind its first poll, which compared everything."""
    clock = Clock()
    plan = PollPlan(lambda: NOW, clock_monotonic=clock)
    plan.note(plan.next_reach(), NOW, {})
    return plan, clock


def test_the_first_poll_compares_everything() -> None:
    """Nothing is known before it."""
    assert PollPlan(lambda: NOW).next_reach() is Reach.FULL


def test_polls_reach_further_back_from_time_to_time() -> None:
    """Most ask for the last moments, one in DEEP_INTERVAL_S reaches further, and one in
    FULL_INTERVAL_S compares everything, each from the instant on at which it is due.
    """
    plan, clock = planned()
    assert plan.next_reach() is Reach.RECENT
    clock.now_s += DEEP_INTERVAL_S - 0.5
    assert plan.next_reach() is Reach.RECENT
    clock.now_s += 0.5
    assert plan.next_reach() is Reach.DEEP
    plan.note(Reach.DEEP, NOW, {})
    assert plan.next_reach() is Reach.RECENT
    clock.now_s += FULL_INTERVAL_S - DEEP_INTERVAL_S
    assert plan.next_reach() is Reach.FULL
    plan.note(Reach.FULL, NOW, {})
    assert plan.next_reach() is Reach.RECENT
    plan.forget()
    assert plan.next_reach() is Reach.FULL


def test_a_poll_asks_from_behind_the_one_before_it() -> None:
    """By the overlap of its reach."""
    plan, _ = planned()
    assert (plan.since(Reach.RECENT), plan.since(Reach.DEEP)) == (NOW - OVERLAP, NOW - DEEP_OVERLAP)


def test_news_are_the_heads_that_have_changed() -> None:
    """A recent poll keeps what it did not see, two deeper ones forget it; an unknown head is 0."""
    plan, _ = planned()
    assert plan.note(Reach.RECENT, NOW, {BOOKINGS: 3, NOTES: 1}) == [BOOKINGS, NOTES]
    assert plan.note(Reach.RECENT, NOW, {BOOKINGS: 4}) == [BOOKINGS]
    assert (plan.head(BOOKINGS), plan.head(NOTES)) == (4, 1)
    assert plan.note(Reach.DEEP, NOW, {BOOKINGS: 4}) == []
    assert (plan.head(BOOKINGS), plan.head(NOTES)) == (4, 1)
    assert plan.note(Reach.DEEP, NOW, {NOTES: 1}) == []
    assert plan.note(Reach.DEEP, NOW, {}) == []
    assert (plan.head(BOOKINGS), plan.head(NOTES)) == (0, 1)


def test_a_poll_goes_on_where_the_one_before_has_ended() -> None:
    """Unless the store may have less than before: then nothing of it counts."""
    plan, _ = planned()
    plan.note(Reach.RECENT, NOW, {}, "the end")
    assert plan.mark == "the end"
    plan.forget()
    assert plan.mark is None
