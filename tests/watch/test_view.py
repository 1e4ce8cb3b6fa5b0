"""What the live view shows."""

import copy
import re

import pytest

from rtdash.client import ConnectionChange, State
from rtdash.watch.formatting import NOTHING
from tests.watch.conftest import (
    GRILL,
    HOTEL,
    NOW,
    booking,
    coming,
    figures,
    live_board,
    notice,
    rooms,
    screen,
)

ALL_CHANNELS = tuple(
    f"{kind}_{sort}"
    for kind in ("hotel", "restaurant")
    for sort in ("stats", "reservations", "notifications")
)
PROFILE = {
    "venues": [
        {
            "id": HOTEL,
            "name": "Harbour Hotel",
            "kind": "hotel",
            "timezone": "Europe/Lisbon",
            "currency": "EUR",
        },
        {
            "id": GRILL,
            "name": "Harbour Grill",
            "kind": "restaurant",
            "timezone": "Europe/Lisbon",
            "currency": "EUR",
        },
    ]
}


def busy_board():
    messages = [
        figures(20),
        figures(24),
        rooms(),
        booking(1),
        booking(2, name="Ada Lovelace", status="Pending"),
        notice(),
        coming(),
    ]
    board = live_board(*messages, booking(1, version=2, status="CheckedIn", change="check_in"))
    board.set_profile({"venues": PROFILE["venues"][:1]})
    return board


def changed(board, change, at_s=100):
    board.receive(change, now=NOW, at_s=at_s)
    return board


def test_whole_screen():
    """Status, tiles with trends and sparklines, rooms, the latest change first, notifications,
    keys.
    """
    lines = screen(busy_board(), 100, 25, at_s=103)
    assert lines[:2] == [
        "● LIVE",
        "Harbour Hotel   last message 3 s ago   latency 4 ms   0.8 messages/s",
    ]
    tiles = [
        ["Reservations today", "Prepaid", "Expected guests", "Pending payments"],
        ["24", "16", "78", "45,000 EUR"],
        ["▲ +12 %  ▁█", "▼ -8 %  ▁▁", "= 0 %  ▁▁", "▲ +5 %  ▁▁"],
    ]
    assert [cells(line) for line in lines[2:5]] == tiles
    assert lines[6].startswith("Rooms tonight  ██")
    assert lines[6].endswith("35 of 50 free, 30 % occupied")
    assert cells(lines[7]) == ["Reservations (2)"]
    assert lines[8].split() == ["│", "At", "Guest", "Arrives", "Party", "Status", "Amount", "│"]
    assert "14:32:10 ↻ checked in       John Smith" in lines[9]
    assert "24 Jan 7:00 PM          4 Checked in     120.50 EUR" in lines[9]
    assert "14:32:10 + new              Ada Lovelace" in lines[10]
    notices = lines.index(next(line for line in lines if "Notifications" in line))
    assert cells(lines[notices + 1]) == ["14:32:10 upcoming David Wilson, 3 guests, at 3:00 PM"]
    assert cells(lines[notices + 2])[0].startswith("14:32:10 warning  Last room sold")
    assert lines[-1] == "q quit   p pause   ? help"


def cells(line):
    """What stands between the borders of tiles, or in them."""
    return [cell.strip("─ ") for cell in re.split(r"[│╭╮]+", line) if cell.strip("─ ")]


@pytest.mark.parametrize(
    ("width", "height"), [(80, 24), (100, 30), (120, 40), (200, 60), (80, 10), (40, 12), (20, 5)]
)
def test_fits_any_terminal(width, height):
    """Every line is within the terminal, also a small one, and no more lines than it has."""
    lines = screen(busy_board(), width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert "LIVE" in lines[0]


def test_80_by_24_with_two_venues():
    """One line for each venue, at least ten reservations and two notifications on the smallest
    usual terminal, also below the banner of a demo.
    """
    board = live_board(
        figures(),
        figures(7, venue=GRILL),
        rooms(),
        *(booking(number, name=f"Guest {number:02}") for number in range(20)),
        booking(21, name="Ada", venue=GRILL),
        *(notice(f"Notice {number}") for number in range(4)),
        channels=ALL_CHANNELS,
    )
    board.set_profile(PROFILE)
    lines = screen(board, 80, 24, banner=("the first line", "the second line"))
    text = "\n".join(lines)
    assert lines[:2] == ["the first line", "the second line"]
    hotel = next(line for line in lines if line.startswith("Harbour Hotel "))
    for part in ("24 ▲12%", "16 ▼8%", "78 =0%", "45,000 EUR ▲5%", "35 of 50"):
        assert part in hotel
    assert "7 ▲12%" in text
    assert len(re.findall(r"Guest \d\d|Ada", text)) >= 10
    assert len(re.findall(r"Notice \d", text)) >= 2
    assert "q quit" in lines[-1]


def test_many_venues_get_a_row_each():
    """Where tiles would leave no room for the lists, figures stand in a table."""
    board = live_board(
        *(figures(number, venue=f"hotel-{number}") for number in range(8)), booking(1)
    )
    text = "\n".join(screen(board, 80, 24))
    assert "hotel-7" in text
    assert "John Smith" in text
    assert "╭─ Prepaid" not in text


def test_only_what_is_watched_has_a_place():
    """No empty list for channels that were not asked for."""
    text = "\n".join(screen(live_board(figures(), channels=("hotel_stats",))))
    assert "Prepaid" in text
    assert "Notifications" not in text
    text = "\n".join(screen(live_board(notice(), channels=("hotel_notifications",))))
    assert "Last room sold" in text
    assert "Prepaid" not in text
    assert "Reservations" not in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            ConnectionChange(State.CONNECTING, "the connection broke", 4.2),
            ["CONNECTING", "next attempt in 2 s", "the connection broke", "data is 12 s old"],
        ),
        (ConnectionChange(State.REPLAYING), ["REPLAYING what was missed"]),
        (
            ConnectionChange(State.POLLING, "nothing listens there"),
            ["POLLING, not live", "nothing listens there"],
        ),
        (ConnectionChange(State.CLOSED, "revoked"), ["CLOSED", "revoked"]),
    ],
)
def test_never_claims_to_be_live(change, words):
    """Each state is shown in words, with its reason, the age of the data and the next attempt; and
    nothing says live.
    """
    lines = screen(changed(busy_board(), change, at_s=110), at_s=112)
    assert "● LIVE" not in "\n".join(lines)
    assert [word for word in words if word not in lines[0]] == []


