"""Another system's side: states of reservations, kept as its own, and events that announce them.

The words are not rtdash's on purpose, so that a map is needed, as with any property management or
booking system (`fixtures/imports/simulated-pms.toml`).
"""

import json
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from threading import Lock
from typing import Any

from rtdash.domain.instants import format_instant
from rtdash.simulate.script import TimedOperation

MOST_STATES = 100_000
"""States that are kept; beyond, those changed longest ago are forgotten."""

_STATES = {
    "confirm": "booked",
    "check_in": "in_house",
    "undo_check_in": "booked",
    "check_out": "departed",
    "seat": "arrived",
    "undo_seat": "booked",
    "complete": "left",
    "cancel": "cancelled",
    "reinstate": "booked",
    "no_show": "no_show",
    "undo_no_show": "booked",
}

_FIELDS = {
    "guests": "persons",
    "roomType": "room_type",
    "checkIn": "arrival",
    "checkOut": "departure",
    "date": "seating_at",
    "durationMinutes": "minutes",
    "source": "channel",
    "amount": "total",
    "paid": "paid",
}


class ReservationStates:
    """States by reservation, newest change last; read by other threads while they change."""

    def __init__(self) -> None:
        self._states: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._lock = Lock()

    def apply(self, timed: TimedOperation) -> dict[str, Any]:
        """Apply an operation to the state of its reservation; return a copy of the new state."""
        operation = timed.operation
        with self._lock:
            state = self._states.pop(operation["reservationId"], None) or {
                "id": operation["reservationId"],
                "property": operation["venue"],
                "revision": 0,
                "state": "booked",
                "total": 0,
                "paid": 0,
            }
            state = {**state, **_changes(state, operation)}
            state["revision"] += 1
            state["changed_at"] = format_instant(timed.due)
            self._states[state["id"]] = state
            if len(self._states) > MOST_STATES:
                self._states.popitem(last=False)
            return dict(state)

    def find(self, reservation_id: str) -> dict[str, Any] | None:
        """Return a copy of the state; None where there is none."""
        with self._lock:
            state = self._states.get(reservation_id)
            return dict(state) if state else None

    def newest(self, limit: int = 500) -> list[dict[str, Any]]:
        """Return the states that changed last, newest first."""
        with self._lock:
            return [dict(self._states[key]) for key in [*reversed(self._states)][:limit]]


def event_of(state: Mapping[str, Any], base_url: str, *, thin: bool) -> bytes:
    """Return the body of the delivery that announces a state: id, revision and place of it.

    Unless `thin`, the state stands in it as well.
    """
    data = {
        "id": state["id"],
        "revision": state["revision"],
        "href": f"{base_url}/reservations/{state['id']}",
    }
    if not thin:
        data["reservation"] = dict(state)
    event = {"type": "reservation.changed", "timestamp": state["changed_at"], "data": data}
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def event_id(state: Mapping[str, Any], start: datetime) -> str:
    """Return the `webhook-id`: the same for a delivery that is sent again."""
    return f"{state['id']}.{state['revision']}.{int(start.timestamp())}"


def _changes(state: Mapping[str, Any], operation: Mapping[str, Any]) -> dict[str, Any]:
    op = operation["op"]
    if op == "pay":
        return {"paid": round(state["paid"] + operation["amount"], 2)}
    if op == "charge":
        return {"total": round(state["total"] + operation["amount"], 2)}
    changes = {ours: operation[field] for field, ours in _FIELDS.items() if field in operation}
    if op == "book":
        changes["guest"] = {
            "name": operation["customerName"],
            "email": operation["customerEmail"],
            "phone": operation["customerPhone"],
        }
        changes["state"] = "requested" if operation.get("status") == "Pending" else "booked"
    elif op in _STATES:
        changes["state"] = _STATES[op]
    return changes
