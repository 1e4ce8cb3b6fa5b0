"""The board after messages of each kind."""

from datetime import timedelta

import pytest

from rtdash.client import ConnectionChange, State
from rtdash.watch.board import HISTORY, ROWS, Board
from rtdash.watch.board_rows import Badge
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
)


def ids(board):
    return [identity for _, identity in board.rows]


def test_latest_figures_stand_and_history_is_bounded():
    """The tiles show the latest values; the sparkline remembers the last ones only."""
    board = live_board(*(figures(number) for number in range(HISTORY + 10)))
    assert board.venues[HOTEL].stats["reservationsToday"] == HISTORY + 9
    assert list(board.venues[HOTEL].history["reservationsToday"]) == list(range(10, HISTORY + 10))


def test_venues_are_kept_apart():
    """Two venues have their own figures."""
    board = live_board(figures(1), figures(2, venue=GRILL), rooms())
    assert board.venues[HOTEL].stats["reservationsToday"] == 1
    assert board.venues[GRILL].stats["reservationsToday"] == 2
    assert board.venues[GRILL].rooms is None


def test_the_latest_change_is_on_top_and_has_its_badge():
    """A change moves its reservation, which is listed once."""
    board = live_board(
        booking(1), booking(2), booking(1, version=2, status="CheckedIn", change="check_in")
    )
    assert ids(board) == ["r2", "r1"]
    assert [row.badge for row in board.rows.values()] == [Badge.NEW, Badge.CHANGED]
    assert board.rows[HOTEL, "r1"].reservation["status"] == "CheckedIn"


def test_older_version_never_overwrites_a_newer():
    """What comes late and is older changes nothing."""
    board = live_board(
        booking(1, version=3, status="CheckedIn", change="check_in"),
        booking(1, version=2, status="Confirmed", change="confirm"),
    )
    assert board.rows[HOTEL, "r1"].reservation["status"] == "CheckedIn"


def test_same_id_in_two_venues():
    """An id belongs to its venue."""
    assert len(live_board(booking(1), booking(1, venue=GRILL)).rows) == 2


def test_lists_are_bounded():
    """A watch of weeks holds no more than a watch of minutes."""
    board = live_board(
        *(booking(number) for number in range(ROWS + 5)), *(notice() for _ in range(ROWS + 5))
    )
    assert len(board.rows) == len(board.notices) == ROWS
    assert ids(board)[0] == "r5"


def test_notifications_resets_and_arrivals_are_noted():
    """All three need a person's attention."""
    reset = {
        "type": "reset",
        "timestamp": "2026-01-02T14:32:10.005Z",
        "channel": "hotel_reservations",
        "venue": HOTEL,
        "reason": "epoch",
    }
    assert [one["type"] for one in live_board(notice(), coming(), reset).notices] == [
        "notification",
        "upcoming_reservation",
        "reset",
    ]


def test_unknown_types_only_count():
    """A message that the view has no place for is no reason to fail."""
    assert (
        live_board({"type": "upcoming_reservations", "venue": HOTEL, "reservations": []}).received
        == 1
    )


def test_latency_is_from_timestamp_to_receipt():
    """Measured by the events that come while live."""
    assert live_board(booking(1)).latency_ms == pytest.approx(4)


def test_latency_is_not_told_by_history():
    """What comes in a replay, and the first state, may be as old as it likes."""
    board = live_board(figures())
    assert board.latency_ms is None
    board.receive(ConnectionChange(State.REPLAYING), now=NOW, at_s=100)
    board.receive(booking(1), now=NOW, at_s=100)
    assert board.latency_ms is None


@pytest.mark.parametrize("minutes", [-1, 2])
def test_latency_of_clocks_that_disagree(minutes):
    """A message from the future, or minutes old on a live connection, means two clocks and no
    latency.
    """
    board = live_board()
    board.receive(booking(1), now=NOW + timedelta(minutes=minutes), at_s=100)
    assert board.latency_ms is None


