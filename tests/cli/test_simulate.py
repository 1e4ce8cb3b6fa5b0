"""`rtdash simulate` as it is typed: what it prints, how it ends, and what it says when it can't."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtdash.cli.main import run
from rtdash.resources import data_path
from tests.programs import plain_environment
from tests.server.running import DEFAULT_SCOPES, RunningServer, start_server

ADMIN = (*DEFAULT_SCOPES, "admin")
SAMPLE = ["simulate", "--dry-run", "--count", "5", "--start", "2026-03-01"]

ROWS = """\
hotel,lead_time,arrival_date_year,arrival_date_month,arrival_date_day_of_month,\
stays_in_weekend_nights,stays_in_week_nights,adults,children,babies,\
market_segment,reserved_room_type,assigned_room_type,booking_changes,\
deposit_type,days_in_waiting_list,adr,reservation_status,reservation_status_date
City Hotel,10,2016,March,5,2,1,2,0,0,Online TA,A,D,0,No Deposit,0,99.5,Check-Out,3/8/2016
Resort Hotel,2,2016,March,5,1,0,2,0,0,Direct,A,A,0,No Deposit,0,80,Canceled,3/4/2016
City Hotel,10,2016,March,5,0,0,2,0,0,Online TA,A,A,0,No Deposit,0,99.5,Check-Out,3/5/2016
City Hotel,ten,2016,March,5,0,1,2,0,0,Online TA,A,A,0,No Deposit,0,99.5,Check-Out,3/6/2016
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[RunningServer]:
    """A server with the packaged venues."""
    running, thread = start_server(tmp_path_factory.mktemp("data"))
    yield running
    thread.stop()


@pytest.fixture(scope="module")
def hotels(tmp_path_factory) -> Iterator[RunningServer]:
    """A server with the data set's hotels."""
    running, thread = start_server(
        tmp_path_factory.mktemp("data"),
        venues=data_path("fixtures", "venues", "antonio-hotels.toml"),
    )
    yield running
    thread.stop()


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A few rows of the data set, one of them broken."""
    path = tmp_path / "rows.csv"
    path.write_text(ROWS)
    return path


def at(server: RunningServer, *, admin: bool = False) -> list[str]:
    """The options that lead to the server."""
    return ["--url", server.url, "--token", server.token(scopes=ADMIN if admin else DEFAULT_SCOPES)]


def test_dry_run_prints_operations_alone(capfdbinary):
    """Without a server: whole lives of so many reservations, one operation a line, and nothing else
    on stdout.
    """
    assert run([*SAMPLE, "--profile", "resort"]) == 0
    operations = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert {operation["venue"] for operation in operations} == {"harbour-hotel"}
    assert sum(operation["op"] == "book" for operation in operations) == 5


def test_dry_run_is_the_same_to_the_byte(capfdbinary):
    """The same options print the same bytes, another seed others."""
    printed = []
    for seed in ("1", "1", "2"):
        assert run([*SAMPLE, "--seed", seed]) == 0
        printed.append(capfdbinary.readouterr().out)
    assert printed[0] == printed[1] != printed[2]


def test_dry_run_of_a_replay_prints_what_the_rows_tell(capfdbinary, rows):
    """The operations of the rows go to stdout, the account of the rows to stderr, with the broken
    one by line and column.
    """
    assert run(["simulate", "--dry-run", "--replay", str(rows)]) == 0
    out, err = capfdbinary.readouterr()
    assert [json.loads(line)["op"] for line in out.splitlines()] == [
        "book",
        "book",
        "cancel",
        "amend",
        "check_in",
        "pay",
        "check_out",
    ]
    assert b"4 rows: 2 reservations, 2 left out" in err
    assert b"line 5, column lead_time: 'ten' can't be read" in err


def test_closed_pipe_ends_quietly():
    """`rtdash simulate --dry-run … | head -1` complains of nothing."""
    command = [
        sys.executable,
        "-m",
        "rtdash",
        *SAMPLE[:2],
        "--count",
        "2000",
        "--profile",
        "restaurant",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0


def test_live_traffic_for_a_while(server, capfd):
    """Traffic for a duration ends with 0 and a summary on stderr; stdout stays empty."""
    assert run(["simulate", *at(server), "--rate", "60/s", "--duration", "1s"]) == 0
    out, err = capfd.readouterr()
    assert out == ""
    assert "operations sent in" in err
    assert "harbour-hotel" in err
    assert "harbour-grill" in err
    assert "next: rtdash watch" in err


def test_venue_and_profile_choose(server, capfd):
    """Only the venue asked for gets traffic."""
    assert (
        run(
            [
                "simulate",
                *at(server),
                "--rate",
                "60/s",
                "--duration",
                "0.5s",
                "--venue",
                "harbour-grill",
            ]
        )
        == 0
    )
    assert "harbour-hotel" not in capfd.readouterr().err


def test_replay_is_applied(hotels, rows, capfd):
    """Rows become reservations; a second time they are repeats."""
    assert run(["simulate", *at(hotels, admin=True), "--replay", str(rows)]) == 0
    assert "7 operations applied, 2 reservations" in capfd.readouterr().err
    assert run(["simulate", *at(hotels, admin=True), "--replay", str(rows)]) == 0
    assert "7 repeated" in capfd.readouterr().err


def test_replay_of_one_hotel(hotels, rows, capfd):
    """`--venue` replays one of the two hotels, and `--speed` keeps the data's own time in
    proportion.
    """
    options = ["--venue", "resort-hotel", "--speed", "86400000"]
    assert run(["simulate", *at(hotels, admin=True), "--replay", str(rows), *options]) == 0
    assert "2 operations sent" in capfd.readouterr().err


def test_replay_needs_its_hotels(server, rows, capfd):
    """For a server without the data set's hotels the error gives the command that adds them;
    nothing is sent.
    """
    assert run(["simulate", *at(server, admin=True), "--replay", str(rows)]) == 1
    err = capfd.readouterr().err
    assert "no venue city-hotel and no venue resort-hotel" in err
    assert "rtdash serve --venues" in err
    assert "operations sent" not in err


def test_replay_without_the_admin_scope(hotels, rows, capfd):
    """Instants of the past need the admin scope: exit code 4, and the scope is named."""
    assert run(["simulate", *at(hotels), "--replay", str(rows)]) == 4
    assert "admin" in capfd.readouterr().err


def test_wrong_token(server, capfd):
    """A token that isn't valid ends with 4 and how to get one; more scopes would not help."""
    assert run(["simulate", "--url", server.url, "--token", "not-a-token", "--duration", "1s"]) == 4
    err = capfd.readouterr().err
    assert "refuses this token" in err
    assert "rtdash token" in err
    assert "scope" not in err
    assert "not-a-token" not in err


