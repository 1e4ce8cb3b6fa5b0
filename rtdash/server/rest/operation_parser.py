"""Operations on the wire: JSON objects become the domain's operations, or a problem that names
every field that is wrong.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rtdash.domain.reservations import Op, Operation
from rtdash.domain.venues import Venue, VenueKind
from rtdash.server.rest.fields import ANY_STATUS, FIELDS, Field
from rtdash.server.rest.problems import Problem, invalid

MAX_WRONG = 25
"""Wrong fields that are named: a body of 64 KiB can have thousands, and a list as many bodies."""
LONGEST_NAME = 100
"""Characters of a field's name that are repeated to its sender."""

_TERMS = (
    "customerName",
    "customerEmail",
    "customerPhone",
    "guests",
    "source",
    "amount",
    "paid",
    "status",
)
_OF_KIND = {
    VenueKind.HOTEL: ("roomType", "checkIn", "checkOut"),
    VenueKind.RESTAURANT: ("date", "durationMinutes"),
}
_NEEDED_TO_BOOK = {
    VenueKind.HOTEL: frozenset(
        {"customerName", "guests", "source", "roomType", "checkIn", "checkOut"}
    ),
    VenueKind.RESTAURANT: frozenset({"customerName", "guests", "source", "date"}),
}
_ALWAYS = ("op", "kind", "venue", "operationId", "reservationId", "at")
_LEADING = frozenset({"op", "kind", "venue"})
_HOTEL_ONLY = frozenset({Op.CHECK_IN, Op.UNDO_CHECK_IN, Op.CHECK_OUT})
_RESTAURANT_ONLY = frozenset({Op.SEAT, Op.UNDO_SEAT, Op.COMPLETE})


@dataclass(frozen=True, slots=True)
class OperationShape:
    """Fields that an operation may have, those that it must have, and how each is read but those
    that say what and where it is.
    """

    known: frozenset[str]
    needed: frozenset[str]
    fields: Mapping[str, Field]


def parse_operation(
    body: Mapping[str, Any], op: Op, venue: Venue, *, operation_id: str | None = None
) -> Operation:
    """The operation that a JSON object describes, for a venue that was chosen by its `venue` and
    `kind`.

    `operation_id` stands in for a missing `operationId`. Raises Problem (422) with every field that
    is wrong, missing or unknown; of a body with more than 25 of them, with those of its beginning.
    """
    shape = SHAPES[venue.kind, op]
    wrong: list[tuple[str, str]] = []
    values: dict[str, Any] = {"operation_id": operation_id}
    for name, value in body.items():
        if wrong and len(wrong) >= MAX_WRONG:
            raise invalid(wrong)
        field = shape.fields.get(name)
        if field is not None:
            if value is None and name not in shape.needed:
                continue
            try:
                values[field.attribute] = field.parse(value, venue)
            except ValueError as reason:
                wrong.append((name, str(reason)))
        elif name not in _LEADING:
            wrong.append(
                (_shortened(name), f"is not a field of {op} at a {venue.kind}: leave it out")
            )
    wrong.extend(
        (name, f"is missing: {op} needs it") for name in sorted(shape.needed - body.keys())
    )
    if values["operation_id"] is None:
        wrong.append(
            (
                "operationId",
                (
                    "is missing: give each operation an id of its own, so that it can be repeated"
                    " safely"
                ),
            )
        )
    if wrong:
        raise invalid(wrong)
    return Operation(op=op, venue_id=venue.id, **values)


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"


def parse_op(body: Mapping[str, Any], kind: VenueKind) -> Op:
    """Return what an operation does. Raises Problem for one that there isn't, or not at such a
    venue.
    """
    name = body.get("op")
    op = _OPS[kind].get(name) if isinstance(name, str) else None
    if op is None:
        raise invalid([("op", f"must be one of {', '.join(_OPS[kind])}")])
    return op


def parse_kind(body: Mapping[str, Any]) -> VenueKind:
    """Return the kind of venue that an operation is for. Raises Problem."""
    name = body.get("kind")
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise invalid([("kind", "must be hotel or restaurant")])
    return kind


