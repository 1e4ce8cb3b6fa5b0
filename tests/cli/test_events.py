"""`rtdash events`: a stream's log as NDJSON, and where it begins."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rtdash.cli.main import run
from tests.client.processes import Served


def test_events_are_read_page_by_page(served: Served, capfd: pytest.CaptureFixture[str]) -> None:
    """NDJSON on stdout, oldest first; where to go on, on stderr."""
    served.book(3)
    command = ["events", "restaurant_reservations", "--data", str(served.data)]
    assert run([*command, "--limit", "2"]) == 0
    out, err = capfd.readouterr()
    assert [json.loads(line)["seq"] for line in out.splitlines()] == [1, 2]
    assert "--after 2" in err
    assert run([*command, "--after", "2"]) == 0
    assert json.loads(capfd.readouterr().out.splitlines()[0])["seq"] == 3


def test_events_begin_where_the_log_does(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What is older than the retention is gone: the rest is printed, with the number at which it
    begins.
    """
    server = Served(tmp_path)
    try:
        server.book(9)
        with closing(sqlite3.connect(tmp_path / "rtdash.db")) as store:
            store.execute(
                "DELETE FROM events WHERE channel = 'restaurant_reservations' AND seq <= 6"
            )
            store.commit()
        assert run(["events", "restaurant_reservations", "--data", str(tmp_path)]) == 0
        out, err = capfd.readouterr()
        assert [json.loads(line)["seq"] for line in out.splitlines()] == [7, 8, 9]
        assert "begins behind 6" in err
        assert err.count("begins behind") == 1, "it is found at once"
        assert (
            run(["events", "restaurant_reservations", "--data", str(tmp_path), "--after", "20"])
            == 0
        )
        assert "begins behind 9" in capfd.readouterr().err
    finally:
        server.end()


def test_a_state_channel_has_no_log(served: Served, capfd: pytest.CaptureFixture[str]) -> None:
    """The channel's current states are printed, and it is said that there is nothing before them."""
    assert run(["events", "hotel_stats", "--data", str(served.data)]) == 0
    out, err = capfd.readouterr()
    assert [json.loads(line)["type"] for line in out.splitlines()] == [
        "stats_update",
        "room_availability_update",
    ]
    assert "in no log" in err
