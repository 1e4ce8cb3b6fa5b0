"""What the independent server remembers: reservations, logs, figures, all worked out anew."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.loadtest.independent_behaviour import Behaviour

Json = dict[str, Any]
VENUES = [
    {
        "id": "h",
        "kind": "hotel",
        "timezone": "UTC",
        "closeoutHour": 3,
        "name": "H",
        "currency": "EUR",
    },
    {
        "id": "r",
        "kind": "restaurant",
        "timezone": "UTC",
        "closeoutHour": 4,
        "name": "R",
        "currency": "EUR",
    },
]
CHANNELS = [
    f"{kind}_{what}"
    for kind in ("hotel", "restaurant")
    for what in ("stats", "reservations", "notifications")
]
ROOMS, RATE, LARGE = 50, 100, 8


def now_text() -> str:
    """RFC 3339 in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class IndependentStore:
    """One epoch, in memory. `publish` gets venue, channel and message."""

    def __init__(self, behaviour: "Behaviour", publish: Callable[[str, str, Json], None]) -> None:
        self.epoch = "e1"
        self.reservations: dict[str, Json] = {}
        self.logs: dict[tuple[str, str], list[Json]] = {
            (venue["id"], f"{venue['kind']}_{what}"): []
            for venue in VENUES
            for what in ("stats", "reservations", "notifications")
        }
        self._behaviour = behaviour
        self._publish = publish
        self._done: dict[str, Json] = {}

    def knows(self, operation: Json) -> bool:
        """Whether it was applied."""
        return operation["operationId"] in self._done

    def apply(self, operation: Json, *, was_known: bool) -> Json:
        """An outcome; the events are logged and published. `was_known`: when it came."""
        is_known = self.knows(operation)
        if self._behaviour.is_repeat(was_known=was_known, is_known=is_known):
            return {**self._done[operation["operationId"]], "outcome": "repeated"}
        is_known = operation.get("reservationId") in {None, *self.reservations}
        if not is_known or self._behaviour.refuses(operation):
            problem = {"title": "Not today", "status": 409}
            return {
                "operationId": operation["operationId"],
                "outcome": "refused",
                "problem": problem,
            }
        kind, venue = operation["kind"], operation["venue"]
        if not self._behaviour.stores(operation):
            seq = len(self.logs[venue, f"{kind}_reservations"]) + 1
            outcome = {"operationId": operation["operationId"], "outcome": "applied", "seq": seq}
            return outcome | {"reservationId": "nowhere"}
        before = self.states(venue)
        if operation["op"] == "book":
            reservation = _booked(operation, self._behaviour.new_id(len(self._done)))
            self.reservations[reservation["id"]] = reservation
        else:
            reservation = self.reservations[operation["reservationId"]]
            reservation["version"] += 1
            if operation["op"] == "amend":
                reservation["guests"] = operation["guests"]
            else:
                reservation["status"] = "Cancelled"
        shown: Json = {"reservation": dict(reservation)}
        if operation["op"] == "book":
            shown["type"] = "new_reservation"
        else:
            shown |= {"type": "reservation_update", "change": operation["op"]}
        seq = self._append(venue, f"{kind}_reservations", shown, operation)
        self._notify(venue, kind, reservation, operation)
        for state, old in zip(self.states(venue), before, strict=True):
            if {**state, "timestamp": ""} != {**old, "timestamp": ""}:
                self._publish(venue, state["channel"], state)
        outcome = {"operationId": operation["operationId"], "reservationId": reservation["id"]}
        self._done[operation["operationId"]] = outcome | {"seq": seq}
        return {**outcome, "outcome": "applied", "seq": seq}

    def _notify(self, venue: str, kind: str, reservation: Json, operation: Json) -> None:
        channel, start = f"{kind}_notifications", datetime.fromisoformat(reservation["date"])
        is_today = _business_date(start, kind) == _business_date(datetime.now(UTC), kind)
        note = {"type": "notification", "level": "info", "title": "t", "body": "b"}
        if operation["op"] == "book" and reservation["guests"] >= LARGE:
            self._append(venue, channel, note, operation)
        if operation["op"] == "cancel" and is_today:
            self._append(venue, channel, note, operation)
        ahead = start - datetime.now(UTC)
        if operation["op"] == "book" and timedelta() < ahead <= timedelta(minutes=60):
            shown = {**reservation, "status": "Upcoming"}
            upcoming = {"type": "upcoming_reservation", "reservation": shown}
            for _ in range(self._behaviour.times_announced()):
                self._append(venue, channel, dict(upcoming), operation)

    def _append(self, venue: str, channel: str, message: Json, operation: Json) -> int:
        log = self.logs[venue, channel]
        event = {
            **message,
            "timestamp": now_text(),
            "channel": channel,
            "venue": venue,
            "seq": len(log) + 1,
            "operationId": operation["operationId"],
        }
        told = self._behaviour.event(event)
        if told is not None:
            log.append(told)
            self._publish(venue, channel, told)
        return int(event["seq"])

    def states(self, venue: str) -> list[Json]:
        """The present state messages."""
        kind = VENUES[venue == "r"]["kind"]
        common = {
            "timestamp": now_text(),
            "channel": f"{kind}_stats",
            "venue": venue,
            "businessDate": str(_business_date(datetime.now(UTC), kind)),
        }
        figures = self.figures(venue)
        shown = [{**common, "type": "stats_update", "stats": figures, "currency": "EUR"}]
        if kind == "hotel":
            free = self.free_rooms(common["businessDate"])
            sold = ROOMS - free
            rooms = {"totalRooms": ROOMS, "availableRooms": free}
            rooms["occupancyRate"] = round(100 * sold / ROOMS)
            shown.append({**common, "type": "room_availability_update", "availability": rooms})
        return shown

    def free_rooms(self, night: str) -> int:
        """Of a night."""
        sold = sum(
            one.get("checkIn", "9") <= night < one.get("checkOut", "0")
            for one in self.reservations.values()
            if one["status"] != "Cancelled"
        )
        return self._behaviour.free_rooms(ROOMS - sold)

    def figures(self, venue: str) -> Json:
        """The eight of the dashboard; nothing is known of a week ago."""
        expected = [one for one in self._of_today(venue) if one["status"] != "Cancelled"]
        names = ("pendingPaymentsTrend", "reservationsTrend", "prepaidTrend", "guestsTrend")
        stats = {
            "reservationsToday": len(expected),
            "prepaidReservations": sum(one["amount"] > 0 >= one["balance"] for one in expected),
            "expectedGuests": sum(one["guests"] for one in expected),
            "pendingPayments": round(sum(max(0, one["balance"]) for one in expected), 2),
            **dict.fromkeys(names),
        }
        return self._behaviour.stats(stats)

    def today(self, venue: str) -> list[Json]:
        """As REST shows them."""
        shown = (self._behaviour.show(one) for one in self._of_today(venue))
        return [one for one in shown if one is not None]

    def shown(self, venue: str) -> list[Json]:
        """All of a venue, in the order of lists, as REST shows them."""
        mine = [one for one in self.reservations.values() if one["venue"] == venue]
        mine.sort(key=lambda one: (one["date"], one["id"]))
        shown = (self._behaviour.show(one) for one in mine)
        return [one for one in shown if one is not None]

    def _of_today(self, venue: str) -> list[Json]:
        kind = VENUES[venue == "r"]["kind"]
        today = _business_date(datetime.now(UTC), kind)
        return [
            one
            for one in self.reservations.values()
            if one["venue"] == venue
            and _business_date(datetime.fromisoformat(one["date"]), kind) == today
        ]