def test_token_that_may_not_write(server, capfd):
    """A token that may only read ends with 4 and how to get another; nothing is sent."""
    token = server.token(scopes=("hotel:read", "restaurant:read"))
    assert run(["simulate", "--url", server.url, "--token", token, "--duration", "1s"]) == 4
    err = capfd.readouterr().err
    assert "rtdash token --scope" in err
    assert "operations sent" not in err


def test_nobody_there(capfd):
    """A server that can't be reached ends with 3 and the command that starts one."""
    assert run(["simulate", "--url", "http://127.0.0.1:9", "--token", "t", "--duration", "1s"]) == 3
    assert "rtdash serve" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rate", "fast"], "'fast' is not a rate"),
        (["--duration", "soon"], "'soon' is not a duration"),
        (["--scenario", "monday"], "friday-dinner"),
        (["--profile", "hostel"], "resort, city, restaurant"),
        (["--start", "yesterday"], "'yesterday' is not a date"),
        (["--count", "5"], "--count goes with --dry-run"),
        (["--speed", "2"], "--speed goes with --replay"),
        (["--dry-run", "--venue", "ritz"], "harbour-hotel"),
        (["--dry-run", "--venue", "harbour-grill", "--profile", "city"], "harbour-grill"),
        (["--replay", "nowhere.csv"], "nowhere.csv can't be read"),
        (["--replay", "pyproject.toml"], "lacks the columns"),
        (["--backfill", "-1"], "--backfill"),
    ],
)
def test_wrong_options_are_told(options, said, capfd):
    """What can't be is refused with 2, and the message says how it is written, or what there is."""
    assert run(["simulate", *options]) == 2
    assert said in capfd.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_tells_what_it_did(server, number):
    """Ctrl-C and SIGTERM end the run with its summary and 130; every operation sent got its
    answer.
    """
    command = [sys.executable, "-m", "rtdash", "simulate", *at(server), "--rate", "50/s"]
    with (
        server.client() as client,
        subprocess.Popen(
            command, stderr=subprocess.PIPE, env=plain_environment(), text=True
        ) as process,
    ):
        before = seen = client.get("/api/hotel/bookings").json()["positions"]
        until = time.monotonic() + 30
        while seen == before:
            assert time.monotonic() < until, "no traffic came"
            seen = client.get("/api/hotel/bookings").json()["positions"]
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "operations sent in" in err
        assert "without an answer" not in err
        assert "Traceback" not in err