def parse_venue_id(body: Mapping[str, Any]) -> str | None:
    """Return the venue that an operation names. Raises Problem."""
    venue = body.get("venue")
    if venue is not None and not isinstance(venue, str):
        raise invalid([("venue", "must be the id of a venue")])
    return venue


def expect_object(value: Any) -> Mapping[str, Any]:
    """Return a decoded JSON value that must be an object. Raises Problem."""
    if not isinstance(value, dict):
        raise Problem("invalid", 'an operation is a JSON object, as in {"op": "confirm", …}')
    return value


def booking_schema(kind: VenueKind) -> dict[str, Any]:
    """JSON schema of the body that books: an operation that leaves out `op` and `kind`."""
    return _schema(SHAPES[kind, Op.BOOK], leave_out=("op", "kind"))


def change_schema(kind: VenueKind) -> dict[str, Any]:
    """Return the JSON schema of the body that changes a reservation: an operation that leaves out
    `kind`, and may leave out the `reservationId` of the path.
    """
    changes = [op for op in _ops(kind) if op is not Op.BOOK]
    schemas = [_schema(SHAPES[kind, op], leave_out=("kind",), op=op) for op in changes]
    for schema in schemas:  # the path names the reservation
        schema["required"].remove("reservationId")
    return {"anyOf": schemas}


def operation_schema() -> dict[str, Any]:
    """JSON schema of an operation in a list of them."""
    return {
        "anyOf": [
            _schema(shape, op=op, kind=kind, needed=("operationId",))
            for (kind, op), shape in SHAPES.items()
        ]
    }


def _ops(kind: VenueKind) -> Iterator[Op]:
    others = _RESTAURANT_ONLY if kind is VenueKind.HOTEL else _HOTEL_ONLY
    return (op for op in Op if op not in others)


def _field(name: str, op: Op | None) -> Field:
    """A mirror may put any status; elsewhere the later ones come by operations."""
    return ANY_STATUS if name == "status" and op is Op.PUT else FIELDS[name]


def _shape(kind: VenueKind, op: Op) -> OperationShape:
    match op:
        case Op.BOOK:
            fields, needed = (*_TERMS, *_OF_KIND[kind]), {*_NEEDED_TO_BOOK[kind]}
        case Op.AMEND:
            fields, needed = (*_TERMS, *_OF_KIND[kind]), {"reservationId"}
        case Op.PUT:
            fields = (*_TERMS, *_OF_KIND[kind], "sourceVersion")
            needed = {"reservationId", "sourceVersion"}
        case Op.PAY | Op.REFUND:
            fields, needed = ("amount",), {"reservationId", "amount"}
        case Op.CHECK_OUT:
            fields, needed = ("amount",), {"reservationId"}
        case Op.CHARGE:
            fields, needed = ("category", "amount"), {"reservationId", "category", "amount"}
        case _:
            fields, needed = (), {"reservationId"}
    known = frozenset((*_ALWAYS, *fields))
    read = {name: _field(name, op) for name in known - _LEADING}
    return OperationShape(known, frozenset(needed), read)


def _schema(
    shape: OperationShape,
    *,
    leave_out: tuple[str, ...] = (),
    needed: tuple[str, ...] = (),
    op: Op | None = None,
    kind: VenueKind | None = None,
) -> dict[str, Any]:
    leading: dict[str, Any] = {
        "op": {"type": "string", "enum": [op.value]} if op else {},
        "kind": {"type": "string", "enum": [kind.value]} if kind else {},
        "venue": {
            "type": "string",
            "description": "One of the token's; default: its first of that kind.",
        },
    }
    properties = {
        name: leading[name] if name in _LEADING else _field(name, op).schema
        for name in sorted(shape.known)
        if name not in leave_out
    }
    required = {*shape.needed, *needed, *(["op"] if op else []), *(["kind"] if kind else [])}
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(required),
        "additionalProperties": False,
    }


SHAPES = {(kind, op): _shape(kind, op) for kind in VenueKind for op in _ops(kind)}
"""The shape of every operation, by kind of venue."""

_OPS = {kind: {op.value: op for op in _ops(kind)} for kind in VenueKind}
_KINDS = {kind.value: kind for kind in VenueKind}
