"""Counting what became of the operations, and printing it."""

from typing import Any

from rtdash.simulate.tally import Tally

BOOK = {"op": "book", "venue": "harbour-hotel"}
CANCEL = {"op": "cancel", "venue": "harbour-hotel"}
TABLE = {"op": "book", "venue": "harbour-grill"}


def refused(code: str, detail: str = "") -> dict[str, Any]:
    return {
        "outcome": "refused",
        "problem": {"type": f"urn:rtdash:problem:{code}", "detail": detail},
    }


def test_outcomes_are_counted_by_venue():
    """Applied operations and new reservations are counted for each venue."""
    tally = Tally(sent=3)
    tally.count([BOOK, CANCEL, TABLE], [{"outcome": "applied"}] * 3)
    assert tally.applied == {"harbour-hotel": 2, "harbour-grill": 1}
    assert tally.booked == {"harbour-hotel": 1, "harbour-grill": 1}
    assert tally.unanswered == 0


def test_refusals_are_counted_by_reason_with_the_first_as_example():
    """The code of the problem is the reason; its first detail is kept."""
    tally = Tally(sent=3)
    tally.count(
        [BOOK, BOOK, BOOK],
        [
            refused("no_availability", "first"),
            refused("no_availability", "second"),
            refused("overpaid", ""),
        ],
    )
    assert tally.refused == {"no_availability": 2, "overpaid": 1}
    assert tally.examples["no_availability"] == "first"
    assert any(
        "refused, no_availability: 2" in line and "first" in line for line in tally.summary()
    )


def test_repeats_are_neither_applied_nor_refused():
    """A repeat is counted as such, and is no new reservation."""
    tally = Tally(sent=1)
    tally.count([BOOK], [{"outcome": "repeated"}])
    assert (tally.repeated, tally.applied.total(), tally.booked.total(), tally.refused.total()) == (
        1,
        0,
        0,
        0,
    )
    assert "1 repeated" in tally.line()


def test_what_got_no_answer_is_told():
    """Operations that were sent and never answered are not left out."""
    tally = Tally(sent=5)
    tally.count([BOOK], [{"outcome": "applied"}])
    assert tally.unanswered == 4
    assert any("without an answer: 4" in line for line in tally.summary())


def test_falling_behind_is_told():
    """A run that could not keep its own pace says so."""
    assert not any("behind" in line for line in Tally().summary())
    assert any("behind its own pace by up to 3.0 s" in line for line in Tally(behind_s=3).summary())


def test_retries_are_told_with_their_reason() -> None:
    """So that it is clear why nothing moves."""
    assert "3 retries (the disk is full)" in Tally(retries=3, retried_for="the disk is full").line()
