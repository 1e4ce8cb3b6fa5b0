"""Output of `watch` without a live view: one line per message, for people or as NDJSON."""

from datetime import tzinfo
from typing import Any, TextIO

from rtdash.client import ConnectionChange, State
from rtdash.domain.printable import json_line, printable
from rtdash.watch.formatting import (
    arrival,
    change_words,
    clock_time,
    count_of,
    money,
    party,
    percent,
    status_words,
    year_of,
)
from rtdash.watch.lists import notice_words
from rtdash.watch.stopping import InterruptibleWriter


class JsonLines:
    """Writer of messages exactly as received and of connection changes: one compact JSON object a
    line, flushed each.
    """

    def __init__(self, out: InterruptibleWriter) -> None:
        self._out = out

    def receive(self, item: dict[str, Any] | ConnectionChange) -> None:
        """Write one line. Raises BrokenPipeError when the reader has gone."""
        body = connection_json(item) if isinstance(item, ConnectionChange) else item
        self._out.write_line(json_line(body))


class PlainLines:
    """Writer of messages as readable lines on `out`, of connection changes on `err`."""

    def __init__(
        self, out: InterruptibleWriter, err: TextIO, *, zone: tzinfo | None = None
    ) -> None:
        self._out = out
        self._err = err
        self._zone = zone

    def receive(self, item: dict[str, Any] | ConnectionChange) -> None:
        """Write one line. Raises BrokenPipeError when the reader has gone."""
        if isinstance(item, ConnectionChange):
            if item.state is State.CLOSED:
                return  # the command says why when it ends
            self._err.write(change_line(item) + "\n")
            self._err.flush()
        else:
            self._out.write_line(message_line(item, self._zone))


def connection_json(change: ConnectionChange) -> dict[str, Any]:
    """Return `{"type":"connection","state":…}` with `detail` and `retryInMs` where they are known."""
    facts = {
        "detail": change.detail,
        "retryInMs": None if change.retry_in_s is None else round(change.retry_in_s * 1000),
    }
    return {"type": "connection", "state": change.state.value} | {
        name: value for name, value in facts.items() if value is not None
    }


def change_line(change: ConnectionChange) -> str:
    """Describe a change of the connection in one line for people."""
    words = {
        State.CONNECTING: "connecting",
        State.REPLAYING: "connected, replaying what was missed",
        State.LIVE: "live",
        State.POLLING: "polling, not live",
        State.CLOSED: "closed",
    }[change.state]
    again = "" if change.retry_in_s is None else f"; next attempt in {change.retry_in_s:.1f} s"
    return f"rtdash: {words}" + (f": {printable(change.detail)}" if change.detail else "") + again


def message_line(message: dict[str, Any], zone: tzinfo | None = None) -> str:
    """Describe a message in one line for people: time, venue, kind, facts."""
    what, facts = _facts(message, zone)
    time = clock_time(message.get("timestamp", ""), zone)
    return f"{time}  {printable(message.get('venue', '')):<16}  {what:<12}  {facts}"


# one a kind of message
def _facts(message: dict[str, Any], zone: tzinfo | None) -> tuple[str, str]:  # noqa: PLR0911
    match message["type"]:
        case "stats_update":
            return "figures", _stats(message["stats"])
        case "room_availability_update":
            rooms = message["availability"]
            return (
                "rooms",
                (
                    f"{rooms['availableRooms']} of {rooms['totalRooms']} free,"
                    f" {rooms['occupancyRate']} % occupied"
                ),
            )
        case "new_reservation" | "reservation_update":
            return change_words(message), _reservation(message, zone)
        case "upcoming_reservation":
            return "upcoming", notice_words(message)
        case "notification":
            return printable(message["level"]), notice_words(message)
        case "reset":
            return "reset", notice_words(message)
        case "upcoming_reservations":
            return "upcoming", f"{count_of(len(message['reservations']), 'reservation')} to come"
        case other:
            return printable(other), printable(json_line(message))


def _stats(stats: dict[str, Any]) -> str:
    figures = [
        (f"{count_of(stats['reservationsToday'], 'reservation')} today", "reservationsTrend"),
        (f"{stats['prepaidReservations']} prepaid", "prepaidTrend"),
        (f"{count_of(stats['expectedGuests'], 'guest')} expected", "guestsTrend"),
        (f"{money(stats['pendingPayments'], '')} pending", "pendingPaymentsTrend"),
    ]
    return ", ".join(f"{figure} ({percent(stats.get(trend))})" for figure, trend in figures)


def _reservation(message: dict[str, Any], zone: tzinfo | None) -> str:
    reservation = message["reservation"]
    facts = [
        printable(reservation["customerName"]),
        party(reservation),
        arrival(reservation, zone, this_year=year_of(message["timestamp"])),
        status_words(reservation["status"]),
    ]
    if reservation.get("amount") is not None:
        facts.append(money(reservation["amount"], reservation.get("currency", "")))
    return ", ".join(facts)