def test_what_has_just_come_is_not_called_old():
    """A replay goes on while its messages are shown."""
    board = busy_board()
    assert (
        "old"
        not in screen(
            changed(board, ConnectionChange(State.REPLAYING), at_s=board.last_at_s),
            at_s=board.last_at_s,
        )[0]
    )


def test_stale_data_is_dimmed():
    """What isn't the present doesn't look like it."""
    assert "\x1b[1;2m24" not in "\n".join(screen(busy_board(), styles=True))
    stale = changed(busy_board(), ConnectionChange(State.CONNECTING))
    assert "\x1b[1;2m24" in "\n".join(screen(stale, styles=True))


def test_nothing_received_yet():
    """Before the first message there are dashes, not zeros."""
    lines = screen(live_board())
    assert f"last message {NOTHING}   latency {NOTHING}" in lines[1]
    assert any("Waiting for the first figures" in line for line in lines)
    assert any("none yet" in line for line in lines)


def test_paused_screen_stands_and_counts():
    """What comes meanwhile is counted, not shown; the connection's state is shown as it is."""
    board = busy_board()
    before, received = copy.deepcopy(board), board.received
    board.receive(booking(3, name="Grace Hopper"), now=NOW, at_s=101)
    changed(board, ConnectionChange(State.CONNECTING, "the connection broke"), at_s=101)
    lines = screen(board, at_s=102, shown=before, paused_at=received)
    assert lines[0].startswith("PAUSED, 1 new messages   ○ CONNECTING")
    assert not any("Grace Hopper" in line for line in lines)


def test_help():
    """`?` explains signs and keys."""
    text = "\n".join(screen(busy_board(), with_help=True))
    assert "the screen stands, receiving goes on" in text
    assert "Latency" in "\n".join(screen(busy_board(), 80, 24, with_help=True))
    assert "John Smith" not in text


def test_colours_by_status():
    """Confirmed and cancelled look different, and more pending payments are no good news."""
    board = live_board(figures(), booking(1), booking(2, status="Cancelled", change="cancel"))
    text = "\n".join(screen(board, styles=True))
    assert "\x1b[32mConfirmed" in text
    assert "\x1b[31mCancelled" in text
    assert "\x1b[33m▲ +5 %" in text
    assert "\x1b[31m▼ -8 %" in text


def test_names_cannot_steer_the_terminal():
    """Control characters and changes of direction in a guest's name are shown as such."""
    text = "\n".join(
        screen(live_board(booking(1, name="\x1b]0;owned\x07Eve\u202e"), notice(title="\x1b[2J")))
    )
    assert "\ufffd]0;owned\ufffdEve\ufffd" in text
    assert "\x1b" not in text


def test_markup_in_names_is_text():
    """Brackets in a name are brackets, in a guest's and in a venue's; none ends the view."""
    board = live_board(
        figures(),
        booking(1, name="[bold]Eve[/bold]"),
        figures(7, venue=GRILL),
        channels=ALL_CHANNELS,
    )
    hotel, grill = PROFILE["venues"]
    board.set_profile({"venues": [hotel | {"name": "Chez [/x] Paul"}, grill]})
    for size in ((80, 24), (130, 50)):
        text = "\n".join(screen(board, *size))
        assert "[bold]Eve[/bold]" in text
        assert "Chez [/x] Paul" in text


def test_signs_mean_one_thing_in_one_colour():
    """`+` is new and `↻` has changed, whatever the change was."""
    board = live_board(booking(1), booking(2, version=3, change="charge"))
    text = "\n".join(screen(board, styles=True))
    assert "\x1b[1;92m+ new" in text
    assert "\x1b[94m↻ charged" in text


def test_what_rest_lists_has_no_sign():
    """The reservation has neither come nor changed while the view looked; the day says when it was
    booked.
    """
    board = live_board()
    listed = booking(1)["reservation"] | {"createdAt": "2025-12-30T10:00:00.000Z"}
    board.add_known(HOTEL, [listed, listed | {"id": "r2", "createdAt": NOW.isoformat()}], [])
    text = "\n".join(screen(board))
    assert "Dec 2025   booked" in text
    assert "14:32:10   booked" in text
