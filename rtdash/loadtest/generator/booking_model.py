"""Model of the reservations that the run itself made: what events, lists and figures must show.
The server's log is no witness against the server; the operations that were sent are. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rtdash.loadtest.generator.account import EXAMPLES
from rtdash.loadtest.generator.derived_fields import find_derived_flaw
from rtdash.protocol.channels import Stream

MODELLED = 20_000
"""Operations that are modelled; beyond, they are only looked for in the log."""
CHANGED_BY = {"amend": ("guests",)}
UPCOMING = "upcoming_reservation"
_BOOKED = (
    *("customerName", "guests", "source", "kind", "venue", "date"),
    *("roomType", "checkIn", "checkOut", "amount", "paid"),
)
_UNCHANGED = ("customerName", "source", "kind", "venue", "date")
"""Fields that no operation of the run changes."""
_TYPES = frozenset({"new_reservation", "reservation_update"})
_CENT = 0.005
_CLOCKS_DIFFER = timedelta(seconds=2)


@dataclass(slots=True)
class ModelReservation:
    """Reservation as it must be after its last known event. `history`: seq and version of each."""

    stream: Stream
    fields: dict[str, Any]
    start: str
    history: list[tuple[int, int]] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    """The operation of each version, from 1."""
    zone: str | None = None
    """Time zone of its venue, where it is known."""

    @property
    def version(self) -> int:
        """Return the last version."""
        return self.history[-1][1]

    def version_at(self, seq: int) -> int:
        """Return the version that the event log implies at a position; 0 before the booking."""
        return max((version for at, version in self.history if at <= seq), default=0)

    def flaw_in(self, shown: Mapping[str, Any]) -> str | None:
        """Return what is wrong with this reservation as a list or an event shows it."""
        for name, value in self.fields.items():
            if shown.get(name) != value:
                return f"{name} is {shown.get(name)!r} and must be {value!r}"
        return _money_flaw(shown) or find_derived_flaw(shown, self.zone)


class BookingModel:
    """Model of acknowledged operations, checked against the events of the log in their order.

    `zones`: the time zone of each venue, by its id.
    """

    def __init__(self, zones: Mapping[str, str] | None = None) -> None:
        self.reservations: dict[tuple[str, str], ModelReservation] = {}
        """By venue and id."""
        self.violations = 0
        self.examples: list[str] = []
        self.checked = 0
        self._zones = zones or {}
        self._operations: dict[str, tuple[dict[str, Any], str]] = {}
        self._logged: set[str] = set()
        self._announced: Counter[str] = Counter()
        """Events of other types that an operation has brought about, by type and operation."""
        self._upcoming: dict[tuple[str, str, str], tuple[str, Mapping[str, Any]]] = {}
        """Announced starts, by venue, id and start: where, and as what."""
        self._last_at: dict[Stream, datetime] = {}

    def acknowledge(self, operation: dict[str, Any], reservation_id: str) -> None:
        """Remember an operation that was applied to a reservation."""
        if len(self._operations) < MODELLED:
            self._operations[operation["operationId"]] = (operation, reservation_id)

    def check_event(self, stream: Stream, event: dict[str, Any]) -> None:
        """Check an event of the log; those of other writers are only looked at for their time."""
        self._check_time(stream, event)
        if event.get("type") == UPCOMING:
            self._note_upcoming(stream, event)
        known = self._operations.get(str(event.get("operationId")))
        if known is None:
            if len(self._operations) >= MODELLED:
                self._forget_changed(stream, event)
            return
        operation, reservation_id = known
        if event.get("type") not in _TYPES:
            self._announced[f"{event.get('type')} {operation['operationId']}"] += 1
            return
        self.checked += 1
        where = f"{stream.channel} seq {event.get('seq')} ({operation['op']})"
        if operation["operationId"] in self._logged:
            self.violate(f"{where}: its operation was logged before")
            return
        self._logged.add(operation["operationId"])
        shown = event.get("reservation")
        if not isinstance(shown, dict) or shown.get("id") != reservation_id:
            self.violate(f"{where}: it is not about reservation {reservation_id}")
            return
        if flaw := self._apply(stream, operation, event, shown):
            self.violate(f"{where}: {flaw}")

    def _forget_changed(self, stream: Stream, event: dict[str, Any]) -> None:
        """Forget a reservation that an operation beyond MODELLED may have changed."""
        shown = event.get("reservation")
        if event.get("type") in _TYPES and isinstance(shown, dict):
            self.reservations.pop((stream.venue, str(shown.get("id"))), None)

    def check_announcements(self, kind: str, operations: Iterable[str]) -> None:
        """Check that all of these operations had an event of that type, or none: whether a venue
        announces them is a setting of it, but the same for all.
        """
        known = [one for one in operations if one in self._logged]
        missing = [one for one in known if not self._announced[f"{kind} {one}"]]
        for one in known:
            if (count := self._announced[f"{kind} {one}"]) > 1 and kind != UPCOMING:
                self.violate(f"operation {one} was announced by {count} messages {kind}")
        if 0 < len(missing) < len(known):
            self.violate(
                f"{len(missing)} of {len(known)} operations that are announced by {kind} had none,"
                f" such as {missing[0]}"
            )

    def check_upcoming(self) -> None:
        """Check that each announced start is that of the reservation that was booked."""
        for (venue, reservation_id, _), (where, shown) in self._upcoming.items():
            reservation = self.reservations.get((venue, reservation_id))
            if reservation is None:
                continue
            for name in _UNCHANGED:
                expected = reservation.fields.get(name)
                if expected is not None and shown.get(name, expected) != expected:
                    self.violate(f"{where}: {name} is {shown[name]!r} and must be {expected!r}")

    def _note_upcoming(self, stream: Stream, event: dict[str, Any]) -> None:
        """Note the announcement of a start: there is one, however many processes look for it."""
        shown, where = event.get("reservation"), f"{stream.channel} seq {event.get('seq')}"
        if not isinstance(shown, dict):
            return
        key = (stream.venue, str(shown.get("id")), str(shown.get("date")))
        if key in self._upcoming:
            self.violate(f"{where}: the start of {key[1]} at {key[2]} was announced before")
        elif len(self._upcoming) < MODELLED:
            self._upcoming[key] = (where, shown)

    def _check_time(self, stream: Stream, event: dict[str, Any]) -> None:
        """The instant of appending doesn't go back, but for what clocks of several processes of a
        server differ by.
        """
        with suppress(KeyError, TypeError, ValueError):
            at = datetime.fromisoformat(event["timestamp"])
            last_at = self._last_at.get(stream, at)
            if at < last_at - _CLOCKS_DIFFER:
                self.violate(
                    f"{stream.channel} seq {event.get('seq')}: its timestamp is"
                    f" {(last_at - at).total_seconds():.1f} s before an earlier event's"
                )
            self._last_at[stream] = max(at, last_at)

    def violate(self, text: str) -> None:
        """Record something that contradicts the operations that were sent."""
        self.violations += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"model_violations: {text}")

    def operation_of(self, reservation_id: str, version: int) -> str | None:
        """Return the operation that made a version; None of a version that the run didn't make."""
        for (_, known_id), reservation in self.reservations.items():
            if known_id == reservation_id and 0 < version <= len(reservation.operations):
                return reservation.operations[version - 1]
        return None

    def of_venue(self, venue: str) -> Iterator[tuple[str, ModelReservation]]:
        """Yield id and reservation of each that the run made in a venue."""
        for (venue_id, reservation_id), reservation in self.reservations.items():
            if venue_id == venue:
                yield reservation_id, reservation

    def _apply(
        self,
        stream: Stream,
        operation: dict[str, Any],
        event: dict[str, Any],
        shown: dict[str, Any],
    ) -> str | None:
        """Bring the model to what the operation makes of it; return what the event shows wrong."""
        key = (stream.venue, shown["id"])
        op = operation["op"]
        if op == "book":
            if event["type"] != "new_reservation":
                return f"a booking is shown as {event['type']}"
            if key in self.reservations:
                return f"{shown['id']} is another booking's id already"
            fields = {name: operation[name] for name in _BOOKED if name in operation}
            start = str(shown.get("date"))
            self.reservations[key] = ModelReservation(
                stream, {**fields, "status": "Confirmed"}, start, zone=self._zones.get(stream.venue)
            )
        elif event.get("change") != op:
            return f"the change is {event.get('change')!r} and must be {op!r}"
        reservation = self.reservations.get(key)
        if reservation is None:
            return None  # booked before the log that is looked at
        for name in CHANGED_BY.get(op, ()):
            reservation.fields[name] = operation[name]
        if op == "cancel":
            reservation.fields["status"] = "Cancelled"
        expected = len(reservation.history) + 1
        reservation.history.append((event["seq"], expected))
        reservation.operations.append(operation["operationId"])
        if shown.get("version") != expected:
            return f"version is {shown.get('version')!r} and must be {expected}"
        return reservation.flaw_in(shown)


def _money_flaw(shown: Mapping[str, Any]) -> str | None:
    amounts = [shown.get(name) for name in ("amount", "paid", "balance")]
    amount, paid, balance = (value if isinstance(value, int | float) else 0 for value in amounts)
    if abs(amount - paid - balance) > _CENT:
        return f"balance is {balance}, of an amount of {amount} with {paid} paid"
    return None