def test_rate_over_ten_seconds():
    """Messages a second, over the last ten."""
    board = live_board(*(booking(number) for number in range(20)))
    assert board.rate(100) == 2
    assert board.rate(109) == 2
    assert board.rate(110) == 0


def test_names_come_from_the_profile():
    """Ids until the profile is there."""
    board = live_board(figures())
    assert board.venues[HOTEL].name == HOTEL
    board.set_profile(
        {
            "venues": [
                {
                    "id": HOTEL,
                    "name": "Harbour Hotel",
                    "kind": "hotel",
                    "timezone": "Europe/Lisbon",
                    "currency": "EUR",
                }
            ]
        }
    )
    assert (board.venues[HOTEL].name, board.venues[HOTEL].currency) == ("Harbour Hotel", "EUR")


@pytest.mark.parametrize(
    ("channels", "venues", "shown"),
    [
        (("hotel_stats",), (), ["first"]),
        (("hotel_stats",), ("second",), ["second"]),
        (("hotel_stats",), ("first", "second"), ["first", "second"]),
        (("restaurant_stats",), (), ["grill"]),
        (("hotel_stats", "restaurant_stats"), ("second",), ["second", "grill"]),
    ],
)
def test_only_watched_venues_are_shown(channels, venues, shown):
    """Of all the venues of a token those that were chosen, else the first of each kind that is
    watched.
    """
    board = Board(channels, venues=venues)
    told = {"timezone": "Europe/Lisbon", "currency": "EUR"}
    kinds = {"first": "hotel", "grill": "restaurant", "second": "hotel"}
    board.set_profile(
        {
            "venues": [
                {"id": venue, "name": venue, "kind": kind, **told} for venue, kind in kinds.items()
            ]
        }
    )
    assert list(board.venues) == shown


def listed(number, *, created="2026-01-01T10:00:00.000Z", **content):
    """A reservation as REST lists it."""
    return booking(number, **content)["reservation"] | {"createdAt": created}


def test_what_rest_lists_stands_below_what_has_come():
    """By the instant of booking; of two versions the newer one stays, and nothing stands twice."""
    board = live_board(booking(1, version=2, status="CheckedIn", change="check_in"), notice())
    board.add_known(
        HOTEL,
        [
            listed(1),
            listed(2, created="2026-01-01T12:00:00.000Z"),
            listed(3, created="2026-01-01T11:00:00.000Z"),
        ],
        [{**notice("Earlier"), "timestamp": "2026-01-01T10:00:00.000Z", "seq": 0}, notice()],
    )
    assert ids(board) == ["r3", "r2", "r1"]
    assert board.rows[HOTEL, "r1"].reservation["status"] == "CheckedIn"
    assert [one["title"] for one in board.notices] == ["Earlier", "Last room sold"]


def test_a_newer_version_from_rest_replaces_an_older_one():
    """After a gap in the history, REST knows more than the board."""
    board = live_board(booking(1))
    board.add_known(HOTEL, [listed(1, version=3, status="Cancelled")], [])
    assert board.rows[HOTEL, "r1"].reservation["status"] == "Cancelled"


def test_a_past_that_is_imported_is_no_news():
    """What happened long ago isn't listed; what is listed already is brought up to date."""
    past = {"at": "2026-01-01T10:00:00.000Z"}
    board = live_board(booking(1), booking(2), booking(3) | past)
    assert ids(board) == ["r1", "r2"]
    board.receive(booking(1, version=2, change="amend") | past, now=NOW, at_s=101)
    assert ids(board) == ["r1", "r2"]
    assert board.rows[HOTEL, "r1"].version == 2


def test_what_rest_lists_of_several_venues_is_in_one_order():
    """By the instant of booking, whichever venue answered first."""
    board = live_board(channels=("hotel_reservations", "restaurant_reservations"))
    for venue, hours in ((HOTEL, (10, 12)), (GRILL, (11, 13))):
        created = [f"2026-01-01T{hour}:00:00.000Z" for hour in hours]
        board.add_known(
            venue, [listed(hour, created=at) for hour, at in zip(hours, created, strict=True)], []
        )
    assert ids(board) == ["r10", "r11", "r12", "r13"]
