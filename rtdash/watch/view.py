"""Live view as a function of the board, from 80 by 24 up. Pure."""

from dataclasses import dataclass

from rich.align import Align
from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.styled import Styled
from rich.text import Text

from rtdash.client import State
from rtdash.domain.printable import printable
from rtdash.watch.board import Board, VenueFigures
from rtdash.watch.formatting import NOTHING, age
from rtdash.watch.lists import notifications, reservations
from rtdash.watch.tiles import TILE_HEIGHT, figures_table, rooms_bar, tiles

_LABELS = {
    State.CONNECTING: ("○ CONNECTING", "bold red"),
    State.REPLAYING: ("◐ REPLAYING what was missed", "bold yellow"),
    State.LIVE: ("● LIVE", "bold green"),
    State.POLLING: ("◌ POLLING, not live", "bold yellow"),
    State.CLOSED: ("✕ CLOSED", "bold red"),
}
_SIDE_BY_SIDE = 150
_TILES_FROM = 72
"""Widths from which lists stand side by side, and tiles hold their figures."""
_KEYS = Text.assemble(
    ("q", "bold"), " quit   ", ("p", "bold"), " pause   ", ("?", "bold"), " help", style="dim"
)
_HELP = """\
Figures are of today's business date, trends against a week ago.
+ a new reservation     ↻ one that has changed, latest on top

LIVE       every change as it happens
REPLAYING  catching up on what was missed
POLLING    no socket to be had: figures every 30 s, events every 15 s
Latency    from the server's timestamp to here, where both clocks agree

q, Ctrl-C  quit
p          pause: the screen stands, receiving goes on
?          this help"""
_ROOM_FOR_TILES = 17
"""Lines that the lists keep before figures may stand in tiles: a dozen reservations, some
notifications."""
_BANNER_FROM = 16
"""Height from which the banner has a place."""


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """Options of the view: size, instant, pause, help. `paused_at` is the number of messages
    received when the screen was paused; None while it runs. `banner` stands above everything.
    """

    width: int
    height: int
    at_s: float
    paused_at: int | None = None
    with_help: bool = False
    banner: tuple[str, ...] = ()


def render(board: Board, options: ViewOptions, *, shown: Board | None = None) -> Layout:
    """Render the whole screen. `shown` is the board as it was when paused; the status line always
    describes `board`.
    """
    banner = options.banner if options.height >= _BANNER_FROM else ()
    height = options.height - 3 - len(banner)
    body = _help() if options.with_help else _body(shown or board, options.width, height)
    if board.connection.state is not State.LIVE:
        body = Styled(body, "dim")
    screen = Layout()
    lines = [Text(line, style="bold cyan", no_wrap=True, overflow="ellipsis") for line in banner]
    screen.split_column(
        *([Layout(Group(*lines), size=len(lines))] if lines else []),
        Layout(status_line(board, options), size=2),
        Layout(body),
        Layout(_KEYS, size=1),
    )
    return screen


def status_line(board: Board, options: ViewOptions) -> RenderableType:
    """Render two lines: the connection; venues, age of the data, latency and rate."""
    label, style = _LABELS[board.connection.state]
    first = Text.assemble(
        (label, style), _detail(board, options.at_s), no_wrap=True, overflow="ellipsis"
    )
    if options.paused_at is not None:
        first = Text.assemble(
            (f"PAUSED, {board.received - options.paused_at} new messages", "bold reverse"),
            "   ",
            first,
            no_wrap=True,
        )
    last = NOTHING if board.last_at_s is None else _ago(options.at_s - board.last_at_s)
    latency = NOTHING if board.latency_ms is None else f"{board.latency_ms:.0f} ms"
    names = ", ".join(printable(venue.name) for venue in board.venues.values()) or NOTHING
    facts = f"last message {last}   latency {latency}   {board.rate(options.at_s):.1f} messages/s"
    second = Text(no_wrap=True, overflow="ellipsis")
    room = max(8, options.width - len(facts) - 3)
    second.append(names if len(names) <= room else names[: room - 1] + "…", style="bold").append(
        f"   {facts}"
    )
    return Group(first, second)


def _detail(board: Board, at_s: float) -> str:
    """Describe why the view isn't live, how old the data is, and when the next attempt is due."""
    change = board.connection
    parts = []
    if (
        change.state is not State.LIVE
        and board.last_at_s is not None
        and (old := age(at_s - board.last_at_s)) != "now"
    ):
        parts.append(f"data is {old} old")
    if change.retry_in_s is not None:
        parts.append(
            f"next attempt in {max(0, change.retry_in_s - (at_s - board.changed_at_s)):.0f} s"
        )
    if change.detail:
        parts.append(printable(change.detail))
    return "".join(f"   {part}" for part in parts)


def _ago(seconds: float) -> str:
    return "now" if seconds < 1 else f"{age(seconds)} ago"


def _body(board: Board, width: int, height: int) -> RenderableType:
    venues = [venue for venue in board.venues.values() if venue.stats or venue.rooms]
    full = sum(_tiles_height(venue, has_name=len(venues) > 1) for venue in venues)
    has_lists = board.follows("reservations") or board.follows("notifications")
    is_roomy = width >= _TILES_FROM and full + (_ROOM_FOR_TILES if has_lists else 0) <= height
    parts = _figures(venues, width, height, with_tiles=is_roomy) if board.follows("stats") else []
    rest = height - sum(part.size or 0 for part in parts)
    lists = _lists(board, width, rest, framed=is_roomy)
    body = Layout()
    body.split_column(*parts, *([lists] if lists else [Layout(Text(""))]))
    return body


def _tiles_height(venue: VenueFigures, *, has_name: bool) -> int:
    return TILE_HEIGHT + has_name + (venue.rooms is not None)


def _figures(
    venues: list[VenueFigures], width: int, height: int, *, with_tiles: bool
) -> list[Layout]:
    """Render the figures of every venue: tiles where the lists keep their room, else a line each."""
    if not venues:
        return [Layout(Text("Waiting for the first figures", style="dim"), size=1)]
    if not with_tiles:
        return [Layout(figures_table(venues), size=min(len(venues) + 1, max(2, height // 2)))]
    parts = []
    for venue in venues:
        if len(venues) > 1:
            parts.append(Layout(Text(printable(venue.name), style="bold"), size=1))
        parts.append(Layout(tiles(venue, width), size=TILE_HEIGHT))
        if venue.rooms is not None:
            parts.append(Layout(rooms_bar(venue, width), size=1))
    return parts


def _lists(board: Board, width: int, height: int, *, framed: bool) -> Layout | None:
    """Render reservations and notifications: side by side where it is wide, else one above the
    other.
    """
    has_reservations, has_notices = board.follows("reservations"), board.follows("notifications")
    layout = Layout()
    if has_reservations and has_notices and width >= _SIDE_BY_SIDE:
        half = width * 3 // 5
        right = Layout(notifications(board, width - half, height))
        layout.split_row(Layout(reservations(board, half, height), size=half), right)
    elif has_reservations and has_notices:
        rows = min(max(1, len(board.notices)), height // 5)
        below = max(4, height // 3) if framed else rows + 1
        layout.split_column(
            Layout(reservations(board, width, height - below, framed=framed)),
            Layout(notifications(board, width, below, framed=framed), size=below),
        )
    elif has_reservations:
        layout.update(reservations(board, width, height, framed=framed))
    elif has_notices:
        layout.update(notifications(board, width, height, framed=framed))
    else:
        return None
    return layout


def _help() -> RenderableType:
    return Align.center(
        Panel(Text(_HELP), title="Help", padding=(1, 2), expand=False), vertical="middle"
    )
