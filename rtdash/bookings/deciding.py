"""One batch in one transaction: load in sets, decide each operation purely and in order, append the
events, save in sets.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from rtdash.bookings.atomic import refuse_together
from rtdash.bookings.event_builders import notification_event, reservation_event, upcoming_event
from rtdash.bookings.outcomes import Applied, Change, Outcome, OutcomeKind, Step
from rtdash.domain.availability import Night, Rooms, nights_touched_in_turn
from rtdash.domain.instants import Clock, from_ms, to_ms
from rtdash.domain.mirroring import is_known_version
from rtdash.domain.notifications import is_upcoming, notifications
from rtdash.domain.operations import content_digest, decide, derive_reservation_id
from rtdash.domain.refusals import OperationIdReused, Refusal, VenueArchived
from rtdash.domain.reservations import Op, Operation
from rtdash.domain.venues import Venue
from rtdash.protocol.messages import decode, encode
from rtdash.protocol.shown_reservations import reservation_json
from rtdash.store import announcements, batch, event_log
from rtdash.store.announcements import Announcement
from rtdash.store.batch import Record, RowKey, Stored, Version
from rtdash.store.database import Connection
from rtdash.store.errors import is_trouble
from rtdash.store.event_log import StoredEvent
from rtdash.store.venues import lock_venues

_COMES_NEAR = frozenset({Op.BOOK, Op.AMEND, Op.REINSTATE, Op.UNDO_NO_SHOW, Op.PUT})
"""Operations after which a start can lie ahead for which nothing was announced yet."""


@dataclass(slots=True)
class _State:
    """The rows that a batch is about, as the operations decided so far leave them."""

    venues: Mapping[str, Venue]
    now: datetime
    records: dict[RowKey, Record]
    stored: dict[RowKey, Stored]
    sold: dict[str, dict[tuple[str, date], int]]
    rooms: dict[str, Rooms]
    changes: dict[RowKey, Change]
    archived: Collection[str] = ()


def apply_batch(
    conn: Connection,
    operations: Sequence[Operation],
    venues: Mapping[str, Venue],
    clock: Clock,
    *,
    is_atomic: bool = False,
) -> Applied:
    """Apply the operations in one go; an atomic list whole or not at all.

    Raises the first fault that an operation meets. Undo the transaction then; the operations may be
    applied apart.
    """
    archived = lock_venues(conn, {operation.venue_id for operation in operations})
    targets = [_target(operation) for operation in operations]
    state = _load(conn, operations, targets, venues, now=from_ms(to_ms(clock())))
    state.archived = archived
    if is_atomic:
        state.rooms = {
            venue_id: Rooms(sold, judges_at_end=True) for venue_id, sold in state.sold.items()
        }
    steps = [
        _step(state, operation, target)
        for operation, target in zip(operations, targets, strict=True)
    ]
    if is_atomic and (refused := refuse_together(steps, state.rooms, venues)):
        return Applied(refused, (), frozenset())
    changes = list(state.changes.values())
    events = _append(conn, changes, state)
    batch.save_versions(conn, [_version(change) for change in changes])
    for venue_id, rooms in state.rooms.items():
        batch.save_rooms(conn, venue_id, rooms.changes(), state.sold[venue_id])
    return Applied(
        [_outcome(step) for step in steps],
        events,
        frozenset(change.operation.venue_id for change in changes),
    )


def apply_apart(
    conn: Connection, operations: Sequence[Operation], venues: Mapping[str, Venue], clock: Clock
) -> Applied:
    """Apply each operation behind a savepoint of its own, so that only the one that meets a fault
    fails, unless the fault is the store's.
    """
    parts = [_apply_apart(conn, operation, venues, clock) for operation in operations]
    return Applied(
        [outcome for part in parts for outcome in part.outcomes],
        [event for part in parts for event in part.events],
        frozenset[str]().union(*(part.venue_ids for part in parts)),
    )


def _apply_apart(
    conn: Connection, operation: Operation, venues: Mapping[str, Venue], clock: Clock
) -> Applied:
    try:
        return batch.with_savepoint(conn, lambda: apply_batch(conn, [operation], venues, clock))
    except Exception as error:
        if is_trouble(error):
            raise
        return Applied([error], (), frozenset())


def _load(
    conn: Connection,
    operations: Sequence[Operation],
    targets: Sequence[RowKey],
    venues: Mapping[str, Venue],
    *,
    now: datetime,
) -> _State:
    records = batch.load_records(
        conn, (RowKey(operation.venue_id, operation.operation_id) for operation in operations)
    )
    by_reservation: dict[RowKey, list[Operation]] = defaultdict(list)
    for operation, target in zip(operations, targets, strict=True):
        by_reservation[target].append(operation)
    stored = batch.load_stored(conn, by_reservation)
    touched: dict[str, set[Night]] = {operation.venue_id: set() for operation in operations}
    for key, turn in by_reservation.items():
        current = stored[key].reservation if key in stored else None
        touched[key.venue_id] |= nights_touched_in_turn(turn, current, venues[key.venue_id])
    sold = batch.load_sold(conn, touched)
    return _State(
        venues,
        now,
        records,
        stored,
        sold,
        {venue_id: Rooms(sold[venue_id]) for venue_id in touched},
        {},
    )


def _step(state: _State, operation: Operation, target: RowKey) -> Step:
    """Decide one operation. What is applied gets its outcome when the log has numbered it."""
    key, digest = RowKey(operation.venue_id, operation.operation_id), content_digest(operation)
    earlier = state.changes.get(key)
    record = state.records.get(key)
    known = earlier or record
    if known is not None and known.digest != digest:
        return Outcome(key.id, OutcomeKind.REFUSED, refusal=OperationIdReused(key.id))
    if earlier is not None:
        return OutcomeKind.REPEATED, earlier
    if record is not None:
        return Outcome(
            key.id, OutcomeKind.REPEATED, record.reservation_id, record.seq, decode(record.body)
        )
    before = state.stored.get(target)
    current = before.reservation if before else None
    if operation.op is Op.PUT and current and is_known_version(operation, current):
        body = reservation_json(current, state.venues[operation.venue_id])
        return Outcome(key.id, OutcomeKind.REPEATED, current.id, body=body)
    try:
        change = _decide(state, operation, before, digest)
    except Refusal as refusal:
        return Outcome(key.id, OutcomeKind.REFUSED, operation.reservation_id, refusal=refusal)
    state.changes[key] = change
    state.stored[target] = Stored(change.decision.reservation, operation.operation_id)
    return OutcomeKind.APPLIED, change


def _decide(state: _State, operation: Operation, before: Stored | None, digest: str) -> Change:
    venue, rooms = state.venues[operation.venue_id], state.rooms[operation.venue_id]
    if venue.id in state.archived:
        raise VenueArchived(venue.id)
    current = before.reservation if before else None
    decision = decide(operation, current, venue=venue, now=state.now, rooms=rooms)
    after = decision.reservation
    body = reservation_json(after, venue)
    events = [reservation_event(operation, current, body, venue)]
    change = Change(operation, digest, before, decision, body, events)
    if operation.at is None:
        news = notifications(current, after, operation, venue=venue, now=state.now, rooms=rooms)
        events += [notification_event(one, operation, venue) for one in news]
        if operation.op in _COMES_NEAR and is_upcoming(
            venue, after.start, state.now, status=after.status
        ):
            change.upcoming = Announcement(venue.id, after.id, after.start)
    return change


def _append(conn: Connection, changes: Sequence[Change], state: _State) -> list[StoredEvent]:
    """Append the events of the changes, in order, and enter the numbers of the reservations'
    own.
    """
    claimed = announcements.claim(
        conn, [change.upcoming for change in changes if change.upcoming], now=state.now
    )
    for change in changes:
        if change.upcoming in claimed:
            claimed.discard(change.upcoming)
            venue = state.venues[change.operation.venue_id]
            change.events.append(upcoming_event(change.operation, change.body, venue))
    stored = event_log.append(
        conn, [event for change in changes for event in change.events], now=state.now
    )
    following = iter(stored)
    for change in changes:
        numbered = [next(following) for _ in change.events]
        change.seq = numbered[0].seq
    return stored


def _version(change: Change) -> Version:
    after = change.decision.reservation
    record = Record(change.digest, after.id, change.seq, encode(change.body).decode())
    return Version(
        change.operation.operation_id, change.before, after, change.decision.charge, record
    )


def _outcome(step: Step) -> Outcome:
    if isinstance(step, Outcome):
        return step
    kind, change = step
    return Outcome(
        change.operation.operation_id, kind, change.decision.reservation.id, change.seq, change.body
    )


def _target(operation: Operation) -> RowKey:
    """Return the reservation that an operation is about; a booking without an id gets one derived
    from the operation's.
    """
    if operation.reservation_id is None and operation.op is Op.BOOK:
        return RowKey(
            operation.venue_id, derive_reservation_id(operation.venue_id, operation.operation_id)
        )
    return RowKey(operation.venue_id, operation.reservation_id or "")