def _booked(operation: Json, reservation_id: str) -> Json:
    names = operation["customerName"].split()
    date = operation.get("date") or f"{operation['checkIn']}T15:00:00.000Z"
    amount = operation.get("amount", RATE if operation["kind"] == "hotel" else 0)
    paid = operation.get("paid", 0)
    start = datetime.fromisoformat(date)
    shown = {
        "id": reservation_id,
        "customerName": operation["customerName"],
        "customerInitials": names[0][0] + names[-1][0],
        "date": date,
        "time": f"{start:%I:%M %p}".lstrip("0"),
        "guests": operation["guests"],
        "status": "Confirmed",
        "venue": operation["venue"],
        "kind": operation["kind"],
        "source": operation["source"],
        "currency": "EUR",
        "amount": amount,
        "paid": paid,
        "balance": round(amount - paid, 2),
        "prepaid": amount > 0 and paid >= amount,
        "createdAt": now_text(),
        "version": 1,
    }
    if operation["kind"] == "hotel":
        stay = {name: operation[name] for name in ("roomType", "checkIn", "checkOut")}
        return shown | stay | {"nights": 1}
    return shown | {"durationMinutes": None}


def _business_date(instant: datetime, kind: str) -> Any:
    return (instant.astimezone(UTC) - timedelta(hours=3 if kind == "hotel" else 4)).date()
