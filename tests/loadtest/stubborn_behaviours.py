"""Servers that refuse, complain, waste, or give away what is not to be given, each in one way."""

from typing import Any

from tests.loadtest.independent_behaviour import Behaviour

Json = dict[str, Any]


class Refusing(Behaviour):
    """Refuses some bookings that are right."""

    count = 0

    def refuses(self, operation: Json) -> bool:
        """One of fifty."""
        self.count += operation["op"] == "book"
        return operation["op"] == "book" and self.count % 50 == 0


class Discarding(Behaviour):
    """Acknowledges bookings that it doesn't store."""

    count = 0

    def stores(self, operation: Json) -> bool:
        """All but one of forty."""
        self.count += operation["op"] == "book"
        return operation["op"] != "book" or self.count % 40 != 0


class TurningAway(Behaviour):
    """Refuses some connections."""

    def turns_away(self, client: int) -> bool:
        """Two of the first ten."""
        return client in {5, 7}


class Complaining(Behaviour):
    """Sends an error message to a client that did nothing wrong."""

    def deliver(self, client: int, message: Json) -> list[tuple[float, Json]]:
        """Now and then, beside an event."""
        error = {"status": "error", "code": "internal", "message": "?", "action": "ping"}
        wrong = [(0.0, error)] if message.get("seq", 1) % 30 == 0 else []
        return [(0.0, message), *wrong]


class Resetting(Behaviour):
    """Says that history is gone, which it isn't."""

    def replay(self, missed: list[Json]) -> list[Json]:
        """Instead of the first event that was missed."""
        events = [one for one in missed if "seq" in one]
        if not events:
            return missed
        first = {name: events[0][name] for name in ("timestamp", "channel", "venue")}
        position = {"epoch": "e1", "seq": events[-1]["seq"]}
        reset = {**first, "type": "reset", "position": position, "reason": "?"}
        return [reset, *(one for one in missed if "seq" not in one)]


class FailingLists(Behaviour):
    """Answers lists with an error."""

    def list_status(self) -> int:
        """Of the server's own making."""
        return 500


class Bloated(Behaviour):
    """Sends ten kilobytes that were not asked for with each event."""

    def deliver(self, client: int, message: Json) -> list[tuple[float, Json]]:
        """In a field of its own."""
        return [(0.0, message | {"padding": "x" * 10_000} if "seq" in message else message)]


class Clinging(Behaviour):
    """Confirms an unsubscribe and goes on."""

    def leaves(self) -> bool:
        """Without effect."""
        return False


class ReusedIds(Behaviour):
    """Gives one id to two bookings, now and then."""

    def new_id(self, number: int) -> str:
        """Of every twentieth the one before."""
        return f"x{number - (number % 20 == 0)}"


class WrongClockFace(Behaviour):
    """Shows another time of day than the start has."""

    def event(self, event: Json) -> Json:
        """With AM and PM exchanged."""
        if "reservation" in event:
            shown = event["reservation"]["time"]
            turned = shown.replace("AM", "xM").replace("PM", "AM").replace("xM", "PM")
            event["reservation"]["time"] = turned
        return event


class Overstating(Behaviour):
    """Shows rooms as free that are booked, by REST and socket alike."""

    def free_rooms(self, free: int) -> int:
        """All of them."""
        return 50


class StaleSingles(Behaviour):
    """Shows a single reservation as it was before its last change."""

    def show_one(self, reservation: Json) -> Json:
        """By its version."""
        return reservation | {"version": reservation["version"] - 1}


class BackwardPositions(Behaviour):
    """Lists that say they stand before what was acknowledged."""

    def list_seq(self, seq: int) -> int:
        """By twenty events."""
        return max(0, seq - 20)


class ForwardPositions(Behaviour):
    """Lists that say they hold events which come later."""

    def list_seq(self, seq: int) -> int:
        """By twenty."""
        return seq + 20


class UnaskedStates(Behaviour):
    """Sends the figures of the hotel to clients that asked for other channels."""

    def follows(self, streams: set[tuple[str, str]], venue: str, channel: str) -> bool:
        """To all that follow anything."""
        return (venue, channel) in streams or (channel == "hotel_stats" and bool(streams))


class StillFigures(Behaviour):
    """Figures that never change."""

    def stats(self, stats: Json) -> Json:
        """All zero."""
        return {name: 0 if value is not None else None for name, value in stats.items()}


class WildSeq(Behaviour):
    """Sends a seq of another world, once a client."""

    def deliver(self, client: int, message: Json) -> list[tuple[float, Json]]:
        """Instead of the fortieth of a stream."""
        if message.get("seq") == 40 and "reservation" in message:
            return [(0.0, message | {"seq": 2**53})]
        return [(0.0, message)]
