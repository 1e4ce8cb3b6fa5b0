"""Lists of the live view: reservations and notifications. Pure."""

from datetime import tzinfo
from typing import Any

from rich.box import ROUNDED
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rtdash.domain.instants import parse_instant
from rtdash.domain.printable import printable
from rtdash.watch.board import Board
from rtdash.watch.board_rows import Badge, Row
from rtdash.watch.formatting import (
    arrival,
    clock_time,
    money,
    party,
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
BADGE_STYLES = {Badge.NEW: "bold bright_green", Badge.CHANGED: "bright_blue", Badge.LISTED: "dim"}
_LEVEL_STYLES = {"info": "cyan", "warning": "yellow", "critical": "bold red"}
_FRAME_LINES = 2
_NARROW = 98
_WIDE = 116
_NONE_YET = "none yet: each will show here as it comes"


def reservations(board: Board, width: int, height: int, *, framed: bool = True) -> RenderableType:
    """Render the reservations that fit, the latest change on top; `framed` costs two lines."""
    title = f"Reservations ({len(board.rows)})" if board.rows else "Reservations"
    if not board.rows:
        return _titled(Text(_NONE_YET, style="dim"), title, height, framed=framed)
    count = max(0, height - (_FRAME_LINES if framed else 0) - 1)
    table = _reservations_table(board, width, "" if framed else title, count)
    return _titled(table, title, height, framed=True) if framed else table


def notifications(board: Board, width: int, height: int, *, framed: bool = True) -> RenderableType:
    """Render the newest notifications that fit, one a line, newest on top."""
    count = max(0, height - (_FRAME_LINES if framed else 1))
    lines = [_notice(notice, board.zone) for notice in list(reversed(board.notices))[:count]]
    content = Text("\n").join(lines) if lines else Text("none yet", style="dim")
    content.no_wrap, content.overflow = True, "ellipsis"
    return _titled(content, "Notifications", height, framed=framed, width=width)


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
                f"history of {printable(message['channel'])} is gone"
                f" ({printable(message.get('reason', ''))}): reload what you keep"
            )
        case _:
            return f"{printable(message['title'])}: {printable(message['body'])}"


def _titled(
    content: RenderableType, title: str, height: int, *, framed: bool, width: int | None = None
) -> RenderableType:
    """Put the content into a frame, or below a line with its title."""
    if framed:
        return Panel(
            content, title=title, title_align="left", box=ROUNDED, height=height, width=width
        )
    return Group(Text(title, style="bold underline"), content)


def _reservations_table(board: Board, width: int, title: str, count: int) -> Table:
    """Build the table; `title` heads its second column."""
    has_amount = width >= _NARROW
    has_venues = len(board.venues) > 1 and width >= _WIDE
    table = Table(box=None, expand=True, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("At", width=8, no_wrap=True)
    table.add_column(title, width=18, no_wrap=True)
    table.add_column("Guest", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("Arrives", width=19 if has_amount else 15, no_wrap=True, overflow="ellipsis")
    table.add_column("Party", width=5, no_wrap=True, justify="right")
    table.add_column("Status", width=11, no_wrap=True)
    if has_amount:
        table.add_column("Amount", width=13, no_wrap=True, justify="right")
    if has_venues:
        table.add_column("Venue", width=16, no_wrap=True, overflow="ellipsis")
    for row in list(reversed(board.rows.values()))[:count]:
        # Text, not str: rich would read brackets in a venue's name as markup.
        venue = [Text(printable(board.venues[row.venue].name))] if has_venues else []
        cells = _cells(row, board, is_narrow=not has_amount)
        table.add_row(*cells[: 6 + has_amount], *venue)
    return table


def _cells(row: Row, board: Board, *, is_narrow: bool) -> list[Text]:
    reservation = row.reservation
    venue = board.venues[row.venue]
    status = reservation["status"]
    zone = venue.zone or board.zone
    return [
        Text(_changed_at(row, board)),
        Text(f"{row.badge.value} {row.words}", style=BADGE_STYLES[row.badge]),
        Text(printable(reservation["customerName"])),
        Text(arrival(reservation, zone, this_year=board.now.year, is_short=is_narrow)),
        Text(str(reservation["guests"])),
        Text(status_words(status), style=STATUS_STYLES.get(status, "")),
        Text(money(reservation.get("amount"), reservation.get("currency", venue.currency))),
    ]


def _changed_at(row: Row, board: Board) -> str:
    """Format the time of a change of today, else its date."""
    try:
        at = parse_instant(row.timestamp).astimezone(board.zone)
    except ValueError:
        return ""
    today = board.now.astimezone(board.zone)
    if at.date() == today.date():
        return clock_time(row.timestamp, board.zone)
    return f"{at:%-d %b}" if at.year == today.year else f"{at:%b %Y}"


def _notice(message: dict[str, Any], zone: tzinfo | None) -> Text:
    level = {"upcoming_reservation": "upcoming", "reset": "reset"}.get(
        message["type"]
    ) or printable(message.get("level", "info"))
    style = _LEVEL_STYLES.get(level, STATUS_STYLES["Upcoming"])
    return Text.assemble(
        f"{clock_time(message['timestamp'], zone)} ", (f"{level:<8} ", style), notice_words(message)
    )
