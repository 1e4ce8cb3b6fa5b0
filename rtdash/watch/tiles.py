"""Figures of a venue: four tiles with trend and sparkline, one compact row where there are many
venues, the bar of rooms. Pure.
"""

from collections.abc import Sequence

from rich.box import ROUNDED
from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rtdash.domain.printable import printable
from rtdash.watch.board import FIGURES, VenueFigures
from rtdash.watch.formatting import NOTHING, money, percent

TILE_HEIGHT = 4
"""Lines of a tile, its border included."""

_LABELS = {
    "reservationsToday": "Reservations today",
    "prepaidReservations": "Prepaid",
    "expectedGuests": "Expected guests",
    "pendingPayments": "Pending payments",
}
_SHORT_LABELS = _LABELS | {
    "reservationsToday": "Reservations",
    "expectedGuests": "Guests",
    "pendingPayments": "Pending",
}
_TRENDS = {
    "reservationsToday": "reservationsTrend",
    "prepaidReservations": "prepaidTrend",
    "expectedGuests": "guestsTrend",
    "pendingPayments": "pendingPaymentsTrend",
}
_SPARKS = "▁▂▃▄▅▆▇█"


def tiles(venue: VenueFigures, width: int) -> RenderableType:
    """Render four tiles side by side, `width` columns in all."""
    tile_width = width // len(FIGURES)
    grid = Table.grid(expand=True)
    for _ in FIGURES:
        grid.add_column(ratio=1)
    grid.add_row(*(_tile(venue, figure, tile_width) for figure in FIGURES))
    return grid


def figures_table(venues: Sequence[VenueFigures]) -> RenderableType:
    """Render one row a venue, for when tiles would leave no room."""
    table = Table(box=None, expand=True, pad_edge=False, header_style="bold")
    table.add_column("Venue", no_wrap=True, overflow="ellipsis", ratio=1)
    for figure in FIGURES:
        table.add_column(_SHORT_LABELS[figure], justify="right", no_wrap=True)
    has_rooms = any(venue.rooms for venue in venues)
    if has_rooms:
        table.add_column("Rooms free", justify="right", no_wrap=True)
    for venue in venues:
        cells = [
            Text(" ").join([_value(venue, figure), _trend(venue, figure, is_short=True)])
            for figure in FIGURES
        ]
        # Text, not str: rich would read brackets in a venue's name as markup.
        table.add_row(
            Text(printable(venue.name), style="bold"), *cells, *([_free(venue)] * has_rooms)
        )
    return table


def _free(venue: VenueFigures) -> Text:
    rooms = venue.rooms
    return Text(f"{rooms['availableRooms']} of {rooms['totalRooms']}" if rooms else NOTHING)


def rooms_bar(venue: VenueFigures, width: int) -> Text:
    """Render tonight's rooms, sold ones filled, in one line of `width` columns."""
    assert venue.rooms is not None, "asked for only where rooms are known"
    total, free, rate = (
        venue.rooms["totalRooms"],
        venue.rooms["availableRooms"],
        venue.rooms["occupancyRate"],
    )
    label = "Rooms tonight  "
    facts = f"  {free} of {total} free, {rate} % occupied"
    length = max(0, min(40, width - len(label) - len(facts)))
    filled = round(length * min(100, max(0, rate)) / 100)
    colour = "green" if rate < 80 else "yellow" if rate < 95 else "red"
    return Text.assemble(
        (label, "bold"),
        ("█" * filled, colour),
        ("░" * (length - filled), "dim"),
        facts,
        no_wrap=True,
        overflow="ellipsis",
    )


def sparkline(values: Sequence[float], width: int) -> str:
    """Draw the last `width` values as bars between their smallest and largest; empty where there
    are fewer than two.
    """
    shown = list(values)[-width:] if width > 0 else []
    if len(shown) < 2:
        return ""
    low, span = min(shown), max(shown) - min(shown)
    return "".join(
        _SPARKS[round((value - low) / span * (len(_SPARKS) - 1)) if span else 0] for value in shown
    )


def _tile(venue: VenueFigures, figure: str, width: int) -> RenderableType:
    inner = width - 4
    label = _LABELS[figure] if len(_LABELS[figure]) <= inner - 2 else _SHORT_LABELS[figure]
    trend = _trend(venue, figure)
    spark = sparkline(venue.history.get(figure, ()), inner - len(trend.plain) - 2)
    second = Text.assemble(trend, "  ", (spark, "cyan"), no_wrap=True, overflow="crop")
    value = _value(venue, figure)
    value.stylize("bold")
    return Panel(
        Text("\n").join([value, second]),
        title=label,
        title_align="left",
        box=ROUNDED,
        height=TILE_HEIGHT,
    )


def _value(venue: VenueFigures, figure: str) -> Text:
    if venue.stats is None:
        return Text(NOTHING)
    value = venue.stats[figure]
    return Text(
        money(value, venue.currency) if figure == "pendingPayments" else f"{value:,}",
        no_wrap=True,
        overflow="ellipsis",
    )


def _trend(venue: VenueFigures, figure: str, *, is_short: bool = False) -> Text:
    """Render the change against the same time a week ago. Growing pending payments are never
    green.
    """
    trend = venue.stats.get(_TRENDS[figure]) if venue.stats else None
    if trend is None:
        return Text(NOTHING, style="dim")
    arrow = "▲" if trend > 0 else "▼" if trend < 0 else "="
    words = f"{arrow}{abs(trend)}%" if is_short else f"{arrow} {percent(trend)}"
    is_good = trend <= 0 if figure == "pendingPayments" else trend >= 0
    bad = "yellow" if figure == "pendingPayments" else "red"
    return Text(words, style="" if trend == 0 else "green" if is_good else bad)
