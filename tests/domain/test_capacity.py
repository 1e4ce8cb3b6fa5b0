"""Number of guests that a room holds, and the operations to which that bound does not apply."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from rtdash.domain.reservations import Op
from rtdash.domain.stay_refusals import OverCapacity
from rtdash.domain.venues import Venue

Make = Callable[..., Any]


def test_guests_beyond_the_room_are_refused(hotel: Venue, apply: Make) -> None:
    """A double holds two; the text says so."""
    assert apply(hotel, (Op.BOOK, {"guests": 2})).guests == 2
    with pytest.raises(OverCapacity, match="holds 2 guests, not 3"):
        apply(hotel, (Op.BOOK, {"guests": 3}))


@pytest.mark.parametrize("change", [{"guests": 3}, {"room_type": "double"}])
def test_an_amendment_is_held_to_it_too(change: dict[str, Any], hotel: Venue, apply: Make) -> None:
    """More guests, or a smaller room."""
    booked = {"room_type": "suite", "guests": 3} if "room_type" in change else {}
    with pytest.raises(OverCapacity):
        apply(hotel, (Op.BOOK, booked), (Op.AMEND, change))
    larger = {"guests": 3, "room_type": "suite"}
    assert apply(hotel, Op.BOOK, (Op.AMEND, larger)).guests == 3


def test_what_is_over_already_can_be_amended_otherwise(hotel: Venue, apply: Make) -> None:
    """A stay from before the rule, or from a mirror, can still get another source."""
    lenient = replace(hotel, allow_over_capacity=True)
    crowded = apply(lenient, (Op.BOOK, {"guests": 5}))
    assert crowded.guests == 5
    put = {"reservation_id": "a", "source_version": 1, "guests": 5}
    booked = apply(hotel, (Op.PUT, _terms(apply, hotel) | put), (Op.AMEND, {"source": "phone"}))
    assert (booked.guests, booked.source) == (5, "phone")


def test_history_and_tables_are_not_held_to_it(
    hotel: Venue, restaurant: Venue, apply: Make, now: datetime
) -> None:
    """A replay describes what happened; a restaurant has no room types."""
    assert apply(hotel, (Op.BOOK, {"guests": 5, "at": now})).guests == 5
    assert apply(restaurant, (Op.BOOK, {"guests": 50})).guests == 50


def _terms(apply: Make, hotel: Venue) -> dict[str, Any]:
    stay = apply(hotel, Op.BOOK)
    return {
        "customer_name": stay.customer_name,
        "source": stay.source,
        "room_type": stay.room_type,
        "check_in": stay.check_in,
        "check_out": stay.check_out,
    }
