"""Refusals: stable codes, and texts that say how to mend it."""

from datetime import UTC, date, datetime

import pytest

from rtdash.domain import money_refusals, refusals, stay_refusals
from rtdash.domain.refusals import Refusal

NOW = datetime(2026, 7, 10, 12, tzinfo=UTC)

ALL: dict[str, tuple[Refusal, str]] = {
    "reservation_exists": (refusals.ReservationExists("a"), "choose another"),
    "reservation_not_found": (refusals.ReservationNotFound("a"), "check the id and the venue"),
    "no_availability": (
        stay_refusals.NoAvailability("double", date(2026, 7, 12), 2),
        "choose other dates or another room type",
    ),
    "invalid_transition": (
        refusals.InvalidTransition("cancel", "Seated", ("Pending", "Confirmed")),
        "Pending or Confirmed; this one is Seated",
    ),
    "not_amendable": (refusals.NotAmendable("amend", "NoShow"), "undo_no_show first"),
    "overpaid": (money_refusals.Overpaid(500, 499, "JPY"), "500 JPY is more than the 499 JPY"),
    "amount_below_charges": (money_refusals.AmountBelowCharges(1, 2, "EUR"), "give at least that"),
    "instant_goes_back": (
        refusals.InstantGoesBack(NOW, NOW),
        "2026-07-10T12:00:00.000Z is too early",
    ),
    "instant_in_future": (refusals.InstantInFuture(NOW, NOW), "leave it out for now"),
    "unknown_room_type": (
        stay_refusals.UnknownRoomType("x", ["single", "double"]),
        "choose one of single, double",
    ),
    "unknown_category": (refusals.UnknownCategory("x", ["mains"]), "choose one of mains"),
    "dates_reversed": (
        stay_refusals.DatesReversed(date(2026, 7, 12), date(2026, 7, 11)),
        "must be after checkIn 2026-07-12",
    ),
    "stay_too_long": (stay_refusals.StayTooLong(400, 366), "at most 366 nights, not 400"),
    "wrong_kind": (refusals.WrongKind("seat", "hotel"), "seat is not for a hotel"),
    "missing_field": (refusals.MissingField("pay", "amount"), "pay needs amount"),
    "bad_value": (
        refusals.BadValue("guests", "must be at least 1"),
        "guests must be at least 1",
    ),
    "refund_too_large": (
        money_refusals.RefundTooLarge(500, 499, "JPY"),
        "refund at most that",
    ),
    "over_capacity": (stay_refusals.OverCapacity(5, "double", 2), "holds 2 guests, not 5"),
    "venue_archived": (refusals.VenueArchived("inn"), "takes it back into service"),
    "version_changed": (refusals.VersionChanged(4), "is at version 4 now: read it again"),
    "not_applied": (refusals.NotAlone("op-3"), "refused ('op-3'): mend that one"),
    "operation_id_reused": (refusals.OperationIdReused("op"), "needs a new id"),
}


def every_refusal() -> list[type[Refusal]]:
    """Return the classes that have no subclasses, through their common bases."""
    kinds = [*Refusal.__subclasses__()]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return [kind for kind in kinds if not kind.__subclasses__()]


@pytest.mark.parametrize("code", ALL)
def test_a_refusal_says_how_to_mend_it(code: str) -> None:
    """Programs rely on its code; its text is for people."""
    refusal, hint = ALL[code]
    assert refusal.code == code
    assert hint in str(refusal)


def test_no_refusal_is_left_out() -> None:
    """Every kind of refusal is in the table above, so that no code changes unseen."""
    assert {kind.code for kind in every_refusal()} == set(ALL)


def test_a_missing_id_is_told_apart_from_an_unknown_one() -> None:
    """The refusal of an operation without a reservation says so."""
    assert "names no reservation" in str(refusals.ReservationNotFound(None))


def test_a_refusal_can_be_raised_and_caught() -> None:
    """A refusal is an exception with its facts as attributes."""
    with pytest.raises(Refusal) as caught:
        raise money_refusals.Overpaid(2, 1, "EUR")
    assert caught.value.args == (2, 1, "EUR")
