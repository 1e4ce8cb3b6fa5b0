"""Lists of the live view: reservations and notifications. Pure."""

from datetime import tzinfo
from typing import Any

from rich.box import ROUNDED
from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rtdash.watch.board import Board, Row
from rtdash.watch.formatting import (
    arrival,
    change_words,
    clock_time,
    money,
    party,
    printable,
    status_words,
)

STATUS_STYLES = {
    "Pending": "yellow",
    "Confirmed": "green",
    "CheckedIn": "bold cyan",
    "Seated": "bold cyan",
    "CheckedOut": "blue",
    "Completed": "blue",
    "Cancelled": "red",
    "NoShow": "magenta",
    "Upcoming": "bold yellow",
}
_LEVEL_STYLES = {"info": "cyan", "warning": "yellow", "critical": "bold red"}
_FRAME_LINES = 2
_NARROW = 90
_WIDE = 120


def reservations(board: Board, width: int, height: int) -> RenderableType:
    """Render the newest reservations that fit, newest on top."""
    is_wide = width >= _NARROW
    has_venues = len(board.venues) > 1 and width >= _WIDE
    table = Table(box=None, expand=True, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("At", width=8, no_wrap=True)
    table.add_column("", width=16, no_wrap=True)
    table.add_column("Guest", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("Arrives", width=15, no_wrap=True)
    table.add_column("Party", width=5, no_wrap=True, justify="right")
    table.add_column("Status", width=11, no_wrap=True)
    if is_wide:
        table.add_column("Amount", width=13, no_wrap=True, justify="right")
    if has_venues:
        table.add_column("Venue", width=16, no_wrap=True, overflow="ellipsis")
    count = max(0, height - _FRAME_LINES - 1)
    for row in list(reversed(board.rows.values()))[:count]:
        cells = _cells(row, board)
        table.add_row(
            *cells[: 6 + is_wide],
            *([printable(board.venues[row.message["venue"]].name)] if has_venues else []),
        )
    title = f"Reservations ({len(board.rows)})" if board.rows else "Reservations"
    content: RenderableType = (
        table if board.rows else Text("none yet: each will show here as it comes", style="dim")
    )
    return Panel(content, title=title, title_align="left", box=ROUNDED, height=height)


def notifications(board: Board, width: int, height: int) -> RenderableType:
    """Render the newest notifications that fit, one a line, newest on top."""
    lines = [
        _notice(notice, board.zone)
        for notice in list(reversed(board.notices))[: max(0, height - _FRAME_LINES)]
    ]
    content = (
        Text("\n", no_wrap=True, overflow="ellipsis").join(lines)
        if lines
        else Text("none yet", style="dim")
    )
    content.no_wrap, content.overflow = True, "ellipsis"
    return Panel(
        content, title="Notifications", title_align="left", box=ROUNDED, height=height, width=width
    )


def notice_words(message: dict[str, Any]) -> str:
    """Describe a notification in one line, without time and level."""
    match message["type"]:
        case "upcoming_reservation":
            reservation = message["reservation"]
            return (
                f"{printable(reservation['customerName'])}, {party(reservation)}, at"
                f" {printable(reservation['time'])}"
            )
        case "reset":
            return (
                f"history of {message['channel']} is gone ({printable(message.get('reason', ''))}):"
                " reload what you keep"
            )
        case _:
            return f"{printable(message['title'])}: {printable(message['body'])}"


def _cells(row: Row, board: Board) -> list[Text]:
    reservation = row.reservation
    venue = board.venues[row.message["venue"]]
    status = reservation["status"]
    badge = Text(
        f"{'↻' if row.is_update else '+'} {change_words(row.message)}",
        style="bold" if row.is_update else "green",
    )
    return [
        Text(clock_time(row.message["timestamp"], board.zone)),
        badge,
        Text(printable(reservation["customerName"])),
        Text(arrival(reservation, venue.zone or board.zone)),
        Text(str(reservation["guests"])),
        Text(status_words(status), style=STATUS_STYLES.get(status, "")),
        Text(money(reservation.get("amount"), reservation.get("currency", venue.currency))),
    ]


def _notice(message: dict[str, Any], zone: tzinfo | None) -> Text:
    level = {"upcoming_reservation": "upcoming", "reset": "reset"}.get(
        message["type"]
    ) or printable(message.get("level", "info"))
    style = _LEVEL_STYLES.get(level, STATUS_STYLES["Upcoming"])
    return Text.assemble(
        f"{clock_time(message['timestamp'], zone)} ", (f"{level:<8} ", style), notice_words(message)
    )
