"""Lists of operations that are applied all together or not at all."""

from collections.abc import Mapping, Sequence

from rtdash.bookings.outcomes import Outcome, OutcomeKind, Step
from rtdash.domain.availability import Night, Rooms, nights_held, total_rooms
from rtdash.domain.refusals import NotAlone, Refusal
from rtdash.domain.stay_refusals import NoAvailability
from rtdash.domain.venues import Venue


def refuse_together(
    steps: Sequence[Step], rooms: Mapping[str, Rooms], venues: Mapping[str, Venue]
) -> list[Outcome] | None:
    """Return the outcomes of a list of which an operation is refused, or None where none is.

    Rooms are judged here, when all is decided: on the way a swap in a full house sells one room
    too many. What was applied before, by an earlier request, stays `repeated`.
    """
    beyond = {
        venue_id: set(of_venue.overbooked(venues[venue_id])) for venue_id, of_venue in rooms.items()
    }
    reasons = [_reason(step, beyond, venues) for step in steps]
    first = next((index for index, reason in enumerate(reasons) if reason is not None), None)
    if first is None:
        return None
    first_id = _operation_id(steps[first])
    return [
        _outcome(step, reason or NotAlone(first_id))
        for step, reason in zip(steps, reasons, strict=True)
    ]


def _reason(
    step: Step, beyond: Mapping[str, set[Night]], venues: Mapping[str, Venue]
) -> Refusal | None:
    if isinstance(step, Outcome):
        return step.refusal
    change = step[1]
    venue = venues[change.operation.venue_id]
    before = change.before.reservation if change.before else None
    taken = nights_held(change.decision.reservation) - nights_held(before)
    for night in sorted(taken & beyond[venue.id], key=lambda night: night.date):
        return NoAvailability(night.room_type, night.date, total_rooms(venue, night.room_type))
    return None


def _operation_id(step: Step) -> str | None:
    return step.operation_id if isinstance(step, Outcome) else step[1].operation.operation_id


def _outcome(step: Step, refusal: Refusal) -> Outcome:
    if isinstance(step, Outcome):
        return step
    operation = step[1].operation
    return Outcome(
        operation.operation_id, OutcomeKind.REFUSED, operation.reservation_id, refusal=refusal
    )
