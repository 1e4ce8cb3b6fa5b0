"""Messages and boards for the tests of the view, and a server for those of the command."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from rtdash.client import ConnectionChange, State
from rtdash.watch.board import Board
from rtdash.watch.view import ViewOptions, render
from tests.client.processes import Served, served

__all__ = ["served"]

NOW = datetime(2026, 1, 2, 14, 32, 10, 9000, tzinfo=UTC)
STAMP = "2026-01-02T14:32:10.005Z"
HOTEL, GRILL = "harbour-hotel", "harbour-grill"


def figures(
    reservations: int = 24, *, venue: str = HOTEL, pending: float = 45000, trend: int | None = 12
) -> dict[str, Any]:
    """A `stats_update`."""
    stats = {
        "reservationsToday": reservations,
        "prepaidReservations": 16,
        "expectedGuests": 78,
        "pendingPayments": pending,
    }
    stats |= {
        "pendingPaymentsTrend": 5,
        "reservationsTrend": trend,
        "prepaidTrend": -8,
        "guestsTrend": 0,
    }
    return {
        "type": "stats_update",
        "timestamp": STAMP,
        "stats": stats,
        "channel": f"{_kind(venue)}_stats",
        "venue": venue,
    }


def rooms(free: int = 35, rate: int = 30) -> dict[str, Any]:
    """A `room_availability_update` of 50 rooms."""
    availability = {"totalRooms": 50, "availableRooms": free, "occupancyRate": rate}
    return {
        "type": "room_availability_update",
        "timestamp": STAMP,
        "availability": availability,
        "channel": "hotel_stats",
        "venue": HOTEL,
    }


def booking(
    number: int,
    *,
    name: str = "John Smith",
    status: str = "Confirmed",
    version: int = 1,
    change: str | None = None,
    venue: str = HOTEL,
) -> dict[str, Any]:
    """A `new_reservation`, or with `change` a `reservation_update`."""
    reservation = {
        "id": f"r{number}",
        "customerName": name,
        "date": "2026-01-24T19:00:00Z",
        "time": "7:00 PM",
        "guests": 4,
        "status": status,
    }
    reservation |= {"amount": 120.5, "currency": "EUR", "version": version}
    message = {
        "type": "reservation_update" if change else "new_reservation",
        "timestamp": STAMP,
        "reservation": reservation,
    }
    message |= {"channel": f"{_kind(venue)}_reservations", "venue": venue, "seq": number}
    return message | ({"change": change} if change else {})


def notice(title: str = "Last room sold", level: str = "warning") -> dict[str, Any]:
    """A `notification`."""
    content = {"level": level, "title": title, "body": "no double is left for 3 January"}
    return {
        "type": "notification",
        "timestamp": STAMP,
        **content,
        "channel": "hotel_notifications",
        "venue": HOTEL,
        "seq": 1,
    }


def coming() -> dict[str, Any]:
    """An `upcoming_reservation`."""
    reservation = {
        "id": "r126",
        "customerName": "David Wilson",
        "date": "2026-01-02T15:00:00Z",
        "time": "3:00 PM",
        "guests": 3,
        "status": "Upcoming",
    }
    return {
        "type": "upcoming_reservation",
        "timestamp": STAMP,
        "reservation": reservation,
        "channel": "hotel_notifications",
        "venue": HOTEL,
        "seq": 2,
    }


def live_board(
    *items: Any,
    channels: tuple[str, ...] = ("hotel_stats", "hotel_reservations", "hotel_notifications"),
    at_s: float = 100,
) -> Board:
    """A board that is live at second 100 and has taken the items then."""
    board = Board(channels, zone=UTC)
    for item in (ConnectionChange(State.LIVE), *items):
        board.receive(item, now=NOW, at_s=at_s)
    return board


def screen(
    board: Board,
    width: int = 100,
    height: int = 30,
    *,
    at_s: float = 100,
    shown: Board | None = None,
    styles: bool = False,
    **options: Any,
) -> list[str]:
    """The lines of the screen at a second, without trailing spaces; `styles`: with the codes of a
    terminal.
    """
    console = Console(
        record=True,
        width=width,
        height=height,
        force_terminal=True,
        no_color=not styles,
        color_system="standard" if styles else None,
        file=io.StringIO(),
    )
    console.print(render(board, ViewOptions(width, height, at_s, **options), shown=shown))
    return [line.rstrip() for line in console.export_text(styles=styles).splitlines()]


def _kind(venue: str) -> str:
    return "hotel" if venue == HOTEL else "restaurant"


@pytest.fixture
def booked(served: Served) -> Callable[..., list[str]]:
    """Books tables at the server's grill."""
    return served.book
