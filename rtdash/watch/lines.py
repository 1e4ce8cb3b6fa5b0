"""What `watch` writes where there is no terminal to draw on: a line a message, for people or as
NDJSON.
"""

import json
from datetime import tzinfo
from typing import Any, TextIO

from rtdash.client import ConnectionChange, State
from rtdash.watch.lists import notice_words
from rtdash.watch.stopping import Interruptible
from rtdash.watch.words import (
    arrival,
    change_words,
    clock_time,
    money,
    party,
    percent,
    plain,
    status_words,
)


class JsonLines:
    """Messages exactly as received and changes of the connection, one compact JSON object a line,
    flushed each.
    """

    def __init__(self, out: Interruptible) -> None:
        self._out = out

    def take(self, item: dict[str, Any] | ConnectionChange) -> None:
        """Raises BrokenPipeError when nobody reads any more."""
        body = connection_json(item) if isinstance(item, ConnectionChange) else item
        self._out.write_line(to_json(body))


class PlainLines:
    """Messages as readable lines on `out`, changes of the connection on `err`."""

    def __init__(self, out: Interruptible, err: TextIO, *, zone: tzinfo | None = None) -> None:
        self._out = out
        self._err = err
        self._zone = zone

    def take(self, item: dict[str, Any] | ConnectionChange) -> None:
        """Raises BrokenPipeError when nobody reads any more."""
        if isinstance(item, ConnectionChange):
            if item.state is State.CLOSED:
                return  # the command says why when it ends
            self._err.write(change_line(item) + "\n")
            self._err.flush()
        else:
            self._out.write_line(message_line(item, self._zone))


def to_json(body: dict[str, Any]) -> str:
    """Compact, as the server encodes; names that UTF-8 can't say (lone surrogates) stay escaped."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return (
        text if text.isascii() or _is_encodable(text) else json.dumps(body, separators=(",", ":"))
    )


def connection_json(change: ConnectionChange) -> dict[str, Any]:
    """`{"type":"connection","state":…}` with `detail` and `retryInMs` where there are."""
    facts = {
        "detail": change.detail,
        "retryInMs": None if change.retry_in_s is None else round(change.retry_in_s * 1000),
    }
    return {"type": "connection", "state": change.state.value} | {
        name: value for name, value in facts.items() if value is not None
    }


def change_line(change: ConnectionChange) -> str:
    """A change of the connection for people."""
    words = {
        State.CONNECTING: "connecting",
        State.REPLAYING: "connected, replaying what was missed",
        State.LIVE: "live",
        State.POLLING: "polling, not live",
        State.CLOSED: "closed",
    }[change.state]
    again = "" if change.retry_in_s is None else f"; next attempt in {change.retry_in_s:.1f} s"
    return f"rtdash: {words}" + (f": {plain(change.detail)}" if change.detail else "") + again


def message_line(message: dict[str, Any], zone: tzinfo | None = None) -> str:
    """A message for people: time, venue, what, and the facts."""
    what, facts = _facts(message, zone)
    time = clock_time(message.get("timestamp", ""), zone)
    return f"{time}  {plain(message.get('venue', '')):<16}  {what:<12}  {facts}"


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
            return change_words(message), _reservation(message["reservation"], zone)
        case "upcoming_reservation":
            return "upcoming", notice_words(message)
        case "notification":
            return plain(message["level"]), notice_words(message)
        case "reset":
            return "reset", notice_words(message)
        case "upcoming_reservations":
            return "upcoming", f"{len(message['reservations'])} reservations to come"
        case other:
            return plain(other), plain(to_json(message))


def _stats(stats: dict[str, Any]) -> str:
    return (
        f"{stats['reservationsToday']} reservations today"
        f" ({percent(stats.get('reservationsTrend'))}), {stats['prepaidReservations']} prepaid"
        f" ({percent(stats.get('prepaidTrend'))}), {stats['expectedGuests']} guests expected"
        f" ({percent(stats.get('guestsTrend'))}), {money(stats['pendingPayments'], '')} pending"
        f" ({percent(stats.get('pendingPaymentsTrend'))})"
    )


def _reservation(reservation: dict[str, Any], zone: tzinfo | None) -> str:
    facts = [
        plain(reservation["customerName"]),
        party(reservation),
        arrival(reservation, zone),
        status_words(reservation["status"]),
    ]
    if reservation.get("amount") is not None:
        facts.append(money(reservation["amount"], reservation.get("currency", "")))
    return ", ".join(facts)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
